// Every member of a small space, in the space's own order where it can list itself.
import { deriveRng } from '../space/random.ts';
import type { Problem } from './port.ts';
import { admits, type Draft, draftOf, type Proposer, type SearchContext } from './proposer.ts';

/** Fruitless samples in a row after which a space that cannot list itself counts as used up. */
const FRUITLESS_TRIES = 20_000;

export function exhaustiveProposer<G>(): Proposer<G> {
  let listed: Iterator<G> | undefined;
  const nextListed = (context: SearchContext<G>, problem: Problem<G>): Draft<G> | undefined => {
    listed ??= problem.all!()[Symbol.iterator]();
    for (let next = listed.next(); next.done !== true; next = listed.next()) {
      const draft = draftOf(problem, next.value);
      if (admits(context, draft)) return draft;
    }
    return undefined;
  };
  const nextSampled = (context: SearchContext<G>, problem: Problem<G>): Draft<G> | undefined => {
    const rng = deriveRng(context.settings.seed, context.ledger.members.length, 'sample');
    for (let attempt = 0; attempt < FRUITLESS_TRIES; attempt++) {
      const draft = draftOf(problem, problem.sample(rng));
      if (admits(context, draft)) return draft;
    }
    return undefined;
  };
  return {
    propose: (context) => {
      const { problem } = context;
      const draft = problem.all === undefined ? nextSampled(context, problem) : nextListed(context, problem);
      return draft && { ...draft, parents: [], origin: 'sample' };
    },
  };
}
