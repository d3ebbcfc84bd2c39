// Which layers of two architectures go together, and how much the two have in common.
import { type Architecture, countParameters, type Layer } from '../../space/architecture.ts';

/** Weights that two layers have in common when one is cut out of the other, norms left out. */
function commonOfLayers(a: Architecture, b: Architecture, one: Layer, other: Layer): number {
  const dModel = Math.min(a.dModel, b.dModel);
  const headDim = Math.min(a.headDim, b.headDim);
  const heads = Math.min(one.nHeads, other.nHeads) + Math.min(one.nKvHeads, other.nKvHeads);
  return 2 * dModel * headDim * heads + 3 * dModel * Math.min(one.dFf, other.dFf);
}

interface Alignment {
  /** For each layer of the child the parent's layer, or undefined where it has none. */
  readonly sources: readonly (number | undefined)[];
  readonly nCommon: number;
}

/**
 * Pairs layers in their order so that the pairs have most weights in common (the alignment of Needleman and Wunsch
 * 1970 without a price on gaps); among equal pairings the one at most alike depths.
 */
function align(parent: Architecture, child: Architecture): Alignment {
  const [from, to] = [parent.layers, child.layers];
  const depthOf = (at: number, { length }: readonly Layer[]) => (at + 0.5) / length;
  const scoreOf = (i: number, j: number) => {
    const common = commonOfLayers(parent, child, from[i]!, to[j]!);
    // Less than one weight over all pairs: it decides between equal pairings alone.
    const nearness = 1 - Math.abs(depthOf(i, from) - depthOf(j, to));
    return common === 0 ? 0 : common + nearness / (from.length + to.length);
  };
  const best = Array.from({ length: from.length + 1 }, () => new Float64Array(to.length + 1));
  for (let i = 1; i <= from.length; i++) {
    for (let j = 1; j <= to.length; j++) {
      const paired = best[i - 1]![j - 1]! + scoreOf(i - 1, j - 1);
      best[i]![j] = Math.max(paired, best[i - 1]![j]!, best[i]![j - 1]!);
    }
  }
  const sources: (number | undefined)[] = to.map(() => undefined);
  let nCommon = 0;
  for (let [i, j] = [from.length, to.length]; i > 0 && j > 0; ) {
    if (best[i]![j] === best[i - 1]![j]) i--;
    else if (best[i]![j] === best[i]![j - 1]) j--;
    else {
      sources[--j] = --i;
      nCommon += commonOfLayers(parent, child, from[i]!, to[j]!);
    }
  }
  return { sources, nCommon };
}

/** For each layer of `child` the layer of `parent` that it comes from; undefined where it has to be made anew. */
export function alignLayers(parent: Architecture, child: Architecture): readonly (number | undefined)[] {
  return align(parent, child).sources;
}

/** Weights in common as a share of all weights that either has, 0 to 1; 1 for equal architectures. */
export function commonShare(a: Architecture, b: Architecture): number {
  const norms = ({ dModel, layers }: Architecture) =>
    dModel * (1 + layers.reduce((sum, { nHeads, dFf }) => sum + (nHeads > 0 ? 1 : 0) + (dFf > 0 ? 1 : 0), 0));
  const [own, other] = [a, b].map((one) => countParameters(one) - norms(one)) as [number, number];
  const nTables = a.tieEmbeddings || b.tieEmbeddings ? 1 : 2;
  const tables = nTables * Math.min(a.dModel, b.dModel) * a.vocabSize;
  const common = align(a, b).nCommon + tables;
  return common / (own + other - common);
}
