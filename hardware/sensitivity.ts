// Which single change buys most next: every knob of a candidate moved one notch, ranked by what it saves.
import type { Layer } from '../space/architecture.ts';
import {
  alikeLayer,
  type Deployment,
  isAlike,
  LAYER_PARTS,
  type LayerPart,
  mapStorage,
  type WeightStorage,
  weightFormatsOf,
} from '../space/deployment.ts';
import type { WeightFormat } from '../space/number-formats.ts';
import { type CostEstimate, estimateCost } from './cost.ts';
import type { CostInput } from './cost-input.ts';
import { HardwareError } from './errors.ts';

export const SENSITIVITY_METRICS = [
  'decodeSecondsPerToken',
  'timeToFirstTokenSeconds',
  'requestSeconds',
  'memoryBytes',
  'energyJoulesPerToken',
] as const;
export type SensitivityMetric = (typeof SENSITIVITY_METRICS)[number];

export interface Sensitivity {
  /** The change in plain words. */
  readonly change: string;
  /** Block it touches; undefined where it touches the whole model. */
  readonly layer: number | undefined;
  /** Share of the metric that the change saves; negative where it costs. */
  readonly savedRatio: number;
  readonly before: number;
  readonly after: number;
  readonly cost: CostEstimate;
}

/** The next smaller format on the way down. */
const NEXT_FORMAT: Readonly<Partial<Record<WeightFormat, WeightFormat>>> = {
  fp32: 'fp16',
  fp16: 'mxfp8-e4m3',
  bf16: 'mxfp8-e4m3',
  fp8: 'mxfp6-e2m3',
  int8: 'mxfp6-e2m3',
  mxint8: 'mxfp6-e2m3',
  'mxfp8-e4m3': 'mxfp6-e2m3',
  'mxfp8-e5m2': 'mxfp6-e3m2',
  'mxfp6-e2m3': 'mxfp4-e2m1',
  'mxfp6-e3m2': 'mxfp4-e2m1',
};
const SPARSITY_STEPS = [0.5, 0.6, 0.7, 0.8, 0.9] as const;

interface Change {
  readonly change: string;
  readonly layer: number | undefined;
  readonly input: CostInput;
}

/** The largest divisor of `nHeads` below `nKvHeads`. */
function fewerKvHeads({ nHeads, nKvHeads }: Layer): number | undefined {
  for (let count = nKvHeads - 1; count >= 1; count -= 1) if (nHeads % count === 0) return count;
  return undefined;
}

function withLayer(input: CostInput, at: number, layer: Layer): CostInput {
  const layers = input.architecture.layers.map((old, i) => (i === at ? layer : old));
  return { ...input, architecture: { ...input.architecture, layers } };
}

function withDeployment(input: CostInput, change: Partial<Deployment>): CostInput {
  return { ...input, deployment: { ...input.deployment, ...change } };
}

function layerChanges(input: CostInput, at: number): Change[] {
  const layer = input.architecture.layers[at]!;
  const changes: Change[] = [];
  const add = (change: string, next: CostInput) => changes.push({ change, layer: at, input: next });
  const nKvHeads = layer.nHeads > 0 ? fewerKvHeads(layer) : undefined;
  if (nKvHeads !== undefined) {
    add(
      `layer ${at}: ${layer.nKvHeads} to ${nKvHeads} kv heads`,
      withLayer(input, at, { ...layer, nKvHeads }),
    );
  }
  if (layer.nHeads > 0 && layer.dFf > 0) {
    add(`layer ${at}: no attention`, withLayer(input, at, { ...layer, nHeads: 0, nKvHeads: 0 }));
  }
  const dFf = Math.floor((layer.dFf * 7) / 8);
  if (dFf > 0 && dFf < layer.dFf) {
    add(`layer ${at}: feed-forward ${layer.dFf} to ${dFf}`, withLayer(input, at, { ...layer, dFf }));
  }
  for (const { parts, name } of storedParts(input, at)) {
    const stored = input.deployment.layers[at]![parts[0]!];
    const only = (change: Partial<WeightStorage>) => {
      const layers = input.deployment.layers.map((old, i) => {
        if (i !== at) return old;
        const changed = alikeLayer({ ...stored, ...change });
        return parts.length === 2 ? changed : { ...old, [parts[0]!]: changed[parts[0]!] };
      });
      return withDeployment(input, { layers });
    };
    const weightFormat = NEXT_FORMAT[stored.weightFormat];
    if (weightFormat !== undefined) {
      add(`layer ${at}: ${name}${stored.weightFormat} to ${weightFormat}`, only({ weightFormat }));
    }
    const sparsity = SPARSITY_STEPS.find((step) => step > stored.sparsity);
    if (sparsity !== undefined) {
      add(`layer ${at}: ${name}sparsity ${stored.sparsity} to ${sparsity}`, only({ sparsity }));
    }
  }
  return changes;
}

const PART_NAMES: Readonly<Record<LayerPart, string>> = {
  attention: 'attention ',
  feedForward: 'feed-forward ',
};

/** The parts of a layer as they are moved: together where both are stored alike, else one by one. */
function storedParts({ deployment }: CostInput, at: number): { parts: readonly LayerPart[]; name: string }[] {
  if (isAlike(deployment.layers[at]!)) return [{ parts: LAYER_PARTS, name: '' }];
  return LAYER_PARTS.map((part) => ({ parts: [part], name: PART_NAMES[part] }));
}

function modelChanges(input: CostInput): Change[] {
  const { deployment, accelerator, architecture } = input;
  const changes: Change[] = [];
  const add = (change: string, next: CostInput) => changes.push({ change, layer: undefined, input: next });
  if (deployment.nCards < accelerator.maxCards && accelerator.links.length > 0) {
    add('one more card', withDeployment(input, { nCards: deployment.nCards + 1 }));
  }
  for (const kvCacheFormat of accelerator.kvCacheFormats) {
    if (deployment.kvCacheFormat === 'fp16' && kvCacheFormat !== 'fp16') {
      add(`KV cache in ${kvCacheFormat}`, withDeployment(input, { kvCacheFormat }));
    }
  }
  const { embedding } = deployment;
  const headFormat = NEXT_FORMAT[embedding.weightFormat];
  if (headFormat !== undefined) {
    add(
      `embedding and head: ${embedding.weightFormat} to ${headFormat}`,
      withDeployment(input, { embedding: { ...embedding, weightFormat: headFormat } }),
    );
  }
  if (weightFormatsOf(deployment.layers).some((format) => NEXT_FORMAT[format] !== undefined)) {
    const { layers } = mapStorage(deployment, (stored) => ({
      ...stored,
      weightFormat: NEXT_FORMAT[stored.weightFormat] ?? stored.weightFormat,
    }));
    add('all layers one weight format down', withDeployment(input, { layers }));
  }
  const layers = architecture.layers.map((layer) => {
    const nKvHeads = layer.nHeads > 0 ? fewerKvHeads(layer) : undefined;
    return nKvHeads === undefined ? layer : { ...layer, nKvHeads };
  });
  if (layers.some((layer, i) => layer !== architecture.layers[i])) {
    add('fewer kv heads in all layers', { ...input, architecture: { ...architecture, layers } });
  }
  return changes;
}

/**
 * All single changes, the one that saves most of `metric` first. Quality is not priced here: the list says what a
 * change buys, not what it loses.
 * @throws HardwareError as `estimateCost`.
 */
export function sensitivity(
  input: CostInput,
  metric: SensitivityMetric = 'decodeSecondsPerToken',
): readonly Sensitivity[] {
  if (!SENSITIVITY_METRICS.includes(metric)) {
    throw new HardwareError('bad-workload', `no sensitivity of ${JSON.stringify(metric)}`);
  }
  const before = estimateCost(input)[metric];
  const changes = [
    ...modelChanges(input),
    ...input.architecture.layers.flatMap((_, at) => layerChanges(input, at)),
  ];
  return changes
    .map(({ change, layer, input: next }): Sensitivity => {
      const cost = estimateCost(next);
      const after = cost[metric];
      return { change, layer, savedRatio: before === 0 ? 0 : 1 - after / before, before, after, cost };
    })
    .sort((a, b) => b.savedRatio - a.savedRatio);
}
