// Which layers of two architectures go together, and how much the two have in common.
import { type Architecture, countParameters, type Layer } from '../../space/architecture.ts';

/** Weights that two layers have in common when one is cut out of the other, norms left out. */
function commonOfLayers(a: Architecture, b: Architecture, one: Layer, other: Layer) {
  const dModel = Math.min(a.dModel, b.dModel);
  const nHeads = Math.min(one.nHeads, other.nHeads) + Math.min(one.nKvHeads, other.nKvHeads);
  return {
    attention: 2 * dModel * Math.min(a.headDim, b.headDim) * nHeads,
    feedForward: 3 * dModel * Math.min(one.dFf, other.dFf),
  };
}

/**
 * For each layer of `child` the layer of `parent` that it comes from; undefined where it has to be made anew. Layers are
 * paired in their order so that the pairs have most weights in common (the alignment of Needleman and Wunsch 1970
 * without a price on gaps); among equal pairings at the most alike depths.
 */
export function alignLayers(parent: Architecture, child: Architecture): readonly (number | undefined)[] {
  const [from, to] = [parent.layers, child.layers];
  const depthOf = (at: number, { length }: readonly Layer[]) => (at + 0.5) / length;
  const scoreOf = (i: number, j: number) => {
    const { attention, feedForward } = commonOfLayers(parent, child, from[i]!, to[j]!);
    const common = attention + feedForward;
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
  for (let [i, j] = [from.length, to.length]; i > 0 && j > 0; ) {
    if (best[i]![j] === best[i - 1]![j]) i--;
    else if (best[i]![j] === best[i]![j - 1]) j--;
    else sources[--j] = --i;
  }
  return sources;
}

/**
 * Weights in common as a share of all that the two have, 0 to 1; 1 for equal architectures. Heads of another size have
 * none in common: where rotary pairs are cut away, what a head has learnt is broken.
 */
export function commonShare(a: Architecture, b: Architecture): number {
  const norms = ({ dModel, layers }: Architecture) =>
    dModel * (1 + layers.reduce((sum, { nHeads, dFf }) => sum + (nHeads > 0 ? 1 : 0) + (dFf > 0 ? 1 : 0), 0));
  const [own, other] = [a, b].map((one) => countParameters(one) - norms(one)) as [number, number];
  const nTables = a.tieEmbeddings || b.tieEmbeddings ? 1 : 2;
  let common = nTables * Math.min(a.dModel, b.dModel) * a.vocabSize;
  for (const [at, source] of alignLayers(a, b).entries()) {
    if (source === undefined) continue;
    const { attention, feedForward } = commonOfLayers(a, b, a.layers[source]!, b.layers[at]!);
    common += feedForward + (a.headDim === b.headDim ? attention : 0);
  }
  return common / (own + other - common);
}
