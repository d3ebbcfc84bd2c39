// Random search: the baseline that every other algorithm has to beat.
import { deriveRng } from '../space/random.ts';
import { type Propose, sampleFeasible } from './proposer.ts';

/** Distinct feasible genomes, uniform as the space draws them. */
export function randomProposer<G>(): Propose<G> {
  return (context) => {
    const rng = deriveRng(context.settings.seed, context.ledger.members.length, 'sample');
    const draft = sampleFeasible(context, rng);
    return draft && { genome: draft.genome, key: draft.key, parents: [], origin: 'sample' };
  };
}
