// Who may have children.
import { bestFirst } from './halving.ts';
import type { Ledger, Scored } from './ledger.ts';
import type { SearchSettings } from './port.ts';

/** Results kept for ranking: a bound on the cost of one sort in long runs. */
const POOL_FACTOR = 3;
const POOL_MINIMUM = 256;

/** The highest rung with at least half a population of results. */
export function breedingRung<G>(ledger: Ledger<G>, settings: SearchSettings): number {
  const enough = Math.max(2, Math.ceil(settings.populationSize / 2));
  let rung = settings.nRungs - 1;
  while (rung > 0 && ledger.scoredAt(rung).length < enough) rung -= 1;
  return rung;
}

export type ParentPool<G> = (ledger: Ledger<G>, settings: SearchSettings) => readonly Scored<G>[];

/**
 * The best `populationSize` of all results so far, best first, from the highest rung that has enough members: ranks at
 * a low rung are biased, and a population bred on them inherits the bias.
 */
export function createParentPool<G>(): ParentPool<G> {
  let pool: Scored<G>[] = [];
  let rung = 0;
  let nSeen = 0;
  return (ledger, settings) => {
    const breeding = breedingRung(ledger, settings);
    const scored = ledger.scoredAt(breeding);
    if (breeding !== rung) {
      pool = [];
      nSeen = 0;
      rung = breeding;
    }
    if (scored.length > nSeen) {
      const bound = Math.max(POOL_MINIMUM, POOL_FACTOR * settings.populationSize);
      pool = bestFirst([...pool, ...scored.slice(nSeen)]).slice(0, bound);
      nSeen = scored.length;
    }
    return pool.slice(0, settings.populationSize);
  };
}
