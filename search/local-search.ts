// Pareto local search: neighbours of the front, the least explored member first.
import { deriveRng } from '../space/random.ts';
import { bestFirst } from './halving.ts';
import { breedingRung } from './parents.ts';
import { admits, draftOf, type Proposer, type SearchContext, sampleFeasible } from './proposer.ts';

const NEIGHBOUR_TRIES = 60;
/** Random members to start from, as a share of the population. */
const START_SHARE = 0.5;

export function localSearchProposer<G>(): Proposer<G> {
  /** Children asked, by candidate number of the parent. */
  const nChildren = new Map<number, number>();
  const neighbour = (context: SearchContext<G>, number: number) => {
    const { problem, settings, ledger } = context;
    if (number < START_SHARE * settings.populationSize) return undefined;
    const best = bestFirst(ledger.scoredAt(breedingRung(ledger, settings))).slice(0, settings.populationSize);
    const explored = ({ member }: (typeof best)[number]) => nChildren.get(member.candidate) ?? 0;
    const order = best.toSorted((a, b) => explored(a) - explored(b));
    const rng = deriveRng(settings.seed, number, 'child');
    for (let attempt = 0; attempt < NEIGHBOUR_TRIES && order.length > 0; attempt++) {
      const parent = order[Math.floor((attempt * order.length) / NEIGHBOUR_TRIES)]!.member;
      const draft = draftOf(problem, problem.mutate(parent.genome, rng));
      if (!admits(context, draft)) continue;
      nChildren.set(parent.candidate, (nChildren.get(parent.candidate) ?? 0) + 1);
      return { ...draft, parents: [parent.candidate], origin: 'mutation' as const };
    }
    return undefined;
  };
  return {
    propose: (context) => {
      const number = context.ledger.members.length;
      const child = neighbour(context, number);
      if (child !== undefined) return child;
      const draft = sampleFeasible(context, deriveRng(context.settings.seed, number, 'sample'));
      return draft && { ...draft, parents: [], origin: 'sample' };
    },
  };
}
