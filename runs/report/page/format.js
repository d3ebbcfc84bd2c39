// Names and numbers as the page writes them.
import { formatQuantity } from './units.js';

/** Names of metrics for headings. @type {Readonly<Record<string, string>>} */
const METRIC_LABELS = {
  loss: 'Loss',
  decodeLatency: 'Decode latency',
  prefillLatency: 'Prefill latency',
  requestLatency: 'Request latency',
  throughput: 'Throughput',
  memory: 'Memory',
  weightBytes: 'Weights',
  kvCacheBytes: 'KV cache',
  parameters: 'Parameters',
  macs: 'MACs',
  energy: 'Energy a token',
  price: 'Price a million tokens',
};

/** Names of parameters for headings. @type {Readonly<Record<string, string>>} */
const GENE_LABELS = {
  dModel: 'Width',
  headDim: 'Head width',
  depth: 'Layers',
  heads: 'Query heads',
  kvHeads: 'KV heads',
  dFf: 'Feed-forward',
  weightBits: 'Bits a weight',
  sparsity: 'Sparsity',
  headFormat: 'Head format',
  kvCacheFormat: 'KV format',
  tieEmbeddings: 'Embeddings',
  cards: 'Cards',
  draft: 'Draft',
  draftParameters: 'Draft size',
};

/** @param {string} name */
export function labelOf(name) {
  return METRIC_LABELS[name] ?? GENE_LABELS[name] ?? name;
}

/** A heading that carries the unit where the values do not. @param {string} name @param {string} unit */
export function headingOfMetric(name, unit) {
  return unit === 'bitsPerByte' ? `${labelOf(name)} (bits/byte)` : labelOf(name);
}

/** A heading in the middle of a sentence; abbreviations stay. @param {string} name */
export function lowerLabel(name) {
  const label = labelOf(name);
  return /^[A-Z][a-z]/.test(label) ? `${label[0]?.toLowerCase()}${label.slice(1)}` : label;
}

/** Words as a sentence begins. @param {string} text */
export function capitalised(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

/** The name of a search as a sentence begins. @param {string} algorithm as the file has it */
export function algorithmLabel(algorithm) {
  return algorithm === 'nsga2' ? 'NSGA-II' : capitalised(algorithm);
}

/** `knee, lowest decodeLatency` with the names of headings. @param {string | undefined} marks */
export function marksText(marks) {
  return (marks ?? '')
    .split(', ')
    .map((mark) => mark.replace(/(?<= )\S+$/, lowerLabel))
    .join(', ');
}

/** @param {string} unit @param {number | null | undefined} value */
export function formatUnit(unit, value) {
  return value === undefined || value === null ? '–' : formatQuantity(unit, value);
}

/** How a candidate came about. @type {Readonly<Record<string, string>>} */
const ORIGINS = {
  baseline: 'the baseline',
  sample: 'a random member of the space',
  mutation: 'a mutation',
  crossover: 'a crossover',
  guided: 'proposed by the model of the search',
  adopted: 'another deployment',
};

/** `a crossover of candidates 1 and 2`. @param {string} origin @param {readonly number[]} parents */
export function describeOrigin(origin, parents) {
  const way = ORIGINS[origin] ?? origin;
  if (parents.length === 0) return way;
  return `${way} of ${parents.length === 1 ? 'candidate' : 'candidates'} ${parents.join(' and ')}`;
}

/** What takes a candidate home. @param {{ readonly run: { readonly id: string } }} data @param {number} candidate */
export function exportCommand({ run }, candidate) {
  return `paretoformer export ${run.id} ${candidate} --out my-model`;
}

/** A whole number with thin spaces between thousands. @param {number} value */
export function formatWhole(value) {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, '\u2009');
}

/**
 * The unit in which an axis reads best: values are divided by `factor` and the axis is named after `suffix`.
 * @param {string} unit
 * @param {readonly number[]} values
 */
export function axisUnit(unit, values) {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  /** @param {readonly [number, string][]} steps */
  const fitting = (steps) => steps.findLast(([factor]) => largest >= factor) ?? steps[0] ?? [1, ''];
  const [factor, suffix] = (() => {
    switch (unit) {
      case 'bitsPerByte':
        return [1, 'bits per byte'];
      case 'seconds':
        return fitting([
          [1e-9, 'ns'],
          [1e-6, 'µs'],
          [1e-3, 'ms'],
          [1, 's'],
        ]);
      case 'bytes':
        return fitting(['B', 'KiB', 'MiB', 'GiB', 'TiB'].map((name, at) => [1024 ** at, name]));
      case 'count':
        return fitting(['', 'K', 'M', 'G', 'T'].map((name, at) => [1000 ** at, name]));
      case 'tokensPerSecond':
        return [1, 'tokens/s'];
      case 'joules':
        return fitting([
          [1e-6, 'µJ'],
          [1e-3, 'mJ'],
          [1, 'J'],
        ]);
      case 'dollars':
        return [1, '$ per million tokens'];
      default:
        return [1, ''];
    }
  })();
  return { factor: Number(factor), suffix: String(suffix) };
}
