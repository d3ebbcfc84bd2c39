// How much a deployment disturbs what each part of a model computes, before any loss is measured: the features from
// which `fitLossChange` predicts.
import type { Architecture } from '../../space/architecture.ts';
import {
  type Deployment,
  KV_CACHE_FORMATS,
  type KvCacheFormat,
  type WeightFormat,
} from '../../space/deployment.ts';
import type { Weights } from '../model/parameters.ts';
import type { Calibration } from './calibration.ts';
import { castMatrix } from './cast-model.ts';
import { type MatrixSpec, matrixSpecs, storageOf } from './matrices.ts';
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

/** Features of a deployment: the mean disturbance of each layer's matrices, that of embedding and head, cache formats. */
export type NoiseProfile = (deployment: Deployment) => Float64Array;

/** KV-cache formats that change the loss enough to be told from half precision. */
const LOSSY_CACHES: readonly KvCacheFormat[] = KV_CACHE_FORMATS.filter((format) => format !== 'fp16');

/**
 * Profiles of deployments of one trained model. Every layer and choice is cast once; pruning is that of `method` on
 * the calibration of the dense model.
 */
export function createNoiseProfile(
  architecture: Architecture,
  weights: Weights,
  calibration: Calibration,
  method: PruningMethod = { kind: 'magnitude' },
): NoiseProfile {
  const specs = matrixSpecs(architecture).filter(({ kind }) => kind !== 'gain');
  const known = new Map<string, number>();
  const noiseOf = (spec: MatrixSpec, deployment: Deployment): number => {
    const { format, sparsity }: { format: WeightFormat; sparsity: number } = storageOf(spec, deployment);
    const key = `${spec.name} ${format} ${sparsity}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const values = weights[spec.name]!;
    const pruned = sparsity === 0 ? values : pruneMatrix(values, spec, sparsity, method, calibration).values;
    const { decoded } = castMatrix(pruned, spec, deployment);
    const noise = outputNoise(values, decoded, spec, calibration[spec.name]);
    known.set(key, noise);
    return noise;
  };
  return (deployment) => {
    const nLayers = architecture.layers.length;
    const features = new Float64Array(nLayers + 1 + LOSSY_CACHES.length);
    const counts = new Float64Array(nLayers + 1);
    for (const { layer = nLayers } of specs) counts[layer] = counts[layer]! + 1;
    for (const spec of specs) {
      const place = spec.layer ?? nLayers;
      features[place] = features[place]! + noiseOf(spec, deployment) / counts[place]!;
    }
    const cache = LOSSY_CACHES.indexOf(deployment.kvCacheFormat);
    // Eight bits are about 2^-12 of noise; the fit finds the rest.
    if (cache >= 0) features[nLayers + 1 + cache] = 2 ** -12;
    return features;
  };
}
