// The smallest, middle and largest members of a space: what a user is shown before a run starts.
import type { Layer } from './architecture.ts';
import type { Candidate } from './candidate.ts';
import type { Space } from './compiled-space.ts';
import { alikeLayer } from './deployment.ts';
import { repairGenes, smallestLayer } from './repair.ts';
import { storageGenes, withStorage } from './storage-genes.ts';

const first = <T>(items: readonly T[]): T => items[0]!;
const last = <T>(items: readonly T[]): T => items.at(-1)!;
const middle = <T>(items: readonly T[]): T => items[Math.floor((items.length - 1) / 2)]!;

function middleLayer(space: Space): Layer {
  const { nHeads, nKvHeads } = middle(space.attention);
  const dFf = middle(space.dFf);
  const layer = { nHeads, nKvHeads: middle(nKvHeads), dFf };
  return nHeads + dFf > 0 ? layer : smallestLayer(space);
}

function largestLayer(space: Space): Layer {
  const wide = space.attention.map(({ nHeads, nKvHeads }) => ({ nHeads, nKvHeads: last(nKvHeads) }));
  const heads = wide.reduce((best, each) =>
    each.nHeads + each.nKvHeads > best.nHeads + best.nKvHeads ? each : best,
  );
  return { ...heads, dFf: last(space.dFf) };
}

function uniformCandidate(space: Space, layer: Layer, take: <T>(items: readonly T[]) => T): Candidate {
  // Formats run from wide to narrow and sparsities from dense to sparse: the smallest member takes the last of them.
  const takeReversed = <T>(items: readonly T[]) => take(items.toReversed());
  const stored = storageGenes(space).reduce(
    (storage, gene) => withStorage(storage, gene, takeReversed(gene.choices)),
    alikeLayer({ weightFormat: 'fp16', sparsity: 0 }),
  );
  return repairGenes(space, {
    dModel: take(space.dModel),
    headDim: take(space.headDim),
    tieEmbeddings: takeReversed(space.tieEmbeddings),
    blocks: Array.from({ length: take(space.depth) }, () => ({ ...layer, ...stored })),
    headFormat: takeReversed(space.headFormat),
    headSparsity: takeReversed(space.headSparsity),
    kvCacheFormat: takeReversed(space.kvCacheFormat),
    nCards: take(space.nCards),
    draft: undefined,
  });
}

/** The member with the fewest parameters, in the narrowest format, at the highest sparsity, on the fewest cards. */
export function smallestCandidate(space: Space): Candidate {
  return uniformCandidate(space, smallestLayer(space), first);
}

/** The member that takes the middle choice everywhere (the lower of two). */
export function middleCandidate(space: Space): Candidate {
  return uniformCandidate(space, middleLayer(space), middle);
}

/** The member with the most parameters, in the widest format, at the lowest sparsity, on the most cards. */
export function largestCandidate(space: Space): Candidate {
  return uniformCandidate(space, largestLayer(space), last);
}
