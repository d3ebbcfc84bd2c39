// The smallest, middle and largest members of a space: what a user is shown before a run starts.
import type { Layer } from './architecture.ts';
import type { Candidate } from './candidate.ts';
import type { Space } from './genome.ts';

const first = <T>(items: readonly T[]): T => items[0]!;
const last = <T>(items: readonly T[]): T => items.at(-1)!;
const middle = <T>(items: readonly T[]): T => items[Math.floor((items.length - 1) / 2)]!;

/** The layer with the fewest parameters at the smallest width and head size; never an empty one. */
export function smallestLayer(space: Space): Layer {
  const dModel = first(space.dModel);
  const headDim = first(space.headDim);
  const narrow = space.attention.map(({ nHeads, nKvHeads }) => ({ nHeads, nKvHeads: first(nKvHeads) }));
  const widths = [first(space.dFf), space.dFf.find((width) => width > 0) ?? 0];
  const options = narrow.flatMap((heads) => widths.map((dFf) => ({ ...heads, dFf })));
  const size = ({ nHeads, nKvHeads, dFf }: Layer) =>
    2 * dModel * headDim * (nHeads + nKvHeads) + 3 * dModel * dFf;
  const real = options.filter(({ nHeads, dFf }) => nHeads + dFf > 0);
  return real.reduce((best, option) => (size(option) < size(best) ? option : best));
}

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
  const depth = take(space.depth);
  const stored = {
    weightFormat: takeReversed(space.weightFormat.choices),
    sparsity: takeReversed(space.sparsity.choices),
  };
  const hasAttention = layer.nHeads > 0;
  return {
    architecture: {
      dModel: take(space.dModel),
      headDim: hasAttention ? take(space.headDim) : first(space.headDim),
      vocabSize: space.vocabSize,
      contextLength: space.contextLength,
      tieEmbeddings: takeReversed(space.tieEmbeddings),
      ropeTheta: space.ropeTheta,
      layers: Array.from({ length: depth }, () => layer),
    },
    deployment: {
      layers: Array.from({ length: depth }, () => stored),
      headFormat: takeReversed(space.headFormat),
      kvCacheFormat: hasAttention ? takeReversed(space.kvCacheFormat) : first(space.kvCacheFormat),
      nCards: take(space.nCards),
    },
  };
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
