// SparseGPT (Frantar and Alistarh 2023, algorithm 1): prunes a matrix input by input, each time moving the inputs that
// come after so that the outputs on the calibration text change least.
import { inverseUpperFactor } from './linear-algebra.ts';
import { dropSmallest, type Mask, prunedCount } from './mask.ts';
import type { Shape } from './scores.ts';

export interface SparseGptOptions {
  /** Share of the mean diagonal that is added to the Hessian's. 0.01 as published. */
  readonly damping?: number;
  /** Inputs whose mask is chosen together. 128 as published. */
  readonly blockSize?: number;
}

export interface PrunedMatrix {
  readonly values: Float32Array;
  readonly mask: Mask;
}

/** Marks the weights of rows `from` to `to` that matter least: the root of the cost of eq. 3, |w| / U_ii. */
function chooseBlock(
  work: Float64Array,
  factor: Float64Array,
  { rows, cols }: Shape,
  [from, to]: readonly [number, number],
  count: number,
  mask: Mask,
): void {
  const scores = new Float32Array((to - from) * cols);
  for (let row = from; row < to; row++) {
    const diagonal = factor[row * rows + row]!;
    for (let col = 0; col < cols; col++) {
      scores[(row - from) * cols + col] = Math.abs(work[row * cols + col]!) / diagonal;
    }
  }
  dropSmallest(scores, count, mask.subarray(from * cols, to * cols));
}

/** Zeroes one row's pruned weights; returns what each output lost, over the factor's diagonal. */
function zeroRow(
  work: Float64Array,
  diagonal: number,
  cols: number,
  row: number,
  mask: Mask,
  errors: Float64Array,
): void {
  for (let col = 0; col < cols; col++) {
    const at = row * cols + col;
    errors[col] = mask[at] === 0 ? work[at]! / diagonal : 0;
    if (mask[at] === 0) work[at] = 0;
  }
}

/**
 * A row-major (in, out) matrix with exactly round(sparsity x weights) zeros. `secondMoments` is X'X of the inputs on
 * the calibration text, (in, in), any positive multiple of it. Inputs that were always zero lose their weights first.
 */
export function sparseGpt(
  values: Float32Array,
  { rows, cols }: Shape,
  secondMoments: Float64Array,
  sparsity: number,
  { damping = 0.01, blockSize = 128 }: SparseGptOptions = {},
): PrunedMatrix {
  const work = Float64Array.from(values);
  const mask = new Uint8Array(values.length).fill(1);
  const factor = inverseUpperFactor(dampedHessian(secondMoments, rows, damping, work, cols), rows);
  const errors = new Float64Array(cols);
  let dropped = 0;
  for (let from = 0; from < rows; from += blockSize) {
    const to = Math.min(from + blockSize, rows);
    const goal = prunedCount(sparsity, to * cols);
    chooseBlock(work, factor, { rows, cols }, [from, to], goal - dropped, mask);
    dropped = goal;
    for (let row = from; row < to; row++) {
      zeroRow(work, factor[row * rows + row]!, cols, row, mask, errors);
      for (let later = row + 1; later < rows; later++) {
        const share = factor[row * rows + later]!;
        const at = later * cols;
        for (let col = 0; col < cols; col++) work[at + col] = work[at + col]! - share * errors[col]!;
      }
    }
  }
  return { values: Float32Array.from(work, (value, i) => (mask[i] === 0 ? 0 : value)), mask };
}

/** The Hessian with its diagonal raised; weights of inputs that never fire become zero in `work`. */
function dampedHessian(
  secondMoments: Float64Array,
  rows: number,
  damping: number,
  work: Float64Array,
  cols: number,
): Float64Array {
  const hessian = secondMoments.slice();
  let trace = 0;
  for (let row = 0; row < rows; row++) {
    if (hessian[row * rows + row] === 0) {
      hessian[row * rows + row] = 1;
      work.fill(0, row * cols, (row + 1) * cols);
    }
    trace += hessian[row * rows + row]!;
  }
  for (let row = 0; row < rows; row++) {
    hessian[row * rows + row] = hessian[row * rows + row]! + (damping * trace) / rows;
  }
  return hessian;
}
