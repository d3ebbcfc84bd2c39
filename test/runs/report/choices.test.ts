import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as marks from '../../../runs/candidates/marks.ts';
import { pickMember as pick, type Weight } from '../../../runs/candidates/pick.ts';
import { nonDominatedSort } from '../../../search/index.ts';
import { METRICS, type MetricName, type MetricValues } from '../../../space/metrics.ts';
import { pageFunctions } from './page-functions.ts';

type Names = readonly MetricName[];
type Members = readonly MetricValues[];
const marksOf = (objectives: Names, members: Members) => marks.marksOf(objectives, members, METRICS);
const markLabels = (found: marks.Marks, nMembers: number) => marks.markLabels(found, nMembers, METRICS);
const normalised = (objectives: Names, members: Members) => marks.normalised(objectives, members, METRICS);
const pickMember = (weights: readonly Weight[], members: Members) => pick(weights, members, METRICS);

const OBJECTIVES = ['loss', 'throughput', 'memory'] as const;

/** Fronts over a minimised, a maximised and another minimised objective. */
const fronts = fc
  .array(
    fc.record({
      loss: fc.integer({ min: 1, max: 50 }),
      throughput: fc.integer({ min: 1, max: 50 }),
      memory: fc.integer({ min: 1, max: 50 }),
    }),
    { minLength: 1, maxLength: 30 },
  )
  .map((points): MetricValues[] => {
    const rank = nonDominatedSort(points.map(({ loss, throughput, memory }) => [loss, -throughput, memory]));
    return points.filter((_, at) => rank[at] === 0);
  });

describe('marks', () => {
  it('finds the knee of a bent front and none of a straight or bulging one', () => {
    const front = (points: readonly (readonly [number, number])[]) =>
      points.map(([loss, memory]) => ({ loss, memory }));
    const bent = front([
      [1, 10],
      [2, 3],
      [5, 2],
      [10, 1],
    ]);
    expect(marksOf(['loss', 'memory'], bent).knee).toBe(1);
    expect(
      marksOf(
        ['loss', 'memory'],
        front([
          [1, 3],
          [2, 2.9],
          [3, 1],
        ]),
      ).knee,
    ).toBeUndefined();
    expect(
      marksOf(
        ['loss', 'memory'],
        front([
          [1, 3],
          [3, 1],
        ]),
      ).knee,
    ).toBeUndefined();
    expect(marksOf(['loss', 'memory'], []).knee).toBeUndefined();
    expect(markLabels(marksOf(['loss', 'memory'], bent), 4)).toEqual([
      'lowest loss',
      'knee',
      '',
      'lowest memory',
    ]);
  });

  it('names the end of an objective that is better when higher', () => {
    const members = [
      { loss: 2, throughput: 9 },
      { loss: 1, throughput: 3 },
    ];
    expect(markLabels(marksOf(['loss', 'throughput'], members), 2)).toEqual([
      'highest throughput',
      'lowest loss',
    ]);
  });

  it('measures every way from 0 at the best to 1 at the worst, in any front', () => {
    fc.assert(
      fc.property(fronts, (members) => {
        const points = normalised(OBJECTIVES, members);
        for (const k of OBJECTIVES.keys()) {
          const column = points.map((point) => point[k]!);
          expect(Math.min(...column)).toBe(0);
          expect(column.every((share) => share >= 0 && share <= 1)).toBe(true);
        }
        const { best, knee } = marksOf(OBJECTIVES, members);
        for (const [k, { at }] of best.entries()) expect(points[at]![k]).toBe(0);
        if (knee !== undefined) expect(best.map(({ at }) => at)).not.toContain(knee);
      }),
    );
  });
});

const weights = fc.tuple(
  fc.integer({ min: 1, max: 10 }),
  fc.integer({ min: 1, max: 10 }),
  fc.integer({ min: 1, max: 10 }),
);
const weighted = (values: readonly number[]) =>
  OBJECTIVES.map((metric, k) => ({ metric, weight: values[k]! }));

describe('a pick', () => {
  it('is the first of its ranking, which holds every member once, best first', () => {
    fc.assert(
      fc.property(fronts, weights, (members, values) => {
        const { at, ranking } = pickMember(weighted(values), members);
        expect(ranking[0]!.at).toBe(at);
        expect(ranking.map((each) => each.at).toSorted((a, b) => a - b)).toEqual([...members.keys()]);
        for (const [k, { score }] of ranking.entries())
          expect(score).toBeGreaterThanOrEqual(ranking[k - 1]?.score ?? 0);
      }),
    );
  });

  it('does not depend on the scale of the weights', () => {
    fc.assert(
      fc.property(fronts, weights, fc.constantFrom(2, 8, 0.25), (members, values, factor) => {
        const scaled = values.map((value) => value * factor);
        expect(pickMember(weighted(scaled), members).at).toBe(pickMember(weighted(values), members).at);
      }),
    );
  });

  it('stays within its firmness', () => {
    fc.assert(
      fc.property(fronts, weights, (members, values) => {
        const { at, firmness } = pickMember(weighted(values), members);
        for (const [k, { from, to }] of firmness.entries()) {
          for (const factor of [from, to].filter((each) => each > 0 && Number.isFinite(each))) {
            const changed = values.map((value, other) => (other === k ? value * factor : value));
            expect(pickMember(weighted(changed), members).at).toBe(at);
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  it('goes to the end of the one objective that counts, and to the middle where all count', () => {
    const members = [
      { loss: 1, memory: 10 },
      { loss: 2, memory: 3 },
      { loss: 10, memory: 1 },
    ];
    const choose = (loss: number, memory: number) =>
      pickMember(
        [
          { metric: 'loss', weight: loss },
          { metric: 'memory', weight: memory },
        ],
        members,
      ).at;
    expect(choose(1, 1)).toBe(1);
    expect(choose(1000, 1)).toBe(0);
    expect(choose(1, 1000)).toBe(2);
    expect(pickMember([{ metric: 'loss', weight: 1 }], members).firmness).toEqual([
      { metric: 'loss', from: 0, to: Infinity },
    ]);
  });

  it('refuses weights that are none', () => {
    for (const weight of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => pickMember([{ metric: 'loss', weight }], [{ loss: 1 }])).toThrow('must be above 0');
    expect(() => pickMember([{ metric: 'loss', weight: 1 }], [])).toThrow('no members');
  });

  it('is the same on the page', () => {
    const { pickByWeights } = pageFunctions();
    fc.assert(
      fc.property(fronts, weights, (members, values) => {
        const shares = normalised(OBJECTIVES, members);
        expect(
          pickByWeights(
            shares.map((share) => ({ normalised: share })),
            values,
          ),
        ).toBe(pickMember(weighted(values), members).at);
      }),
    );
  });
});
