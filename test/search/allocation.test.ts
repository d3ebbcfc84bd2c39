import { describe, expect, it } from 'vitest';
import { rungTraceOf, volumeAt } from '../../bench/search/rung-trace.ts';
import { createSearch, rungSizes, type SearchSettings } from '../../search/index.ts';
import { indexOf } from '../../search/prospects.ts';
import { type DriveOptions, drive } from './drive.ts';
import { objectivesAtRung } from './problems/curves.ts';
import { toyNas } from './problems/toy-nas.ts';

const settings: SearchSettings = {
  seed: 1,
  nCandidates: 60,
  populationSize: 16,
  nRungs: 3,
  eta: 2,
  rungCosts: [3, 6, 18],
};
const problem = toyNas();
const run = (
  changes: Partial<SearchSettings> = {},
  baseline?: readonly number[],
  options: DriveOptions = { lag: 4 },
) =>
  drive(
    createSearch(problem, 'guided', { ...settings, ...changes }, baseline),
    ({ genome, rung }) => ({
      objectives: objectivesAtRung(problem, genome, rung + 1, 'hard'),
      violations: problem.truth(genome).violations,
    }),
    options,
  );
const countsOf = (asks: ReturnType<typeof run>) =>
  [0, 1, 2].map((rung) => asks.filter((ask) => ask.rung === rung).length);
const costOf = (counts: readonly number[]) =>
  counts.reduce((sum, n, rung) => sum + n * settings.rungCosts![rung]!, 0);

describe('where a guided search spends its training', () => {
  it('costs no more than a fixed share of climbs, and uses that up', () => {
    const budget = costOf(rungSizes(settings));
    const spent = costOf(countsOf(run()));
    expect(spent).toBeLessThanOrEqual(budget);
    expect(spent).toBeGreaterThan(budget - costOf([1, 1, 1]));
    expect(countsOf(run({ without: ['allocation'] }))).toEqual(rungSizes(settings));
  });

  it('asks no candidate twice at a rung, none out of turn, and no more than it may', () => {
    const asks = run({ nCandidates: 40 });
    const names = asks.map(({ candidate, rung }) => `${candidate}/${rung}`);
    expect(new Set(names).size).toBe(names.length);
    for (const { candidate, rung } of asks) if (rung > 0) expect(names).toContain(`${candidate}/${rung - 1}`);
    expect(countsOf(asks)[0]).toBeLessThanOrEqual(40);
  });

  it('is the same with 1, 2 and 8 workers, whichever finishes first', () => {
    const namesOf = (nWorkers: number) =>
      run({ nCandidates: 36 }, undefined, { lag: 8, nWorkers, durationSeed: nWorkers }).map(
        ({ key, rung }) => `${key}/${rung}`,
      );
    const alone = namesOf(1);
    expect(namesOf(2)).toEqual(alone);
    expect(namesOf(8)).toEqual(alone);
  });

  it('takes the baseline to the top in no one’s place', () => {
    const baseline = problem.sample({ below: () => 1 } as never);
    const asks = run({}, baseline);
    expect(asks.filter(({ candidate }) => candidate === 0).map(({ rung }) => rung)).toEqual([0, 1, 2]);
    const spent = costOf(countsOf(asks)) - costOf([0, 1, 1]);
    expect(spent).toBeLessThanOrEqual(costOf(rungSizes(settings)));
  });

  it('has a better front early on than training everything in full', { timeout: 180_000 }, () => {
    const volume = (ladder: 'full' | 'halving') =>
      volumeAt(
        rungTraceOf({
          algorithm: 'guided',
          ladder,
          difficulty: 'hard',
          rungs: [1, 2, 3],
          eta: 2,
          seed: 1,
          populationSize: 16,
          lag: 1,
        }),
        540,
      );
    expect(volume('halving')).toBeGreaterThan(1.03 * volume('full'));
  });
});

describe('the index of a training', () => {
  it('is gain by cost where nothing is left to learn', () => {
    expect(indexOf([{ share: 1, gain: 6 }], 1, 2)).toBeCloseTo(2, 9);
    expect(indexOf([{ share: 1, gain: 0 }], 1, 2)).toBe(0);
    expect(indexOf([], 1, 2)).toBe(0);
  });

  it('counts that a bad result ends it', () => {
    const even = [
      { share: 0.5, gain: 12 },
      { share: 0.5, gain: 0 },
    ];
    // Half of the time the rest, 9, is paid for 12: 0.5 (12 - 9 r) = r.
    expect(indexOf(even, 1, 9)).toBeCloseTo(6 / 5.5, 9);
    expect(indexOf(even, 1, 9)).toBeGreaterThan(6 / 10);
  });
});
