// Genes -> the nearest canonical member of the space. All variation ends here, so nothing can leave the space.
import type { Candidate } from './candidate.ts';
import { smallestLayer } from './extremes.ts';
import type { Block, Genes, Space } from './genome.ts';

/** The choice nearest to `value`; of two as near, the lower. */
export function nearestChoice(choices: readonly number[], value: number): number {
  let best = choices[0]!;
  for (const choice of choices) if (Math.abs(choice - value) < Math.abs(best - value)) best = choice;
  return best;
}

/** `value` where it is a choice, else the first choice. */
const oneOf = <T>(choices: readonly T[], value: T): T => (choices.includes(value) ? value : choices[0]!);

/**
 * The member nearest to the genes: every gene goes to its nearest choice, empty layers are dropped, and the
 * depth goes to the nearest allowed one by repeating or leaving out layers at even distances.
 */
export function repairGenes(space: Space, genes: Genes): Candidate {
  const real = genes.blocks
    .map((block) => snapBlock(space, block))
    .filter(({ nHeads, dFf }) => nHeads + dFf > 0);
  const source =
    real.length > 0 ? real : [{ ...snapBlock(space, genes.blocks[0]!), ...smallestLayer(space) }];
  const blocks = stretch(source, nearestChoice(space.depth, real.length));
  const hasAttention = blocks.some(({ nHeads }) => nHeads > 0);
  const weightFormat = oneOf(space.weightFormat.choices, genes.weightFormat);
  const sparsity = nearestChoice(space.sparsity.choices, genes.sparsity);
  return {
    architecture: {
      dModel: nearestChoice(space.dModel, genes.dModel),
      headDim: hasAttention ? nearestChoice(space.headDim, genes.headDim) : space.headDim[0]!,
      vocabSize: space.vocabSize,
      contextLength: space.contextLength,
      tieEmbeddings: oneOf(space.tieEmbeddings, genes.tieEmbeddings),
      ropeTheta: space.ropeTheta,
      layers: blocks.map(({ nHeads, nKvHeads, dFf }) => ({ nHeads, nKvHeads, dFf })),
    },
    deployment: {
      layers: blocks.map((block) => ({
        weightFormat: space.weightFormat.perLayer ? block.weightFormat : weightFormat,
        sparsity: space.sparsity.perLayer ? block.sparsity : sparsity,
      })),
      headFormat: oneOf(space.headFormat, genes.headFormat),
      kvCacheFormat: hasAttention ? oneOf(space.kvCacheFormat, genes.kvCacheFormat) : space.kvCacheFormat[0]!,
      nCards: nearestChoice(space.nCards, genes.nCards),
    },
  };
}

function snapBlock(space: Space, block: Block): Block {
  let nearest = space.attention[0]!;
  for (const choice of space.attention) {
    if (Math.abs(choice.nHeads - block.nHeads) < Math.abs(nearest.nHeads - block.nHeads)) nearest = choice;
  }
  const { nHeads, nKvHeads } = nearest;
  return {
    nHeads,
    nKvHeads: nearestChoice(nKvHeads, block.nKvHeads),
    dFf: nearestChoice(space.dFf, block.dFf),
    weightFormat: oneOf(space.weightFormat.choices, block.weightFormat),
    sparsity: nearestChoice(space.sparsity.choices, block.sparsity),
  };
}

/** `length` items in the order of `items`, repeated or left out at even distances. */
export function stretch<T>(items: readonly T[], length: number): T[] {
  return Array.from({ length }, (_, index) => items[Math.floor((index * items.length) / length)]!);
}
