// Every member of a space, once, in a fixed order.
import type { Layer } from './architecture.ts';
import type { Candidate } from './candidate.ts';
import type { Space } from './compiled-space.ts';
import { alikeLayer } from './deployment.ts';
import { allDrafts } from './draft.ts';
import type { Block } from './genome.ts';
import { repairGenes } from './repair.ts';
import { hasPart, layerRuns, storageGenes, withStorage } from './storage-genes.ts';

/** Every way to take one item of each list, the last list running fastest. */
function* product<T>(lists: readonly (readonly T[])[]): Generator<readonly T[]> {
  const digits = lists.map(() => 0);
  for (;;) {
    yield lists.map((list, at) => list[digits[at]!]!);
    let at = lists.length - 1;
    for (; at >= 0 && ++digits[at]! === lists[at]!.length; at--) digits[at] = 0;
    if (at < 0) return;
  }
}

function layersOf({ attention, dFf }: Space): Layer[] {
  return attention
    .flatMap(({ nHeads, nKvHeads }) =>
      nKvHeads.flatMap((kvHeads) => dFf.map((width) => ({ nHeads, nKvHeads: kvHeads, dFf: width }))),
    )
    .filter((layer) => layer.nHeads + layer.dFf > 0);
}

/** Every way to store these layers: each gene chooses in each of its runs in which some layer has a part of it. */
function* storedLayers(space: Space, layers: readonly Layer[]): Generator<readonly Block[]> {
  const slots = storageGenes(space).flatMap((gene) =>
    layerRuns(gene, layers.length)
      .filter(([start, end]) =>
        layers.slice(start, end).some((layer) => gene.parts.some((part) => hasPart(layer, part))),
      )
      .map((run) => ({ gene, run })),
  );
  const plain = alikeLayer({ weightFormat: 'fp16', sparsity: 0 });
  for (const values of product(slots.map(({ gene }) => gene.choices))) {
    const blocks = layers.map((layer): Block => ({ ...layer, ...plain }));
    for (const [at, { gene, run }] of slots.entries()) {
      for (let layer = run[0]; layer < run[1]; layer++)
        blocks[layer] = withStorage(blocks[layer]!, gene, values[at]!);
    }
    yield blocks;
  }
}

/** Every member: those of the smallest width and depth first. There may be more than anyone could wait for. */
export function* allMembers(space: Space): Generator<Candidate> {
  const layers = layersOf(space);
  for (const dModel of space.dModel) {
    for (const depth of space.depth) {
      for (const sequence of product(Array.from({ length: depth }, () => layers))) {
        yield* membersWith(space, dModel, sequence);
      }
    }
  }
}

function* membersWith(space: Space, dModel: number, layers: readonly Layer[]): Generator<Candidate> {
  const isAttentive = layers.some(({ nHeads }) => nHeads > 0);
  const reduced = <T>(choices: readonly T[]) => (isAttentive ? choices : choices.slice(0, 1));
  const drafts = allDrafts(space.draft, layers.length, space);
  for (const blocks of storedLayers(space, layers))
    for (const headDim of reduced(space.headDim))
      for (const tieEmbeddings of space.tieEmbeddings)
        for (const headFormat of space.headFormat)
          for (const headSparsity of space.headSparsity)
            for (const kvCacheFormat of reduced(space.kvCacheFormat))
              for (const nCards of space.nCards)
                for (const draft of drafts)
                  yield repairGenes(space, {
                    dModel,
                    headDim,
                    tieEmbeddings,
                    blocks,
                    headFormat,
                    headSparsity,
                    kvCacheFormat,
                    nCards,
                    draft,
                  });
}
