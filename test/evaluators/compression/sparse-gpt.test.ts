import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inputNorms } from '../../../evaluators/compression/calibration.ts';
import { inverseUpperFactor, lowerFactor } from '../../../evaluators/compression/linear-algebra.ts';
import { applyMask } from '../../../evaluators/compression/mask.ts';
import { magnitudeScores, maskOfScores, wandaScores } from '../../../evaluators/compression/scores.ts';
import { sparseGpt } from '../../../evaluators/compression/sparse-gpt.ts';
import { deriveRng } from '../../../space/random.ts';

/** X'X / n of inputs that share `nCauses` causes and have scales from 1 to 5. */
function correlatedMoments(rows: number, nCauses: number, seed: number): Float64Array {
  const rng = deriveRng(seed, rows, 'moments');
  const mixing = Array.from({ length: rows * nCauses }, () => rng.normal());
  const moments = new Float64Array(rows * rows);
  const nSamples = 400;
  for (let s = 0; s < nSamples; s++) {
    const causes = Array.from({ length: nCauses }, () => rng.normal());
    const x = Array.from({ length: rows }, (_, i) => {
      let value = 0.3 * rng.normal();
      for (let c = 0; c < nCauses; c++) value += mixing[i * nCauses + c]! * causes[c]!;
      return value * (1 + (4 * ((i * 37) % rows)) / rows);
    });
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < rows; j++)
        moments[i * rows + j] = moments[i * rows + j]! + (x[i]! * x[j]!) / nSamples;
    }
  }
  return moments;
}

function randomMatrix(length: number, seed: number): Float32Array {
  const rng = deriveRng(seed, length, 'matrix');
  return Float32Array.from({ length }, () => rng.normal());
}

/** Mean squared change of the outputs: trace of D' M D for D = after - before. */
function outputError(
  before: Float32Array,
  after: Float32Array,
  rows: number,
  cols: number,
  moments: Float64Array,
) {
  let error = 0;
  for (let col = 0; col < cols; col++) {
    for (let i = 0; i < rows; i++) {
      const di = after[i * cols + col]! - before[i * cols + col]!;
      for (let j = 0; j < rows; j++) {
        error += di * moments[i * rows + j]! * (after[j * cols + col]! - before[j * cols + col]!);
      }
    }
  }
  return error;
}

test('the factors multiply to the matrix and to its inverse', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 99 }), (n, seed) => {
      const matrix = correlatedMoments(n, 3, seed);
      for (let i = 0; i < n; i++) matrix[i * n + i] = matrix[i * n + i]! + 0.1;
      const lower = lowerFactor(matrix, n);
      const upper = inverseUpperFactor(matrix, n);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          let product = 0;
          for (let k = 0; k < n; k++) product += lower[i * n + k]! * lower[j * n + k]!;
          expect(product).toBeCloseTo(matrix[i * n + j]!, 9);
          let identity = 0;
          for (let k = 0; k < n; k++) {
            for (let m = 0; m < n; m++)
              identity += upper[k * n + i]! * upper[k * n + m]! * matrix[m * n + j]!;
          }
          expect(identity).toBeCloseTo(i === j ? 1 : 0, 6);
          if (i > j) expect(upper[i * n + j]).toBe(0);
        }
      }
    }),
    { numRuns: 20 },
  );
});

test('a matrix that is not positive definite is refused', () => {
  expect(() => lowerFactor(Float64Array.of(1, 2, 2, 1), 2)).toThrow(/not positive definite/);
});

test('with one pruned input, the others take the exact least-squares solution', () => {
  const moments = correlatedMoments(3, 2, 7);
  const weights = Float32Array.of(1e-3, 2, -3);
  const { values, mask } = sparseGpt(weights, { rows: 3, cols: 1 }, moments, 1 / 3, { damping: 0 });
  expect([...mask]).toEqual([0, 1, 1]);
  // With input 0 gone, the rest changes by H_rr^-1 H_r0 w_0.
  const [, b, c, , d, e, , , f] = moments as unknown as number[];
  const determinant = d! * f! - e! * e!;
  const shift1 = ((f! * b! - e! * c!) / determinant) * weights[0]!;
  const shift2 = ((d! * c! - e! * b!) / determinant) * weights[0]!;
  expect(values[0]).toBe(0);
  expect(values[1]).toBeCloseTo(2 + shift1, 6);
  expect(values[2]).toBeCloseTo(-3 + shift2, 6);
});

test('on uncorrelated inputs of one scale it is magnitude pruning', () => {
  const [rows, cols] = [24, 10];
  const identity = Float64Array.from({ length: rows * rows }, (_, i) => (i % (rows + 1) === 0 ? 1 : 0));
  const weights = randomMatrix(rows * cols, 3);
  const expected = maskOfScores(magnitudeScores(weights), { rows, cols }, 0.6, 'matrix');
  const { values, mask } = sparseGpt(weights, { rows, cols }, identity, 0.6);
  expect(mask).toEqual(expected);
  expect(values).toEqual(applyMask(weights, expected));
});

test('on correlated inputs the outputs change least with SparseGPT, then Wanda, then magnitude', () => {
  const [rows, cols] = [64, 48];
  const moments = correlatedMoments(rows, 12, 11);
  const weights = randomMatrix(rows * cols, 5);
  for (const sparsity of [0.5, 0.7]) {
    const masked = (scores: Float32Array, group: 'matrix' | 'output') =>
      applyMask(weights, maskOfScores(scores, { rows, cols }, sparsity, group));
    const byMagnitude = masked(magnitudeScores(weights), 'matrix');
    const byWanda = masked(wandaScores(weights, { rows, cols }, inputNorms(moments)), 'output');
    const bySparseGpt = sparseGpt(weights, { rows, cols }, moments, sparsity, { blockSize: 16 });
    const error = (after: Float32Array) => outputError(weights, after, rows, cols, moments);
    expect(error(byWanda)).toBeLessThan(0.9 * error(byMagnitude));
    expect(error(bySparseGpt.values)).toBeLessThan(0.8 * error(byWanda));
    for (const after of [byMagnitude, byWanda, bySparseGpt.values]) {
      expect(after.filter((x) => x === 0).length).toBe(Math.round(sparsity * rows * cols));
    }
  }
});

test('inputs that never fire lose their weights', () => {
  const moments = correlatedMoments(4, 2, 1);
  for (let i = 0; i < 4; i++) moments[i * 4 + 1] = moments[4 + i] = 0;
  const { values } = sparseGpt(Float32Array.of(1, 9, 2, 3), { rows: 4, cols: 1 }, moments, 0.25);
  expect(values[1]).toBe(0);
  expect(values.filter((x) => x === 0).length).toBe(1);
});
