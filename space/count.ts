// The exact size of a space.

import type { Space } from './compiled-space.ts';
import { countDrafts } from './draft.ts';
import { layerRuns, type StorageGene, storageGenes } from './storage-genes.ts';

/** Distinct layers by the parts that they have. */
interface LayerCounts {
  readonly both: bigint;
  readonly attention: bigint;
  readonly feedForward: bigint;
}

function countLayers({ attention, dFf }: Space): LayerCounts {
  const nPositive = dFf.filter((width) => width > 0).length;
  const nLeftOut = dFf.length - nPositive;
  const nAttentions = attention.reduce(
    (sum, { nHeads, nKvHeads }) => sum + (nHeads > 0 ? nKvHeads.length : 0),
    0,
  );
  const isOptional = attention.some(({ nHeads }) => nHeads === 0);
  return {
    both: BigInt(nAttentions * nPositive),
    attention: BigInt(nAttentions * nLeftOut),
    feedForward: isOptional ? BigInt(nPositive) : 0n,
  };
}

const size = (items: readonly unknown[]) => BigInt(items.length);

/**
 * Distinct architectures. Where no layer has attention the head size does not matter and counts once:
 * sum over depths d of |dModel| |tie| ((L^d - F^d) |headDim| + F^d), with L layers, F of them without attention.
 */
export function countArchitectures(space: Space): bigint {
  return countWith(space, size(space.headDim), [], () => 1n);
}

/** Distinct members, architecture and deployment together; see `countArchitectures`. */
export function countMembers(space: Space): bigint {
  const { headDim, headFormat, headSparsity, kvCacheFormat, nCards } = space;
  return (
    countWith(space, size(headDim) * size(kvCacheFormat), storageGenes(space), (depth) =>
      countDrafts(space.draft, depth),
    ) *
    size(headFormat) *
    size(headSparsity) *
    size(nCards)
  );
}

function countWith(
  space: Space,
  perAttention: bigint,
  storage: readonly StorageGene[],
  draftsAt: (depth: number) => bigint,
): bigint {
  const layers = countLayers(space);
  let total = 0n;
  for (const depth of space.depth) {
    // A gene of both parts chooses in every run; one of a single part only where some layer of its run has that part.
    const shared = storage.filter(({ parts }) => parts.length > 1);
    const single = storage.filter(({ parts }) => parts.length === 1);
    const choices = shared.reduce(
      (product, gene) => product * size(gene.choices) ** BigInt(layerRuns(gene, depth).length),
      1n,
    );
    total += countSequences(layers, depth, perAttention, single) * choices * draftsAt(depth);
  }
  return total * size(space.dModel) * size(space.tieEmbeddings);
}

/**
 * Distinct sequences of layers with what the genes of single parts choose for them. Layers are added one by one to
 * counts by state: which genes have chosen in their present run, and whether any layer has attention.
 */
function countSequences(
  { both, attention, feedForward }: LayerCounts,
  depth: number,
  perAttention: bigint,
  genes: readonly StorageGene[],
): bigint {
  const starts = genes.map((gene) => new Set(layerRuns(gene, depth).map(([start]) => start)));
  const hasAttention = 1 << genes.length;
  let counts = new Map<number, bigint>([[0, 1n]]);
  for (let layer = 0; layer < depth; layer++) {
    const next = new Map<number, bigint>();
    const add = (before: number, count: bigint, parts: readonly string[]) => {
      if (count === 0n) return;
      let state = parts.includes('attention') ? before | hasAttention : before;
      let ways = count;
      for (const [at, gene] of genes.entries()) {
        if (starts[at]!.has(layer)) state &= ~(1 << at);
        if (!parts.includes(gene.parts[0]!) || (state & (1 << at)) !== 0) continue;
        state |= 1 << at;
        ways *= size(gene.choices);
      }
      next.set(state, (next.get(state) ?? 0n) + ways);
    };
    for (const [state, count] of counts) {
      add(state, count * both, ['attention', 'feedForward']);
      add(state, count * attention, ['attention']);
      add(state, count * feedForward, ['feedForward']);
    }
    counts = next;
  }
  let total = 0n;
  for (const [state, count] of counts) total += (state & hasAttention) === 0 ? count : count * perAttention;
  return total;
}
