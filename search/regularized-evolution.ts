// Regularized evolution (Real et al. 2019) with several objectives: the young breed, the old die.
import { deriveRng, type Rng } from '../space/random.ts';
import { bestFirst } from './halving.ts';
import type { Scored } from './ledger.ts';
import { breedingRung } from './parents.ts';
import { admits, draftOf, type Proposer, type SearchContext, sampleFeasible } from './proposer.ts';

const TOURNAMENT = 10;
const CHILD_TRIES = 60;

/** The best by constrained rank and crowding of a few random members. */
function selectParent<G>(ranked: readonly Scored<G>[], rng: Rng): Scored<G> {
  let best = ranked.length;
  for (let k = 0; k < TOURNAMENT; k++) best = Math.min(best, rng.below(ranked.length));
  return ranked[best]!;
}

/** Mutants of tournaments among the latest `populationSize` results of the breeding rung. */
export function regularizedEvolutionProposer<G>(): Proposer<G> {
  const mutant = (context: SearchContext<G>, number: number) => {
    const { problem, settings, ledger } = context;
    const ranked = bestFirst(ledger.scoredAt(breedingRung(ledger, settings)).slice(-settings.populationSize));
    if (number < settings.populationSize || ranked.length < 2) return undefined;
    const rng = deriveRng(settings.seed, number, 'child');
    for (let attempt = 0; attempt < CHILD_TRIES; attempt++) {
      const parent = selectParent(ranked, rng).member;
      const draft = draftOf(problem, problem.mutate(parent.genome, rng));
      if (!admits(context, draft)) continue;
      return { ...draft, parents: [parent.candidate], origin: 'mutation' as const };
    }
    return undefined;
  };
  return {
    propose: (context) => {
      const number = context.ledger.members.length;
      const child = mutant(context, number);
      if (child !== undefined) return child;
      const draft = sampleFeasible(context, deriveRng(context.settings.seed, number, 'sample'));
      return draft && { ...draft, parents: [], origin: 'sample' };
    },
  };
}
