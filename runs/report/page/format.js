// Numbers with units, as runs/format.ts writes them on the terminal; a test holds the two together.

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
};

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const COUNT_UNITS = ['', 'K', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];

/** @param {string} name */
export function labelOf(name) {
  return METRIC_LABELS[name] ?? GENE_LABELS[name] ?? name;
}

/** A heading in the middle of a sentence; abbreviations stay. @param {string} name */
export function lowerLabel(name) {
  const label = labelOf(name);
  return /^[A-Z][a-z]/.test(label) ? `${label[0]?.toLowerCase()}${label.slice(1)}` : label;
}

/** `knee, lowest decodeLatency` with the names of headings. @param {string | undefined} marks */
export function marksText(marks) {
  return (marks ?? '')
    .split(', ')
    .map((mark) => mark.replace(/(?<= )\S+$/, lowerLabel))
    .join(', ');
}

/** @param {number} value */
export function formatNumber(value, digits = 3) {
  if (value === 0) return '0';
  const magnitude = Math.abs(value);
  if (magnitude < 1e-4 || magnitude >= 1e9) return value.toExponential(digits - 1);
  if (magnitude >= 10 ** digits) return Math.round(value).toString();
  return Number(value.toPrecision(digits)).toString();
}

/** @param {number} value @param {number} base @param {readonly string[]} units */
function scaled(value, base, units) {
  let magnitude = Math.abs(value);
  let at = 0;
  while (magnitude >= (base === 1000 ? 999.5 : 1023.5) && at < units.length - 1) {
    magnitude /= base;
    at++;
  }
  const number = at === 0 ? formatNumber(magnitude) : magnitude.toPrecision(magnitude >= 1000 ? 4 : 3);
  return `${value < 0 ? '-' : ''}${number} ${units[at]}`.trimEnd();
}

/** @param {number} seconds */
function formatSeconds(seconds) {
  const magnitude = Math.abs(seconds);
  if (magnitude === 0) return '0 s';
  if (magnitude < 1e-6) return `${(seconds * 1e9).toPrecision(3)} ns`;
  if (magnitude < 1e-3) return `${(seconds * 1e6).toPrecision(3)} µs`;
  if (magnitude < 1) return `${(seconds * 1e3).toPrecision(3)} ms`;
  return magnitude < 1000 ? `${seconds.toPrecision(3)} s` : `${Math.round(seconds)} s`;
}

/** @param {number} seconds */
export function formatDuration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}

/** @param {number} share */
export function formatShare(share) {
  const percent = share * 100;
  return `${percent === 0 || percent >= 10 ? percent.toFixed(percent === 0 ? 0 : 1) : formatNumber(percent)} %`;
}

/** @param {string} unit @param {number | null | undefined} value */
export function formatUnit(unit, value) {
  if (value === undefined || value === null) return '–';
  switch (unit) {
    case 'bitsPerByte':
      return value.toFixed(4);
    case 'seconds':
      return formatSeconds(value);
    case 'bytes':
      return scaled(value, 1024, BYTE_UNITS);
    case 'count':
      return scaled(value, 1000, COUNT_UNITS);
    case 'tokensPerSecond':
      return `${formatNumber(value)} tok/s`;
    case 'joules':
      return `${formatNumber(value)} J`;
    case 'dollars':
      return `$${formatNumber(value)}`;
    default:
      return formatNumber(value, 4);
  }
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
        return fitting(BYTE_UNITS.map((name, at) => [1024 ** at, name]));
      case 'count':
        return fitting(COUNT_UNITS.map((name, at) => [1000 ** at, name]));
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
