// Random search: the baseline that every other algorithm has to beat.
import { deriveRng } from '../space/random.ts';
import { type Proposer, sampleFeasible } from './proposer.ts';

/** Distinct feasible genomes, uniform as the space draws them. */
export function randomProposer<G>(): Proposer<G> {
  return {
    propose: (context) => {
      const rng = deriveRng(context.settings.seed, context.ledger.members.length, 'sample');
      const draft = sampleFeasible(context, rng);
      return draft && { genome: draft.genome, key: draft.key, parents: [], origin: 'sample' };
    },
  };
}
