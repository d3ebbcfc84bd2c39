import { describe, expect, it } from 'vitest';
import { type Algorithm, createSearch } from '../../search/create.ts';
import { frontOf } from '../../search/front.ts';
import type { Ask, SearchSettings } from '../../search/port.ts';
import { drive } from './drive.ts';
import type { Genes } from './problems/genes.ts';
import { toyNas } from './problems/toy-nas.ts';

const problem = toyNas();
const latencyOf = (genes: Genes) => problem.truth(genes).objectives[1]!;
/** Two bounds that few random members keep. */
const LIMITS = [0.5, 0.8];
const swept = {
  ...problem,
  bounds: LIMITS.map((limit) => (genes: Genes) => Math.max(0, latencyOf(genes) / limit - 1)),
};
const settings: SearchSettings = { seed: 4, nCandidates: 90, populationSize: 10, nRungs: 1, eta: 3 };
const evaluate = (ask: Ask<Genes>) => problem.truth(ask.genome);
const within = (asks: readonly Ask<Genes>[], limit: number) =>
  asks.filter(({ genome }) => latencyOf(genome) <= limit).length;

describe.each<Algorithm>(['nsga2', 'guided', 'random', 'regularized-evolution', 'local-search'])(
  'a sweep of bounds by %s',
  (algorithm) => {
    const asks = drive(createSearch(swept, algorithm, settings), evaluate, { lag: 4 });

    it('gives every bound its share of the candidates, and none twice', () => {
      expect(asks).toHaveLength(settings.nCandidates);
      expect(new Set(asks.map(({ key }) => key)).size).toBe(asks.length);
      for (const [turn, limit] of LIMITS.entries()) {
        const own = asks.filter(({ candidate }) => candidate % 3 === turn);
        expect(within(own, limit)).toBe(own.length);
      }
    });

    it('is the same on every replay', () => {
      const again = drive(createSearch(swept, algorithm, settings), evaluate, { lag: 4 });
      expect(again.map(({ key }) => key)).toEqual(asks.map(({ key }) => key));
    });
  },
);

it('puts more members of the front within the bounds than a search without them', () => {
  const members = (searched: typeof problem) => {
    const asks = drive(createSearch(searched, 'nsga2', settings), evaluate);
    const points = asks.map(({ candidate, genome }) => ({ candidate, genome, ...problem.truth(genome) }));
    return frontOf(points).filter(({ objectives }) => objectives[1]! <= LIMITS[0]!).length;
  };
  expect(members(swept)).toBeGreaterThan(members(problem));
});

it('is the search itself where there is nothing to sweep', () => {
  const keysOf = (searched: typeof problem) =>
    drive(createSearch(searched, 'nsga2', settings), evaluate).map(({ key }) => key);
  expect(keysOf({ ...problem, bounds: [] } as typeof problem)).toEqual(keysOf(problem));
});
