// NSGA-II without generations (Deb et al. 2002; steady state as in Durillo et al. 2009): each result can breed at once.
import { deriveRng, type Rng } from '../space/random.ts';
import type { Scored } from './ledger.ts';
import { createMutationRates, type MutationRates } from './mutation-rates.ts';
import { createParentPool } from './parents.ts';
import { uses } from './port.ts';
import { admits, draftOf, type Proposer, type SearchContext, sampleFeasible } from './proposer.ts';

const CHILD_TRIES = 60;
/** Every so many failed tries the child gets one more mutation, to leave a neighbourhood that is used up. */
const TRIES_PER_EXTRA_MUTATION = 10;

/** Members in a tournament, and crossovers in ten children: at some hundred evaluations more pressure than the usual two and nine pays. */
const TOURNAMENT = 4;
const CROSSED_IN_TEN = 7;

/** The best of a few random members of a list that is sorted best first. */
function tournament<G>(parents: readonly Scored<G>[], rng: Rng): Scored<G> {
  let best = parents.length - 1;
  for (let k = 0; k < TOURNAMENT; k++) best = Math.min(best, rng.below(parents.length));
  return parents[best]!;
}

/** A child of one or two parents that is new and meets the constraints which need no training. */
function breed<G>(
  context: SearchContext<G>,
  parents: readonly Scored<G>[],
  rates: MutationRates<G>,
  rng: Rng,
) {
  const { problem } = context;
  const crosses = uses(context.settings, 'crossover');
  for (let attempt = 0; attempt < CHILD_TRIES; attempt++) {
    const mother = tournament(parents, rng).member;
    const father = tournament(parents, rng).member;
    const isCrossed = mother !== father && crosses && rng.chance(CROSSED_IN_TEN, 10);
    let genome = isCrossed ? problem.cross(mother.genome, father.genome, rng) : mother.genome;
    const nMutations = 1 + Math.floor(attempt / TRIES_PER_EXTRA_MUTATION);
    const kinds: string[] = [];
    for (let k = 0; k < nMutations; k++) {
      const kind = rates.draw(context, genome, rng);
      genome = problem.mutate(genome, rng, kind);
      if (kind !== undefined) kinds.push(kind);
    }
    const draft = draftOf(problem, genome);
    if (!admits(context, draft)) continue;
    rates.note(context.ledger.members.length, kinds);
    return {
      genome,
      key: draft.key,
      parents: isCrossed ? [mother.candidate, father.candidate] : [mother.candidate],
      origin: isCrossed ? ('crossover' as const) : ('mutation' as const),
    };
  }
  return undefined;
}

/**
 * Random members until a population has been asked, then children of tournaments among the best of all
 * results so far, by constrained rank and crowding.
 */
export function nsga2Proposer<G>(): Proposer<G> {
  const parentPool = createParentPool<G>();
  const rates = createMutationRates<G>();
  const propose: Proposer<G>['propose'] = (context) => {
    const { settings, ledger } = context;
    const number = ledger.members.length;
    const parents = parentPool(ledger, settings);
    if (number >= settings.populationSize && parents.length >= 2) {
      const child = breed(context, parents, rates, deriveRng(settings.seed, number, 'child'));
      if (child !== undefined) return child;
    }
    const draft = sampleFeasible(context, deriveRng(settings.seed, number, 'sample'));
    return draft && { genome: draft.genome, key: draft.key, parents: [], origin: 'sample' };
  };
  return { propose };
}
