// Other ways of serving an architecture of the space: what "train once, deploy many" chooses from.
import { type Candidate, hashOf } from './candidate.ts';
import { type Genes, genesOf, type Space } from './genome.ts';
import type { Rng } from './random.ts';
import { repairGenes } from './repair.ts';
import { sampleBlock } from './sample.ts';

type Serving = Pick<Genes, 'weightFormat' | 'sparsity' | 'headFormat' | 'kvCacheFormat' | 'nCards'>;

/** Every deployment that stores all layers alike, by mixed radix: number 0 is the first choice of everything. */
function servingAt(space: Space, number: number): Serving {
  let rest = number;
  const next = <T>(choices: readonly T[]): T => {
    const choice = choices[rest % choices.length]!;
    rest = Math.floor(rest / choices.length);
    return choice;
  };
  return {
    weightFormat: next(space.weightFormat.choices),
    sparsity: next(space.sparsity.choices),
    headFormat: next(space.headFormat),
    kvCacheFormat: next(space.kvCacheFormat),
    nCards: next(space.nCards),
  };
}

/**
 * Up to `most` distinct members with the architecture of the member `candidate`: those that store all layers alike (an
 * even selection where they are too many), then, where layers choose for themselves, as many random ones.
 */
export function deploymentsOf(space: Space, candidate: Candidate, most: number, rng: Rng): Candidate[] {
  const genes = genesOf(candidate);
  const found = new Map<string, Candidate>();
  const add = (serving: Serving, blocks: Genes['blocks']) => {
    const member = repairGenes(space, { ...genes, ...serving, blocks });
    found.set(hashOf(member), member);
  };
  const { weightFormat, sparsity, headFormat, kvCacheFormat, nCards } = space;
  const lists = [weightFormat.choices, sparsity.choices, headFormat, kvCacheFormat, nCards];
  const nAlike = lists.reduce((product, { length }) => product * length, 1);
  const isMixed = genes.blocks.length > 1 && (weightFormat.perLayer || sparsity.perLayer);
  const nShown = Math.min(nAlike, isMixed ? Math.ceil(most / 2) : most);
  for (let shown = 0; shown < nShown; shown++) {
    const serving = servingAt(space, Math.floor((shown * nAlike) / nShown));
    add(
      serving,
      genes.blocks.map((block) => ({ ...block, ...serving })),
    );
  }
  for (let draw = 0; isMixed && draw < most - nShown; draw++) {
    const blocks = genes.blocks.map((block) => {
      const { weightFormat: format, sparsity: share } = sampleBlock(space, rng);
      return { ...block, weightFormat: format, sparsity: share };
    });
    add(servingAt(space, rng.below(nAlike)), blocks);
  }
  return [...found.values()];
}
