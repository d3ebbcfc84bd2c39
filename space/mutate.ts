// Mutation: about one gene in expectation, at times a change of depth. Integers alone decide, so the same seed
// gives the same child on every machine.
import type { Layer } from './architecture.ts';
import type { Candidate } from './candidate.ts';
import type { Space } from './compiled-space.ts';
import { countDraftGenes, mutateDraft, repairDraft } from './draft.ts';
import { type Block, type Genes, genesOf } from './genome.ts';
import type { Rng } from './random.ts';
import { nearestChoice, repairGenes } from './repair.ts';
import { sampleBlock } from './sample.ts';
import { hasPart, layerRuns, type StorageGene, storageGenes, valueIn, withStorage } from './storage-genes.ts';

const MOST_ATTEMPTS = 20;
/** One mutation in four changes the depth where it can. */
const DEPTH_CHANGE = [1, 4] as const;
/** One step in four of an ordered gene goes anywhere, the others to a neighbouring choice. */
const FAR_STEP = [1, 4] as const;

/** What a mutation is about: the depth, or the gene that changes in any case. */
const MUTATION_KINDS = [
  'depth',
  'shape',
  'attention',
  'feed-forward',
  'storage',
  'serving',
  'draft',
] as const;
export type MutationKind = (typeof MUTATION_KINDS)[number];

const KIND_OF_GENE: Readonly<Record<GeneName, MutationKind>> = {
  dModel: 'shape',
  headDim: 'shape',
  tieEmbeddings: 'shape',
  headFormat: 'storage',
  headSparsity: 'storage',
  kvCacheFormat: 'serving',
  nCards: 'serving',
};
const KIND_OF_LAYER_GENE: Readonly<Record<LayerGeneName, MutationKind>> = {
  nHeads: 'attention',
  nKvHeads: 'attention',
  dFf: 'feed-forward',
};

/**
 * A neighbour of a candidate: each of its n genes changes with probability 1/n, at least one does (or the depth),
 * ordered genes mostly by one step. With `kind`, what changes in any case is of that kind, where the candidate has such
 * genes. The parent need not lie in the space. Only in a space of one member (or, very rarely, by chance) is the child
 * the parent itself.
 */
export function mutateCandidate(space: Space, parent: Candidate, rng: Rng, kind?: MutationKind): Candidate {
  const home = repairGenes(space, genesOf(parent));
  const name = JSON.stringify(home);
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const child = repairGenes(space, mutateGenes(space, genesOf(home), rng, kind));
    // Repair writes its keys in one order, so equal members have equal text.
    if (JSON.stringify(child) !== name) return child;
  }
  return home;
}

/** The kinds of mutation that a candidate can have, and their shares where none is asked for; they sum to 1. */
export function mutationKinds(
  space: Space,
  parent: Candidate,
): readonly { readonly kind: MutationKind; readonly share: number }[] {
  const kinds = kindsOf(layOut(space, genesOf(parent)));
  const ofGenes = space.depth.length > 1 ? 1 - DEPTH_CHANGE[0] / DEPTH_CHANGE[1] : 1;
  return MUTATION_KINDS.flatMap((kind) => {
    const nGenes = kinds.filter((each) => each === kind).length;
    const share = kind === 'depth' ? 1 - ofGenes : (ofGenes * nGenes) / Math.max(1, kinds.length);
    return share === 0 ? [] : [{ kind, share }];
  });
}

/** The open genes of a member, in the order in which they are numbered: whole model, layers, storage, draft. */
interface Layout {
  readonly names: readonly GeneName[];
  readonly layerNames: readonly LayerGeneName[];
  readonly nLayers: number;
  readonly runs: readonly Run[];
  readonly draft: Genes['draft'];
  readonly nDraft: number;
}

function layOut(space: Space, { blocks, draft: wanted }: Genes): Layout {
  const draft = repairDraft(space.draft, wanted, blocks.length, space);
  return {
    names: openGenes(space),
    layerNames: openLayerGenes(space),
    nLayers: blocks.length,
    runs: openRuns(space, blocks),
    draft,
    nDraft: countDraftGenes(space.draft, draft),
  };
}

/** The kind of each open gene, by its number. */
function kindsOf({ names, layerNames, nLayers, runs, nDraft }: Layout): MutationKind[] {
  return [
    ...names.map((name) => KIND_OF_GENE[name]),
    ...Array.from({ length: nLayers }, () => layerNames.map((name) => KIND_OF_LAYER_GENE[name])).flat(),
    ...runs.map(() => 'storage' as const),
    ...Array.from({ length: nDraft }, () => 'draft' as const),
  ];
}

/** The number of the gene that changes in any case. */
function sureGene(kinds: readonly MutationKind[], rng: Rng, kind: MutationKind | undefined): number {
  const own = kinds.flatMap((each, number) => (each === kind ? [number] : []));
  return own.length > 0 ? rng.pick(own) : rng.below(kinds.length);
}

function mutateGenes(space: Space, genes: Genes, rng: Rng, kind?: MutationKind): Genes {
  const isDepthChange =
    space.depth.length > 1 && (kind === undefined ? rng.chance(...DEPTH_CHANGE) : kind === 'depth');
  const changed = isDepthChange ? { ...genes, blocks: changeDepth(space, genes.blocks, rng) } : genes;
  const layout = layOut(space, changed);
  const { names, layerNames, runs, draft, nDraft } = layout;
  const kinds = kindsOf(layout);
  const nGenes = kinds.length;
  if (nGenes === 0) return changed;
  const nShapes = names.length + layerNames.length * changed.blocks.length;
  const nStored = nShapes + runs.length;
  // Unless the depth changed already.
  const sure = isDepthChange ? -1 : sureGene(kinds, rng, kind);
  const hit = (index: number) => rng.chance(1, nGenes) || index === sure;

  let result = changed;
  for (const [index, name] of names.entries()) {
    if (hit(index)) result = { ...result, [name]: mutateGene(space, result, name, rng) };
  }
  const blocks = changed.blocks.map((block, layer) => {
    let mutated = block;
    for (const [index, name] of layerNames.entries()) {
      const number = names.length + layer * layerNames.length + index;
      if (hit(number)) mutated = mutateBlock(space, mutated, name, rng);
    }
    return mutated;
  });
  for (const [index, { gene, start, end }] of runs.entries()) {
    if (!hit(nShapes + index)) continue;
    const value = step(gene.choices, valueIn(gene, changed.blocks.slice(start, end))!, rng);
    for (let at = start; at < end; at++) blocks[at] = withStorage(blocks[at]!, gene, value);
  }
  let drafted = draft;
  for (let index = 0; index < nDraft; index++) {
    // A new kind has other genes: those of the old one are gone.
    if (!hit(nStored + index)) continue;
    drafted = mutateDraft(space.draft!, drafted, index, blocks.length, space, rng, step);
    if (index === 0) break;
  }
  return { ...result, blocks, draft: drafted };
}

type GeneName = Exclude<keyof Genes, 'blocks' | 'draft'>;
type LayerGeneName = keyof Layer;

/** A storage gene in one of the runs of layers that it speaks for. */
interface Run {
  readonly gene: StorageGene;
  readonly start: number;
  readonly end: number;
}

/** The storage genes that have a choice, where some layer of their run has a part to store. */
function openRuns(space: Space, blocks: readonly Block[]): Run[] {
  const open = storageGenes(space).filter(({ choices }) => choices.length > 1);
  return open.flatMap((gene) =>
    layerRuns(gene, blocks.length)
      .map(([start, end]) => ({ gene, start, end }))
      .filter(({ start, end }) =>
        blocks.slice(start, end).some((block) => gene.parts.some((part) => hasPart(block, part))),
      ),
  );
}

/** The genes of the whole model that have a choice. */
function openGenes(space: Space): readonly GeneName[] {
  const { dModel, headDim, tieEmbeddings, headFormat, headSparsity, kvCacheFormat, nCards } = space;
  const choices: Readonly<Record<GeneName, readonly unknown[]>> = {
    dModel,
    headDim,
    tieEmbeddings,
    headFormat,
    headSparsity,
    kvCacheFormat,
    nCards,
  };
  return (Object.keys(choices) as GeneName[]).filter((name) => choices[name].length > 1);
}

/** The genes of one layer that have a choice. */
function openLayerGenes(space: Space): readonly LayerGeneName[] {
  const { attention, dFf } = space;
  const isOpen: Readonly<Record<LayerGeneName, boolean>> = {
    nHeads: attention.length > 1,
    nKvHeads: attention.some(({ nKvHeads }) => nKvHeads.length > 1),
    dFf: dFf.length > 1,
  };
  return (Object.keys(isOpen) as LayerGeneName[]).filter((name) => isOpen[name]);
}

function mutateGene(space: Space, genes: Genes, name: GeneName, rng: Rng): Genes[GeneName] {
  switch (name) {
    case 'dModel':
    case 'headDim':
    case 'headSparsity':
    case 'nCards':
      return step<number>(space[name], genes[name], rng);
    case 'tieEmbeddings':
      return !genes.tieEmbeddings;
    case 'headFormat':
      return step(space.headFormat, genes.headFormat, rng);
    case 'kvCacheFormat':
      return step(space.kvCacheFormat, genes.kvCacheFormat, rng);
  }
}

function mutateBlock(space: Space, block: Block, name: LayerGeneName, rng: Rng): Block {
  switch (name) {
    case 'nHeads':
      return withHeads(space, block, rng);
    case 'nKvHeads': {
      const { nKvHeads } = space.attention.find(({ nHeads }) => nHeads === block.nHeads)!;
      return { ...block, nKvHeads: step(nKvHeads, block.nKvHeads, rng) };
    }
    case 'dFf':
      return { ...block, dFf: step(space.dFf, block.dFf, rng) };
  }
}

/** Other query heads; the key-value heads stay as near as they can, and are drawn where there was no attention. */
function withHeads(space: Space, block: Block, rng: Rng): Block {
  const { nHeads, nKvHeads } = step(
    space.attention,
    space.attention.find((choice) => choice.nHeads === block.nHeads)!,
    rng,
  );
  const kvHeads = block.nHeads === 0 ? rng.pick(nKvHeads) : nearestChoice(nKvHeads, block.nKvHeads);
  return { ...block, nHeads, nKvHeads: kvHeads };
}

/** Another choice: mostly a neighbour in the order of the list, at times any; the same where there is no other. */
function step<T>(choices: readonly T[], current: T, rng: Rng): T {
  const at = choices.indexOf(current);
  if (choices.length < 2) return current;
  if (rng.chance(...FAR_STEP)) {
    const other = rng.below(choices.length - 1);
    return choices[other < at ? other : other + 1]!;
  }
  if (at === 0) return choices[1]!;
  if (at === choices.length - 1) return choices[at - 1]!;
  return choices[rng.chance(1, 2) ? at - 1 : at + 1]!;
}

/** Layers are deleted, duplicated or drawn anew until the depth is another one that is allowed, mostly the next. */
function changeDepth(space: Space, blocks: readonly Block[], rng: Rng): Block[] {
  const wanted = step(space.depth, blocks.length, rng);
  const result = [...blocks];
  while (result.length > wanted) result.splice(rng.below(result.length), 1);
  while (result.length < wanted) {
    const at = rng.below(result.length + 1);
    const isCopy = rng.chance(1, 2);
    result.splice(at, 0, isCopy ? result[Math.min(at, result.length - 1)]! : sampleBlock(space, rng));
  }
  return result;
}
