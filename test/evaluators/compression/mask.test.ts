import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  applyMask,
  dropSmallest,
  maskInPlace,
  maskSparsity,
  prunedCount,
} from '../../../evaluators/compression/mask.ts';
import { magnitudeScores, maskOfScores, wandaScores } from '../../../evaluators/compression/scores.ts';

/** Few distinct values, so that most scores are tied. */
const tiedScores = fc
  .array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 60 })
  .map((values) => Float32Array.from(values));

/** The `count` lowest by (score, index), by sorting. */
function lowestByHand(scores: Float32Array, count: number): Set<number> {
  const order = [...scores.keys()].sort((a, b) => scores[a]! - scores[b]! || a - b);
  return new Set(order.slice(0, count));
}

test('the smallest go, of equals the first, exactly as many as asked', () => {
  fc.assert(
    fc.property(tiedScores, fc.double({ min: 0, max: 1, noNaN: true }), (scores, sparsity) => {
      const count = prunedCount(sparsity, scores.length);
      const mask = new Uint8Array(scores.length).fill(1);
      dropSmallest(scores, count, mask);
      const expected = lowestByHand(scores, count);
      expect([...mask.keys()].filter((i) => mask[i] === 0)).toEqual([...expected].sort((a, b) => a - b));
    }),
  );
});

test('by output, every column has as many zeros as the others, give or take one, and the total is exact', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 9 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.infiniteStream(fc.integer({ min: 0, max: 3 })),
      (rows, cols, sparsity, stream) => {
        const scores = Float32Array.from({ length: rows * cols }, () => stream.next().value as number);
        const mask = maskOfScores(scores, { rows, cols }, sparsity, 'output');
        const dropped = Array.from({ length: cols }, (_, col) => {
          const column = Float32Array.from({ length: rows }, (_, row) => scores[row * cols + col]!);
          const zeros = [...column.keys()].filter((row) => mask[row * cols + col] === 0);
          expect(zeros).toEqual([...lowestByHand(column, zeros.length)].sort((a, b) => a - b));
          return zeros.length;
        });
        expect(dropped.reduce((a, b) => a + b)).toBe(Math.round(sparsity * rows * cols));
        expect(Math.max(...dropped) - Math.min(...dropped)).toBeLessThanOrEqual(1);
      },
    ),
  );
});

test('a sparsity outside [0, 1] is refused', () => {
  for (const sparsity of [1.2, -0.1, Number.NaN]) {
    expect(() => prunedCount(sparsity, 10)).toThrow(/sparsity must be from 0 to 1/);
  }
});

test('magnitude looks at the weight alone, Wanda at what it is multiplied with', () => {
  // Two inputs, two outputs; the second input is ten times as active.
  const values = Float32Array.of(2, -3, 0.5, 1);
  const shape = { rows: 2, cols: 2 };
  expect([...maskOfScores(magnitudeScores(values), shape, 0.5, 'matrix')]).toEqual([1, 1, 0, 0]);
  const scores = wandaScores(values, shape, [1, 10]);
  expect([...scores]).toEqual([2, 3, 5, 10]);
  expect([...maskOfScores(scores, shape, 0.5, 'output')]).toEqual([0, 0, 1, 1]);
});

test('a mask clears weights, in a copy or in place, and knows its share of zeros', () => {
  const mask = Uint8Array.of(1, 0, 1, 0);
  const values = Float32Array.of(1, 2, 3, 4);
  expect([...applyMask(values, mask)]).toEqual([1, 0, 3, 0]);
  expect([...values]).toEqual([1, 2, 3, 4]);
  maskInPlace(values, mask);
  expect([...values]).toEqual([1, 0, 3, 0]);
  expect(maskSparsity(mask)).toBe(0.5);
});
