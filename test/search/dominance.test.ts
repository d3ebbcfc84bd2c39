import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  crowdingDistance,
  dominates,
  nonDominatedSort,
  orderByRankAndCrowding,
} from '../../search/dominance.ts';
import { deriveRng } from '../../space/random.ts';

type Value = number | 'inf' | '-inf';
interface Case {
  readonly id: string;
  readonly points: readonly (readonly Value[])[];
  readonly violation?: readonly number[];
  readonly rank: readonly number[];
  readonly crowding?: readonly Value[];
  readonly crowding_unambiguous?: boolean;
}
const golden = JSON.parse(
  readFileSync(new URL('../fixtures/search/nds_golden.json', import.meta.url), 'utf8'),
) as { readonly cases: readonly Case[] };
const numberOf = (value: Value): number =>
  value === 'inf' ? Number.POSITIVE_INFINITY : value === '-inf' ? Number.NEGATIVE_INFINITY : value;
const pointsOf = (c: Case) => c.points.map((point) => point.map(numberOf));

/** Peels one front after the other straight from the definition. */
function ranksByDefinition(points: readonly (readonly number[])[], violations: readonly number[]): number[] {
  const beats = (a: number, b: number) =>
    violations[a]! > 0 || violations[b]! > 0
      ? Math.max(0, violations[a]!) < Math.max(0, violations[b]!)
      : dominates(points[a]!, points[b]!);
  const rank = points.map(() => -1);
  for (let front = 0; rank.includes(-1); front++) {
    const left = points.map((_, at) => at).filter((at) => rank[at] === -1);
    for (const at of left.filter((b) => !left.some((a) => beats(a, b)))) rank[at] = front;
  }
  return rank;
}

const coordinate = fc.integer({ min: 0, max: 6 });
const cloud = fc
  .integer({ min: 1, max: 5 })
  .chain((width) =>
    fc.array(fc.array(coordinate, { minLength: width, maxLength: width }), { maxLength: 40 }),
  );

describe('nonDominatedSort', () => {
  it.each(golden.cases.map((c) => [c.id, c] as const))('gives the golden ranks of %s', (_, c) => {
    expect(nonDominatedSort(pointsOf(c), c.violation)).toEqual(c.rank);
  });

  it('agrees with peeling by definition, with and without violations', () => {
    fc.assert(
      fc.property(cloud, fc.infiniteStream(fc.integer({ min: 0, max: 3 })), (points, stream) => {
        const violations = points.map(() => stream.next().value as number);
        expect(nonDominatedSort(points)).toEqual(
          ranksByDefinition(
            points,
            points.map(() => 0),
          ),
        );
        expect(nonDominatedSort(points, violations)).toEqual(ranksByDefinition(points, violations));
      }),
    );
  });

  it('does not depend on the order of the points', () => {
    fc.assert(
      fc.property(cloud, (points) => {
        expect(nonDominatedSort(points.toReversed())).toEqual(nonDominatedSort(points).toReversed());
      }),
    );
  });

  it('refuses NaN and unequal lengths', () => {
    expect(() => nonDominatedSort([[1, Number.NaN]])).toThrow(RangeError);
    expect(() => nonDominatedSort([[1, 2], [1]])).toThrow(RangeError);
    expect(() => nonDominatedSort([[1, 2]], [Number.NaN])).toThrow(RangeError);
    expect(() => nonDominatedSort([[1, 2]], [])).toThrow(RangeError);
  });

  it('sorts 10,000 points in three objectives in under a second', () => {
    const rng = deriveRng(1, 0, 'points');
    const ball = Array.from({ length: 10_000 }, () => [rng.uniform(), rng.uniform(), rng.uniform()]);
    // All on a sphere: one single front, the worst case of the method.
    const sphere = ball.map((p) => p.map((x) => -x / Math.hypot(...p)));
    for (const points of [ball, sphere]) {
      const start = performance.now();
      nonDominatedSort(points);
      expect(performance.now() - start).toBeLessThan(1000);
    }
  });
});

describe('crowdingDistance', () => {
  const cases = golden.cases.filter((c) => c.crowding_unambiguous === true);
  it.each(cases.map((c) => [c.id, c] as const))('gives the golden distances of %s', (_, c) => {
    const points = pointsOf(c);
    for (const front of new Set(c.rank)) {
      const members = points.map((_, at) => at).filter((at) => c.rank[at] === front);
      const distances = crowdingDistance(members.map((at) => points[at]!));
      for (const [k, at] of members.entries())
        expect(distances[k]).toBeCloseTo(numberOf(c.crowding![at]!), 12);
    }
  });

  it('counts copies once and gives the distance to the first', () => {
    const single = crowdingDistance([
      [0, 4],
      [1, 2],
      [3, 1],
      [4, 0],
    ]);
    const doubled = crowdingDistance([
      [0, 4],
      [1, 2],
      [1, 2],
      [3, 1],
      [4, 0],
    ]);
    expect(doubled).toEqual([single[0], single[1], 0, single[2], single[3]]);
  });

  it('gives no infinity for an objective without range', () => {
    expect(
      crowdingDistance([
        [1, 1],
        [1, 1],
        [1, 1],
      ]),
    ).toEqual([0, 0, 0]);
  });
});

describe('orderByRankAndCrowding', () => {
  it('puts better ranks first, then the lonely, then earlier positions', () => {
    const { order } = orderByRankAndCrowding([
      [5, 5],
      [0, 4],
      [1, 3],
      [1.1, 2.9],
      [4, 0],
    ]);
    expect(order.slice(0, 2)).toEqual([1, 4]);
    expect(order.at(-1)).toBe(0);
  });
});
