// Crossover: a child with parts of two parents.
import type { Candidate } from './candidate.ts';
import type { Space } from './compiled-space.ts';
import { type Block, type Genes, genesOf } from './genome.ts';
import type { Rng } from './random.ts';
import { repairGenes, stretch } from './repair.ts';

/**
 * A child of two parents. It has the depth of one of them; layers are matched by relative depth and come, with
 * their storage, either in two runs (the front of one parent, the back of the other) or one by one from either.
 * Every other gene comes from either parent.
 */
export function crossCandidates(space: Space, a: Candidate, b: Candidate, rng: Rng): Candidate {
  const [left, right] = rng.chance(1, 2) ? [genesOf(a), genesOf(b)] : [genesOf(b), genesOf(a)];
  const either = <K extends keyof Genes>(key: K): Genes[K] => (rng.chance(1, 2) ? left : right)[key];
  return repairGenes(space, {
    dModel: either('dModel'),
    headDim: either('headDim'),
    tieEmbeddings: either('tieEmbeddings'),
    blocks: crossBlocks(left.blocks, right.blocks, rng),
    headFormat: either('headFormat'),
    headSparsity: either('headSparsity'),
    kvCacheFormat: either('kvCacheFormat'),
    nCards: either('nCards'),
    draft: either('draft'),
  });
}

function crossBlocks(left: readonly Block[], right: readonly Block[], rng: Rng): Block[] {
  const nLayers = rng.pick([left, right]).length;
  const fromLeft = stretch(left, nLayers);
  const fromRight = stretch(right, nLayers);
  if (rng.chance(1, 2)) {
    const cut = rng.below(nLayers + 1);
    return [...fromLeft.slice(0, cut), ...fromRight.slice(cut)];
  }
  return fromLeft.map((block, index) => (rng.chance(1, 2) ? block : fromRight[index]!));
}
