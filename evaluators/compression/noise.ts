// How much a deployment disturbs what each part of a model computes, before any loss is measured: the features from
// which `fitLossChange` predicts.
import type { Architecture } from '../../space/architecture.ts';
import { type Deployment, LAYER_PARTS, type LayerPart, type WeightStorage } from '../../space/deployment.ts';
import { KV_CACHE_FORMATS, type KvCacheFormat } from '../../space/number-formats.ts';
import type { Weights } from '../model/parameters.ts';
import type { Calibration } from './calibration.ts';
import { castMatrix } from './cast-model.ts';
import { type MatrixSpec, matrixSpecs } from './matrices.ts';
import { type PruningMethod, pruneMatrix } from './prune.ts';

/**
 * Power of the change of a matrix's outputs over the power of the outputs, trace(D' M D) / trace(W' M W) with M the
 * second moments of its inputs; without moments inputs count as uncorrelated and of one size.
 */
export function outputNoise(
  before: Float32Array,
  after: Float32Array,
  { rows, cols }: Pick<MatrixSpec, 'rows' | 'cols'>,
  moments?: Float64Array,
): number {
  const change = Float32Array.from(before, (value, i) => after[i]! - value);
  const signal = quadraticForm(before, rows, cols, moments);
  return signal === 0 ? 0 : quadraticForm(change, rows, cols, moments) / signal;
}

/** trace(V' M V); M is symmetric, so each pair of rows is visited once. */
function quadraticForm(values: Float32Array, rows: number, cols: number, moments?: Float64Array): number {
  let total = 0;
  for (let i = 0; i < rows; i++) {
    for (let j = moments === undefined ? i : 0; j <= i; j++) {
      const moment = moments?.[i * rows + j] ?? 1;
      let product = 0;
      for (let col = 0; col < cols; col++) product += values[i * cols + col]! * values[j * cols + col]!;
      total += (i === j ? 1 : 2) * moment * product;
    }
  }
  return total;
}

/** `outputNoise` of a matrix under a way of storing it. */
export type MatrixNoise = (spec: MatrixSpec, storage: WeightStorage) => number;

/**
 * Noise of the matrices of one trained model. Every matrix and choice is cast once; pruning is that of `method` on the
 * calibration of the dense model.
 */
export function createMatrixNoise(
  weights: Weights,
  calibration: Calibration,
  method: PruningMethod = { kind: 'magnitude' },
): MatrixNoise {
  const known = new Map<string, number>();
  return (spec, storage) => {
    const key = `${spec.name} ${storage.weightFormat} ${storage.sparsity}`;
    let noise = known.get(key);
    if (noise === undefined) {
      const values = weights[spec.name]!;
      const isSparse = storage.sparsity > 0;
      const pruned = isSparse
        ? pruneMatrix(values, spec, storage.sparsity, method, calibration).values
        : values;
      noise = outputNoise(values, castMatrix(pruned, spec, storage).decoded, spec, calibration[spec.name]);
      known.set(key, noise);
    }
    return noise;
  };
}

/** Mean noise of some matrices that are stored alike; 0 of none. */
export function meanNoise(
  noiseOf: MatrixNoise,
  specs: readonly MatrixSpec[],
  storage: WeightStorage,
): number {
  return specs.reduce((sum, spec) => sum + noiseOf(spec, storage) / specs.length, 0);
}

/** KV-cache formats that change the loss enough to be told from half precision. */
const LOSSY_CACHES: readonly KvCacheFormat[] = KV_CACHE_FORMATS.filter((format) => format !== 'fp16');

/** One number for each lossy format of the KV cache. Eight bits are about 2^-12 of noise; a fit finds the rest. */
export function cacheNoise(format: KvCacheFormat): number[] {
  return LOSSY_CACHES.map((lossy) => (lossy === format ? 2 ** -12 : 0));
}

/** The matrices of one part of one layer, or of embedding and head. */
export function matricesOf(
  architecture: Architecture,
  part: LayerPart | 'embedding',
  layer?: number,
): readonly MatrixSpec[] {
  return matrixSpecs(architecture).filter((spec) => spec.kind === part && spec.layer === layer);
}

/**
 * Features of a deployment: the mean noise of the matrices of each layer's attention and feed-forward, in this order
 * layer by layer, that of embedding and head, and the KV cache's format.
 */
export type NoiseProfile = (deployment: Deployment) => Float64Array;

/** Profiles of deployments of one trained model: see `createMatrixNoise`. */
export function createNoiseProfile(
  architecture: Architecture,
  weights: Weights,
  calibration: Calibration,
  method?: PruningMethod,
): NoiseProfile {
  const noiseOf = createMatrixNoise(weights, calibration, method);
  const parts = architecture.layers.map((_, layer) =>
    LAYER_PARTS.map((part) => ({ part, specs: matricesOf(architecture, part, layer) })),
  );
  const outer = matricesOf(architecture, 'embedding');
  return ({ layers, embedding, kvCacheFormat }) =>
    Float64Array.from([
      ...parts.flatMap((inLayer, at) =>
        inLayer.map(({ part, specs }) => meanNoise(noiseOf, specs, layers[at]![part])),
      ),
      meanNoise(noiseOf, outer, embedding),
      ...cacheNoise(kvCacheFormat),
    ]);
}
