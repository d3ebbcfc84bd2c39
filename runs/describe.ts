// Candidates in the form that tables and JSON documents show them.
import type { Architecture } from '../space/architecture.ts';
import {
  type Deployment,
  isAlike,
  LAYER_PARTS,
  type LayerDeployment,
  type LayerPart,
  type WeightStorage,
} from '../space/deployment.ts';
import type { Draft } from '../space/draft.ts';
import { DEFAULT_ENGINE, type EngineSpec } from '../space/engine-spec.ts';
import { WEIGHT_FORMATS } from '../space/number-formats.ts';
import type { Scale } from '../space/scale.ts';
import { hasPart } from '../space/storage-genes.ts';
import { formatLayers, plural } from './format.ts';

/** The parts of a layer as people read them. */
export const PART_NAMES: Readonly<Record<LayerPart, string>> = {
  attention: 'attention',
  feedForward: 'feed-forward',
};

/** `mxfp4-e2m1`, with `80 % sparse` where weights are. */
export function describeStorage({ weightFormat, sparsity }: WeightStorage): string {
  return sparsity === 0 ? weightFormat : `${weightFormat} ${Math.round(sparsity * 100)} % sparse`;
}

/** `mxfp4-e2m1` where both parts are stored alike, else `attention fp16, feed-forward mxfp4-e2m1`. */
export function describeLayerStorage(stored: LayerDeployment): string {
  if (isAlike(stored)) return describeStorage(stored.attention);
  return LAYER_PARTS.map((part) => `${PART_NAMES[part]} ${describeStorage(stored[part])}`).join(', ');
}

/** Kinds of storage that are counted one by one; of more, only the range is told. */
const MOST_COUNTED = 2;

function summed(stored: readonly WeightStorage[]): string {
  const counts = new Map<string, number>();
  for (const name of stored.map(describeStorage)) counts.set(name, (counts.get(name) ?? 0) + 1);
  if (counts.size === 1) return describeStorage(stored[0]!);
  if (counts.size <= MOST_COUNTED) return [...counts].map(([name, n]) => `${name} x${n}`).join(', ');
  const widths = stored.map(({ weightFormat }) => WEIGHT_FORMATS.indexOf(weightFormat));
  const widest = WEIGHT_FORMATS[Math.min(...widths)]!;
  const narrowest = WEIGHT_FORMATS[Math.max(...widths)]!;
  const formats = widest === narrowest ? widest : `${widest} to ${narrowest}`;
  const zeros = stored.map(({ sparsity }) => Math.round(100 * sparsity));
  const [least, most] = [Math.min(...zeros), Math.max(...zeros)];
  if (most === 0) return formats;
  return `${formats}, ${least === most ? most : `${least} to ${most}`} % sparse`;
}

/**
 * `fp16 x1, mxfp4-e2m1 x3` over the layers, `fp16 to mxfp4-e2m1` where they are stored in more ways; attention and
 * feed-forward apart where they are stored unlike.
 */
export function describeWeights(
  { layers }: Pick<Architecture, 'layers'>,
  { layers: stored }: Pick<Deployment, 'layers'>,
): string {
  if (stored.every(isAlike)) return summed(stored.map(({ attention }) => attention));
  const parts = LAYER_PARTS.map((part) => {
    const own = stored.flatMap((layer, at) => (hasPart(layers[at]!, part) ? layer[part] : []));
    return `${PART_NAMES[part]} ${own.length === 0 ? 'none' : summed(own)}`;
  });
  return parts.join('; ');
}

/** `none`, `look-up`, `first 2 layers`, `24 wide, 1 layer, dFf 64, mxfp6-e2m3`. */
export function describeDraft(draft: Draft | undefined): string {
  if (draft === undefined) return 'none';
  const sure = draft.confidence === 0 ? '' : `, stops below confidence ${draft.confidence}`;
  const length = draft.draftLength === 'best' ? '' : `, ${plural(draft.draftLength, 'token')} a round`;
  switch (draft.kind) {
    case 'lookup':
      return `look-up${length}`;
    case 'self':
      return `first ${draft.nLayers === 1 ? 'layer' : `${draft.nLayers} layers`}${length}${sure}`;
    case 'model': {
      const { dModel, layers } = draft.architecture;
      const shape = `${dModel} wide, ${plural(layers.length, 'layer')}, dFf ${layers[0]!.dFf}`;
      return `${shape}, ${draft.weightFormat}${length}${sure}`;
    }
  }
}

/** `mxfp4-e2m1; draft first 2 layers`: weights, and the draft where there is one. */
export function describeDeployed(architecture: Architecture, deployment: Deployment): string {
  const weights = describeWeights(architecture, deployment);
  const { draft } = deployment;
  return draft === undefined ? weights : `${weights}; draft ${describeDraft(draft)}`;
}

/** The columns that tell one architecture from another. */
export function describeArchitecture({ dModel, headDim, layers }: Architecture) {
  return {
    dModel,
    headDim,
    depth: layers.length,
    nHeads: formatLayers(layers.map(({ nHeads }) => nHeads)),
    nKvHeads: formatLayers(layers.map(({ nKvHeads }) => nKvHeads)),
    dFf: formatLayers(layers.map(({ dFf }) => dFf)),
  };
}

/** In words, what the costs are of; `undefined` where that is the trained model itself. */
export function describeScale(scale: Scale | undefined): string | undefined {
  if (scale === undefined) return undefined;
  const { width, heads, vocabSize, contextLength } = scale;
  const parts = [`widths x${width}`, `heads x${heads}`, `headDim x${width / heads}`];
  if (vocabSize !== undefined) parts.push(`vocabulary ${vocabSize}`);
  if (contextLength !== undefined) parts.push(`context ${contextLength}`);
  return parts.join(', ');
}

/** `onnx`, `onnx on cuda`, `onnx with 2 threads`. */
export function describeEngine({ name, provider, threads }: EngineSpec): string {
  return [
    name,
    ...(provider === DEFAULT_ENGINE.provider ? [] : [`on ${provider}`]),
    ...(threads === DEFAULT_ENGINE.threads ? [] : [`with ${threads} threads`]),
  ].join(' ');
}
