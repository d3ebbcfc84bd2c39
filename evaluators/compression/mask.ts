// Which weights stay: exact counts, deterministic ties.
import { FormatError } from '../../hardware/formats/index.ts';

/** One byte a weight, row-major like the matrix: 1 = kept, 0 = pruned. */
export type Mask = Uint8Array;

/** Masks by matrix name. Matrices without one are dense. */
export type Masks = Readonly<Record<string, Mask>>;

/** Weights that are pruned at `sparsity`. @throws FormatError outside [0, 1]. */
export function prunedCount(sparsity: number, nWeights: number): number {
  if (!(sparsity >= 0 && sparsity <= 1)) {
    throw new FormatError('option', `sparsity must be from 0 to 1, got ${sparsity}`);
  }
  return Math.round(sparsity * nWeights);
}

/**
 * Marks the `count` smallest of `scores` as 0 in `mask`, which has as many elements; of equal scores the first go.
 * `scores` must not contain NaN.
 */
export function dropSmallest(scores: Float32Array, count: number, mask: Mask): void {
  if (count === 0) return;
  const threshold = scores.slice().sort()[count - 1]!;
  let nBelow = 0;
  for (let i = 0; i < scores.length; i++) if (scores[i]! < threshold) nBelow++;
  let nEqual = count - nBelow;
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!;
    if (score < threshold || (score === threshold && nEqual-- > 0)) mask[i] = 0;
  }
}

/** `values` with zeros where `mask` has them. */
export function applyMask(values: Float32Array, mask: Mask): Float32Array {
  return values.map((value, i) => (mask[i] === 0 ? 0 : value));
}

/** The same in place, for weights, gradients and moments of a training. */
export function maskInPlace(values: Float32Array, mask: Mask): void {
  for (let i = 0; i < values.length; i++) if (mask[i] === 0) values[i] = 0;
}

/** Share of zeros of a mask. */
export function maskSparsity(mask: Mask): number {
  let kept = 0;
  for (let i = 0; i < mask.length; i++) kept += mask[i]!;
  return 1 - kept / mask.length;
}
