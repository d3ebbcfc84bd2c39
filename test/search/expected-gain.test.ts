import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectedGain, expectedShortfall } from '../../search/expected-gain.ts';
import { hypervolumeGain } from '../../search/hypervolume.ts';

/** The mean of `f` under a normal, by the midpoint rule over eight deviations either side. */
function meanUnderNormal(f: (x: number) => number, mean: number, deviation: number): number {
  const n = 4000;
  let sum = 0;
  for (let k = 0; k < n; k++) {
    const z = -8 + (16 * (k + 0.5)) / n;
    sum += (f(mean + z * deviation) * Math.exp(-0.5 * z * z)) / Math.sqrt(2 * Math.PI);
  }
  return (sum * 16) / n;
}

describe('expectedShortfall', () => {
  it.each([
    [0, 0, 1, 0.3989422804014327],
    [1, 0, 1, 1.083315470587686],
    [-1, 0, 1, 0.0833154705876864],
    [-6, 0, 1, 1.5646e-10],
    [3, 1, 0, 2],
    [1, 3, 0, 0],
  ])('of limit %d under N(%d, %d) is %d', (limit, mean, deviation, expected) => {
    const value = expectedShortfall(limit, mean, deviation);
    expect(Math.abs(value - expected)).toBeLessThan(1e-4 * expected + 1e-13);
  });
});

describe('expectedGain', () => {
  const front = fc.integer({ min: 1, max: 4 }).chain((width) =>
    fc.record({
      points: fc.array(fc.array(fc.integer({ min: 0, max: 9 }), { minLength: width, maxLength: width }), {
        maxLength: 8,
      }),
      known: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: width - 1, maxLength: width - 1 }),
      uncertain: fc.integer({ min: 0, max: width - 1 }),
      mean: fc.integer({ min: -2, max: 11 }),
      deviation: fc.integer({ min: 1, max: 4 }),
      width: fc.constant(width),
    }),
  );
  const withValue = (known: readonly number[], uncertain: number, value: number) =>
    known.toSpliced(uncertain, 0, value);

  it('is the mean of the gain, in one to four objectives', () => {
    fc.assert(
      fc.property(front, ({ points, known, uncertain, mean, deviation, width }) => {
        const reference = Array.from({ length: width }, () => 9);
        const exact = expectedGain(points, reference, uncertain)(mean, deviation, known);
        const numeric = meanUnderNormal(
          (x) => hypervolumeGain(withValue(known, uncertain, x), points, reference),
          mean,
          deviation,
        );
        expect(Math.abs(exact - numeric)).toBeLessThan(1e-3 * (1 + numeric));
      }),
      { numRuns: 40 },
    );
  });

  it('is the plain gain where nothing is uncertain', () => {
    fc.assert(
      fc.property(front, ({ points, known, uncertain, mean, width }) => {
        const reference = Array.from({ length: width }, () => 9);
        const exact = expectedGain(points, reference, uncertain)(mean, 0, known);
        expect(exact).toBeCloseTo(hypervolumeGain(withValue(known, uncertain, mean), points, reference), 9);
      }),
    );
  });
});
