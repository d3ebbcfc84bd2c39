// A model as a deployment stores it: every tensor through its codec, with exact bits and errors.
import { castWeights, type Storage } from '../../hardware/formats/index.ts';
import type { Architecture } from '../../space/architecture.ts';
import type { Deployment, WeightStorage } from '../../space/deployment.ts';
import type { WeightFormat } from '../../space/number-formats.ts';
import type { Weights } from '../model/parameters.ts';
import { prunedCount } from './mask.ts';
import { type MatrixSpec, matrixSpecs, storageOf } from './matrices.ts';

/** What became of one tensor. */
export interface TensorReport {
  readonly name: string;
  readonly rows: number;
  readonly cols: number;
  readonly format: WeightFormat;
  readonly storage: Storage;
  /** Share of the values that were pruned before the cast. */
  readonly sparsity: number;
  /** Exact bits of the encoded tensor. */
  readonly bits: number;
  readonly dummies: number;
  /** Power of the original values over that of all errors, pruning included, in decibels; Infinity = no error. */
  readonly signalToNoiseDecibels: number;
  readonly largestError: number;
}

export interface CompressedModel {
  /** Decoded: what the deployed model computes with. */
  readonly weights: Weights;
  readonly tensors: readonly TensorReport[];
  readonly totalBits: number;
}

/** Signal to noise and largest error of `decoded` against `original`. */
function errorsOf(original: Float32Array, decoded: Float32Array) {
  let signal = 0;
  let noise = 0;
  let largestError = 0;
  for (let i = 0; i < original.length; i++) {
    const error = decoded[i]! - original[i]!;
    signal += original[i]! ** 2;
    noise += error ** 2;
    largestError = Math.max(largestError, Math.abs(error));
  }
  const signalToNoiseDecibels = noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / noise);
  return { signalToNoiseDecibels, largestError };
}

/** The values of one tensor after its codec. */
export function castMatrix(
  values: Float32Array,
  spec: MatrixSpec,
  { weightFormat, sparsity }: WeightStorage,
) {
  return castWeights(values, spec, weightFormat, sparsity);
}

/**
 * Casts `pruned`, a model already at the deployment's sparsities (what is denser loses its smallest magnitudes), and
 * compares it with the `original` weights.
 * @throws FormatError where a weight is not finite.
 */
export function castModel(
  architecture: Architecture,
  pruned: Weights,
  deployment: Deployment,
  original: Weights = pruned,
): CompressedModel {
  const weights: Record<string, Float32Array> = {};
  const tensors = matrixSpecs(architecture).map((spec): TensorReport => {
    const { name, rows, cols } = spec;
    const stored = storageOf(spec, deployment);
    const { decoded, bits, storage, dummies } = castMatrix(pruned[name]!, spec, stored);
    weights[name] = decoded;
    return {
      name,
      rows,
      cols,
      format: stored.weightFormat,
      storage,
      sparsity: prunedCount(stored.sparsity, rows * cols) / (rows * cols),
      bits,
      dummies,
      ...errorsOf(original[name]!, decoded),
    };
  });
  return { weights, tensors, totalBits: tensors.reduce((sum, { bits }) => sum + bits, 0) };
}
