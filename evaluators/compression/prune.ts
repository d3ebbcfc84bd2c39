// Prunes a trained model to the sparsities of a deployment in one shot.
import type { Architecture } from '../../space/architecture.ts';
import type { Deployment } from '../../space/deployment.ts';
import type { Weights } from '../model/parameters.ts';
import { type Calibration, inputNorms } from './calibration.ts';
import { type OwlOptions, outlierAwareSparsities, outlierShare } from './layer-sparsity.ts';
import { applyMask, type Masks } from './mask.ts';
import { blockMatrices, type MatrixSpec, prunedMatrices, storageOf } from './matrices.ts';
import { type Group, magnitudeScores, maskOfScores, wandaScores } from './scores.ts';
import { type SparseGptOptions, sparseGpt } from './sparse-gpt.ts';

/** How the weights that go are chosen. Wanda compares within one output unless told otherwise, as published. */
export type PruningMethod =
  | { readonly kind: 'magnitude'; readonly group?: Group }
  | { readonly kind: 'wanda'; readonly group?: Group }
  | ({ readonly kind: 'sparsegpt' } & SparseGptOptions);

export interface PrunedModel {
  readonly weights: Weights;
  /** Of the matrices that were pruned. */
  readonly masks: Masks;
}

/** Measures the inputs of the matrices under the given weights: `Calibrator.measure`. */
export type Calibrate = (weights: Weights) => Promise<Calibration>;

function needed(
  calibration: Calibration | undefined,
  method: PruningMethod,
  { name }: MatrixSpec,
): Float64Array {
  const moments = calibration?.[name];
  if (moments === undefined)
    throw new TypeError(`pruning by ${method.kind} needs a calibration of "${name}"`);
  return moments;
}

const BY_MAGNITUDE: PruningMethod = { kind: 'magnitude' };

/** One matrix pruned to exactly round(sparsity x weights) zeros; tables of embeddings by magnitude, whatever the method. */
export function pruneMatrix(
  values: Float32Array,
  spec: MatrixSpec,
  sparsity: number,
  wanted: PruningMethod,
  calibration?: Calibration,
) {
  // Nothing calibrates a table that is looked up by rows.
  const method = spec.kind === 'embedding' ? BY_MAGNITUDE : wanted;
  switch (method.kind) {
    case 'magnitude': {
      const mask = maskOfScores(magnitudeScores(values), spec, sparsity, method.group ?? 'matrix');
      return { values: applyMask(values, mask), mask };
    }
    case 'wanda': {
      const scores = wandaScores(values, spec, inputNorms(needed(calibration, method, spec)));
      const mask = maskOfScores(scores, spec, sparsity, method.group ?? 'output');
      return { values: applyMask(values, mask), mask };
    }
    case 'sparsegpt':
      return sparseGpt(values, spec, needed(calibration, method, spec), sparsity, method);
  }
}

/**
 * Every matrix pruned to its sparsity; those of sparsity 0 stay as they are. With `calibrate`, layers are pruned one
 * after the other, each on what the pruned layers before it produce, embedding and head last.
 * @throws TypeError where the method needs a calibration and `calibrate` is missing.
 */
export async function pruneWeights(
  architecture: Architecture,
  weights: Weights,
  deployment: Deployment,
  method: PruningMethod,
  calibrate?: Calibrate,
): Promise<PrunedModel> {
  const pruned: Record<string, Float32Array> = { ...weights };
  const masks: Record<string, Uint8Array> = {};
  const specs = prunedMatrices(architecture, deployment);
  const places = [...architecture.layers.keys(), undefined];
  for (const place of places) {
    const here = specs.filter(({ layer }) => layer === place);
    if (here.length === 0) continue;
    const isCalibrated = method.kind !== 'magnitude' && place !== undefined;
    const calibration = isCalibrated ? await calibrate?.(pruned) : undefined;
    for (const spec of here) {
      const { sparsity } = storageOf(spec, deployment);
      const { values, mask } = pruneMatrix(weights[spec.name]!, spec, sparsity, method, calibration);
      pruned[spec.name] = values;
      masks[spec.name] = mask;
    }
  }
  return { weights: pruned, masks };
}

/** `deployment` with the mean sparsity `sparsity` shared out over the layers by their outliers (OWL). */
export function outlierAwareDeployment(
  architecture: Architecture,
  weights: Weights,
  deployment: Deployment,
  sparsity: number,
  calibration: Calibration,
  { threshold, spread }: OwlOptions = {},
): Deployment {
  const specs = blockMatrices(architecture);
  const inLayers = deployment.layers.map((_, layer) => specs.filter((spec) => spec.layer === layer));
  const shares = inLayers.map((inLayer) =>
    outlierShare(
      inLayer.map((spec) => wandaScores(weights[spec.name]!, spec, inputNorms(calibration[spec.name]!))),
      threshold,
    ),
  );
  const counts = inLayers.map((inLayer) => inLayer.reduce((sum, { rows, cols }) => sum + rows * cols, 0));
  const sparsities = outlierAwareSparsities(shares, counts, sparsity, spread);
  const layers = deployment.layers.map(({ attention, feedForward }, i) => ({
    attention: { ...attention, sparsity: sparsities[i]! },
    feedForward: { ...feedForward, sparsity: sparsities[i]! },
  }));
  return { ...deployment, layers };
}
