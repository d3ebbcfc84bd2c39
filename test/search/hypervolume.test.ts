import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hypervolume, hypervolumeContributions, hypervolumeGain } from '../../search/hypervolume.ts';
import { deriveRng } from '../../space/random.ts';

interface Case {
  readonly id: string;
  readonly ref: readonly number[];
  readonly points: readonly (readonly number[])[];
  readonly hv: number;
  readonly contributions?: readonly number[];
}
const golden = JSON.parse(
  readFileSync(new URL('../fixtures/search/hypervolume_golden.json', import.meta.url), 'utf8'),
) as { readonly cases: readonly Case[] };

const closeTo = (actual: number, expected: number, scale = Math.abs(expected)) =>
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-12 * scale);

/** Counts the unit cells that some integer point dominates. */
function cellsDominated(points: readonly (readonly number[])[], reference: readonly number[]): number {
  const cell = reference.map(() => 0);
  let count = 0;
  for (;;) {
    if (points.some((point) => point.every((value, k) => value <= cell[k]!))) count += 1;
    let k = 0;
    while (k < cell.length && ++cell[k]! >= reference[k]!) cell[k++] = 0;
    if (k === cell.length) return count;
  }
}

const grid = fc.integer({ min: 1, max: 5 }).chain((width) =>
  fc.array(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: width, maxLength: width }), {
    minLength: 1,
    maxLength: 12,
  }),
);

describe('hypervolume', () => {
  it.each(golden.cases.map((c) => [c.id, c] as const))('gives the golden volume of %s', (_, c) => {
    closeTo(hypervolume(c.points, c.ref), c.hv);
    if (c.contributions === undefined) return;
    const contributions = hypervolumeContributions(c.points, c.ref);
    for (const [at, expected] of c.contributions.entries()) closeTo(contributions[at]!, expected, c.hv);
  });

  it('counts cells on integer grids of one to five dimensions', () => {
    fc.assert(
      fc.property(grid, (points) => {
        const reference = points[0]!.map(() => 5);
        expect(hypervolume(points, reference)).toBe(cellsDominated(points, reference));
      }),
      { numRuns: 200 },
    );
  });

  it('never shrinks, ignores order and copies, and is the sum of successive gains', () => {
    fc.assert(
      fc.property(grid, (points) => {
        const reference = points[0]!.map(() => 5);
        let volume = 0;
        for (const [at, point] of points.entries()) {
          const gain = hypervolumeGain(point, points.slice(0, at), reference);
          volume += gain;
          expect(hypervolume(points.slice(0, at + 1), reference)).toBe(volume);
        }
        expect(hypervolume([...points.toReversed(), ...points], reference)).toBe(volume);
      }),
    );
  });

  it('gives each point the volume that is lost without it', () => {
    fc.assert(
      fc.property(grid, (points) => {
        const reference = points[0]!.map(() => 5);
        const whole = hypervolume(points, reference);
        const lost = points.map((_, at) => whole - hypervolume(points.toSpliced(at, 1), reference));
        expect(hypervolumeContributions(points, reference)).toEqual(lost);
      }),
    );
  });

  it('handles infinities and refuses NaN', () => {
    expect(hypervolume([[Number.POSITIVE_INFINITY, 0]], [1, 1])).toBe(0);
    expect(hypervolume([[Number.NEGATIVE_INFINITY, 0]], [1, 1])).toBe(Number.POSITIVE_INFINITY);
    expect(() => hypervolume([[Number.NaN, 0]], [1, 1])).toThrow(RangeError);
    expect(() => hypervolume([[0, 0]], [1, Number.POSITIVE_INFINITY])).toThrow(RangeError);
    expect(() => hypervolume([[0]], [1, 1])).toThrow(RangeError);
  });

  it('takes under 50 ms for a front of 1,000 points in three dimensions', () => {
    const rng = deriveRng(2, 0, 'points');
    const front = Array.from({ length: 1000 }, () => {
      const p = [rng.uniform(), rng.uniform(), rng.uniform()];
      return p.map((x) => 1 - x / Math.hypot(...p));
    });
    hypervolume(front, [1, 1, 1]);
    const start = performance.now();
    hypervolume(front, [1, 1, 1]);
    expect(performance.now() - start).toBeLessThan(50);
  });
});
