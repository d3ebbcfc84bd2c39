// One-shot masks from scores: magnitude, and Wanda (Sun et al. 2023). Matrices are row-major (in, out).
import { dropSmallest, type Mask, prunedCount } from './mask.ts';

export interface Shape {
  readonly rows: number;
  readonly cols: number;
}

/**
 * Weights that compete with each other for being kept: those of the whole matrix, or those of one output, which gives
 * every column of the (in, out) matrix as many zeros as every other, give or take one.
 */
export type Group = 'matrix' | 'output';

/** The mask that drops exactly round(sparsity x rows x cols) weights of the lowest score. */
export function maskOfScores(
  scores: Float32Array,
  { rows, cols }: Shape,
  sparsity: number,
  group: Group,
): Mask {
  const mask = new Uint8Array(scores.length).fill(1);
  if (group === 'matrix') {
    dropSmallest(scores, prunedCount(sparsity, scores.length), mask);
    return mask;
  }
  const column = new Float32Array(rows);
  const columnMask = new Uint8Array(rows);
  let dropped = 0;
  for (let col = 0; col < cols; col++) {
    // Rounding the running total keeps the whole count exact.
    const goal = prunedCount(sparsity, rows * (col + 1));
    for (let row = 0; row < rows; row++) column[row] = scores[row * cols + col]!;
    columnMask.fill(1);
    dropSmallest(column, goal - dropped, columnMask);
    for (let row = 0; row < rows; row++) mask[row * cols + col] = columnMask[row]!;
    dropped = goal;
  }
  return mask;
}

/** Magnitudes as scores. */
export function magnitudeScores(values: Float32Array): Float32Array {
  return values.map(Math.abs);
}

/** Wanda's scores, |W_ij| * ||X_i||_2 (eq. 1); `inputNorms` has one norm for each row of the (in, out) matrix. */
export function wandaScores(
  values: Float32Array,
  { cols }: Shape,
  inputNorms: ArrayLike<number>,
): Float32Array {
  return values.map((value, i) => Math.abs(value) * inputNorms[Math.floor(i / cols)]!);
}
