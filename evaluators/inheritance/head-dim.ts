// The size of attention heads. Rotary positions turn pairs of a head's numbers, each pair at its own frequency, so
// pairs go to those of the nearest frequency; values have no such order and are selected by importance.
import type { Layer } from '../../space/architecture.ts';
import type { Rng } from '../../space/random.ts';
import type { LanguageModel } from '../generation/language-model.ts';
import type { Weights } from '../model/parameters.ts';
import {
  columnEnergies,
  gatherColumns,
  gatherRows,
  largest,
  NEW,
  rowEnergies,
  upTo,
  zeros,
} from './gather.ts';
import { partOf, withPart } from './parts.ts';

/**
 * For each number of a head the one that it was, or NEW. The halves of a head hold the two numbers of every pair;
 * pair i of `n` turns with the frequency of exponent i / n.
 */
export function rotaryNumbers(from: number, to: number): number[] {
  const [nFrom, nTo] = [from / 2, to / 2];
  const pairs = upTo(nTo).map((pair) => {
    if (nTo <= nFrom) return Math.round((pair * nFrom) / nTo);
    const nearest = Math.round((pair * nFrom) / nTo);
    return nearest < nFrom && Math.round((nearest * nTo) / nFrom) === pair ? nearest : NEW;
  });
  return [...pairs, ...pairs.map((pair) => (pair === NEW ? NEW : pair + nFrom))];
}

/** For each key-value head, the numbers of its values that are kept, or all and then new ones. */
function valueNumbers({ v, o }: Weights, { nHeads, nKvHeads }: Layer, from: number, to: number): number[][] {
  const values = columnEnergies(v!, nKvHeads * from);
  const outputs = rowEnergies(o!, o!.length / (nHeads * from));
  const groupSize = nHeads / nKvHeads;
  return upTo(nKvHeads).map((kvHead) => {
    const importance = upTo(from).map((at) => {
      const heads = upTo(groupSize).map((head) => outputs[(kvHead * groupSize + head) * from + at]!);
      return values[kvHead * from + at]! * heads.reduce((sum, energy) => sum + energy, 0);
    });
    const kept = largest(importance, to);
    return [...kept, ...upTo(to - kept.length).map(() => NEW)];
  });
}

function resized({ norm, q, k, v, o }: Weights, layer: Layer, from: number, to: number, rng: Rng): Weights {
  const dModel = norm!.length;
  const { nHeads, nKvHeads } = layer;
  const fresh = () => dModel ** -0.5 * rng.normal();
  const at = (head: number, number: number) => (number === NEW ? NEW : head * from + number);
  const turned = rotaryNumbers(from, to);
  const kept = valueNumbers({ v: v!, o: o! }, layer, from, to);
  const [queries, keys] = [nHeads, nKvHeads].map((n) =>
    upTo(n).flatMap((head) => turned.map((number) => at(head, number))),
  ) as [number[], number[]];
  const values = upTo(nKvHeads).flatMap((head) => kept[head]!.map((number) => at(head, number)));
  const outputs = upTo(nHeads).flatMap((head) =>
    kept[Math.floor((head * nKvHeads) / nHeads)]!.map((number) => at(head, number)),
  );
  // Scores are divided by the root of the head size.
  const scale = Math.sqrt(to / from);
  return {
    norm: norm!,
    q: gatherColumns(q!, nHeads * from, queries, zeros).map((value) => scale * value),
    k: gatherColumns(k!, nKvHeads * from, keys, fresh),
    v: gatherColumns(v!, nKvHeads * from, values, fresh),
    o: gatherRows(o!, dModel, outputs, zeros),
  };
}

/** The model with another size of its heads. Preserves the function where it grows by a whole factor. */
export function withHeadDim(model: LanguageModel, headDim: number, rng: Rng): LanguageModel {
  const { headDim: from, layers } = model.architecture;
  if (from === headDim) return model;
  let result = model;
  for (const [at, layer] of layers.entries()) {
    if (layer.nHeads === 0) continue;
    const values = resized(partOf(model, at, 'attention'), layer, from, headDim, rng);
    result = withPart(result, at, 'attention', layer, values);
  }
  return { ...result, architecture: { ...model.architecture, headDim } };
}
