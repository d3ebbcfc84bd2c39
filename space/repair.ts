// Genes -> the nearest canonical member of the space. All variation ends here, so nothing can leave the space.
import type { Layer } from './architecture.ts';
import type { Candidate } from './candidate.ts';
import type { Space } from './compiled-space.ts';
import { repairDraft } from './draft.ts';
import type { Block, Genes } from './genome.ts';
import { type StorageGene, storageGenes, tieStorage } from './storage-genes.ts';

/** The choice nearest to `value`; of two as near, the lower. */
export function nearestChoice(choices: readonly number[], value: number): number {
  let best = choices[0]!;
  for (const choice of choices) if (Math.abs(choice - value) < Math.abs(best - value)) best = choice;
  return best;
}

/** `value` where it is a choice, else the first choice. */
const oneOf = <T>(choices: readonly T[], value: T): T => (choices.includes(value) ? value : choices[0]!);

/**
 * The member nearest to the genes: every gene goes to its nearest choice, empty layers are dropped, the depth goes to
 * the nearest allowed one by repeating or leaving out layers at even distances, and layers that share how they are
 * stored follow the first of them.
 */
export function repairGenes(space: Space, genes: Genes): Candidate {
  const real = genes.blocks
    .map((block) => snapBlock(space, block))
    .filter(({ nHeads, dFf }) => nHeads + dFf > 0);
  const source =
    real.length > 0 ? real : [{ ...snapBlock(space, genes.blocks[0]!), ...smallestLayer(space) }];
  const blocks = tieStorage(
    storageGenes(space),
    stretch(source, nearestChoice(space.depth, real.length)),
    snapStorage,
  );
  const hasAttention = blocks.some(({ nHeads }) => nHeads > 0);
  const draft = repairDraft(space.draft, genes.draft, blocks.length, space);
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
      layers: blocks.map(({ attention, feedForward }) => ({ attention, feedForward })),
      embedding: {
        weightFormat: oneOf(space.headFormat, genes.headFormat),
        sparsity: nearestChoice(space.headSparsity, genes.headSparsity),
      },
      kvCacheFormat: hasAttention ? oneOf(space.kvCacheFormat, genes.kvCacheFormat) : space.kvCacheFormat[0]!,
      nCards: nearestChoice(space.nCards, genes.nCards),
      ...(draft === undefined ? {} : { draft }),
    },
  };
}

/** The layer with the fewest parameters at the smallest width and head size; never an empty one. */
export function smallestLayer(space: Space): Layer {
  const dModel = space.dModel[0]!;
  const headDim = space.headDim[0]!;
  const narrow = space.attention.map(({ nHeads, nKvHeads }) => ({ nHeads, nKvHeads: nKvHeads[0]! }));
  const widths = [space.dFf[0]!, space.dFf.find((width) => width > 0) ?? 0];
  const options = narrow.flatMap((heads) => widths.map((dFf) => ({ ...heads, dFf })));
  const size = ({ nHeads, nKvHeads, dFf }: Layer) =>
    2 * dModel * headDim * (nHeads + nKvHeads) + 3 * dModel * dFf;
  const real = options.filter(({ nHeads, dFf }) => nHeads + dFf > 0);
  return real.reduce((best, option) => (size(option) < size(best) ? option : best));
}

function snapStorage(
  { choices }: StorageGene,
  value: StorageGene['choices'][number],
): StorageGene['choices'][number] {
  return typeof value === 'number'
    ? nearestChoice(choices as readonly number[], value)
    : oneOf(choices, value);
}

function snapBlock(space: Space, block: Block): Block {
  let nearest = space.attention[0]!;
  for (const choice of space.attention) {
    if (Math.abs(choice.nHeads - block.nHeads) < Math.abs(nearest.nHeads - block.nHeads)) nearest = choice;
  }
  const { nHeads, nKvHeads } = nearest;
  return {
    ...block,
    nHeads,
    nKvHeads: nearestChoice(nKvHeads, block.nKvHeads),
    dFf: nearestChoice(space.dFf, block.dFf),
  };
}

/** `length` items in the order of `items`, repeated or left out at even distances. */
export function stretch<T>(items: readonly T[], length: number): T[] {
  return Array.from({ length }, (_, index) => items[Math.floor((index * items.length) / length)]!);
}
