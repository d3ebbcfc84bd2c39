// The exact size of a space.
import type { Space } from './genome.ts';

interface LayerCounts {
  /** Distinct layers, and those among them without attention. */
  readonly all: bigint;
  readonly withoutAttention: bigint;
}

function countLayers({ attention, dFf }: Space): LayerCounts {
  const nPositive = dFf.filter((width) => width > 0).length;
  let all = 0;
  let withoutAttention = 0;
  for (const { nHeads, nKvHeads } of attention) {
    if (nHeads === 0) withoutAttention += nPositive;
    all += nHeads === 0 ? nPositive : nKvHeads.length * dFf.length;
  }
  return { all: BigInt(all), withoutAttention: BigInt(withoutAttention) };
}

const size = (items: readonly unknown[]) => BigInt(items.length);

/**
 * Distinct architectures. Where no layer has attention the head size does not matter and counts once:
 * sum over depths d of |dModel| |tie| ((L^d - F^d) |headDim| + F^d), with L layers, F of them without attention.
 */
export function countArchitectures(space: Space): bigint {
  return countWith(space, size(space.headDim), () => 1n);
}

/** Distinct members, architecture and deployment together; see `countArchitectures`. */
export function countMembers(space: Space): bigint {
  const { weightFormat, sparsity, headFormat, nCards } = space;
  return countWith(space, size(space.headDim) * size(space.kvCacheFormat), (depth) => {
    const perLayer = (choices: readonly unknown[], isFree: boolean) => size(choices) ** (isFree ? depth : 1n);
    const stored =
      perLayer(weightFormat.choices, weightFormat.perLayer) * perLayer(sparsity.choices, sparsity.perLayer);
    return stored * size(headFormat) * size(nCards);
  });
}

function countWith(space: Space, perAttention: bigint, deployments: (depth: bigint) => bigint): bigint {
  const { all, withoutAttention } = countLayers(space);
  let total = 0n;
  for (const nLayers of space.depth) {
    const depth = BigInt(nLayers);
    const without = withoutAttention ** depth;
    total += ((all ** depth - without) * perAttention + without) * deployments(depth);
  }
  return total * size(space.dModel) * size(space.tieEmbeddings);
}
