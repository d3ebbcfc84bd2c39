// Attention heads. Query heads are selected by importance or join with outputs of zero; key-value heads are shared by
// more query heads (the mean of those merged, as Ainslie et al. 2023) or by fewer (repeated).
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
import { partOf, withNewPart, withPart } from './parts.ts';

type HeadCounts = Pick<Layer, 'nHeads' | 'nKvHeads'>;

interface HeadPlan {
  /** For each query head the one that it was, or NEW. */
  readonly heads: readonly number[];
  /** For each key-value head those that it is the mean of; one may stand there several times. */
  readonly kvHeads: readonly (readonly number[])[];
}

/**
 * Every new key-value head serves the query heads of its share of the old order: all of them and new ones where there
 * is room, else the most important. It is the mean of the key-value heads that those read before.
 */
export function planHeads(from: HeadCounts, to: HeadCounts, importance: ArrayLike<number>): HeadPlan {
  const groupSize = to.nHeads / to.nKvHeads;
  const kvHeadOf = (head: number) => Math.floor((head * from.nKvHeads) / from.nHeads);
  const placed = new Set<number>();
  const heads: number[] = [];
  const kvHeads: number[][] = [];
  for (let group = 0; group < to.nKvHeads; group++) {
    const start = Math.floor((group * from.nHeads) / to.nKvHeads);
    const end = Math.max(start + 1, Math.floor(((group + 1) * from.nHeads) / to.nKvHeads));
    const span = upTo(end - start).map((at) => importance[start + at]!);
    const chosen = largest(span, groupSize).map((at) => start + at);
    kvHeads.push(chosen.map(kvHeadOf));
    for (const at of upTo(groupSize)) {
      const head = chosen[at] ?? NEW;
      heads.push(placed.has(head) ? NEW : head);
      placed.add(head);
    }
  }
  return { heads, kvHeads };
}

/** Columns (or rows) of heads that lie side by side, `headDim` each. */
const columnsOf = (heads: readonly number[], headDim: number): number[] =>
  heads.flatMap((head) => upTo(headDim).map((at) => (head === NEW ? NEW : head * headDim + at)));

/** How much each query head can add to the residual stream: the size of its values times that of its outputs. */
function headImportance({ v, o }: Weights, { nHeads, nKvHeads }: HeadCounts, headDim: number): Float64Array {
  const sumsOf = (energies: Float64Array) => {
    const sums = new Float64Array(energies.length / headDim);
    for (const [at, energy] of energies.entries()) sums[Math.floor(at / headDim)]! += energy;
    return sums;
  };
  const values = sumsOf(columnEnergies(v!, nKvHeads * headDim));
  const outputs = sumsOf(rowEnergies(o!, o!.length / (nHeads * headDim)));
  return outputs.map((energy, head) => energy * values[Math.floor((head * nKvHeads) / nHeads)]!);
}

/** The mean of the named heads of `source` (D, heads * headDim), for each list of them. */
function meanHeads(
  source: Float32Array,
  nHeads: number,
  headDim: number,
  means: readonly (readonly number[])[],
): Float32Array {
  const width = means.length * headDim;
  const result = new Float32Array((source.length / (nHeads * headDim)) * width);
  for (let at = 0; at < result.length; at++) {
    const [row, column] = [Math.floor(at / width), at % width];
    const heads = means[Math.floor(column / headDim)]!;
    let sum = 0;
    for (const head of heads) sum += source[row * nHeads * headDim + head * headDim + (column % headDim)]!;
    result[at] = sum / heads.length;
  }
  return result;
}

/**
 * The model with another number of heads in one layer. Preserves the function where no query head goes and every
 * key-value head is one of before: more query heads, key-value heads repeated, attention that was not there.
 */
export function withHeads(model: LanguageModel, layer: number, to: HeadCounts, rng: Rng): LanguageModel {
  const { headDim, dModel, layers } = model.architecture;
  const from = layers[layer]!;
  const shape = { ...from, nHeads: to.nHeads, nKvHeads: to.nKvHeads };
  if (from.nHeads === to.nHeads && from.nKvHeads === to.nKvHeads) return model;
  if (to.nHeads === 0) return withPart(model, layer, 'attention', shape, {});
  if (from.nHeads === 0) return withNewPart(model, layer, 'attention', shape, rng);
  const part = partOf(model, layer, 'attention');
  const { heads, kvHeads } = planHeads(from, to, headImportance(part, from, headDim));
  const columns = columnsOf(heads, headDim);
  const fresh = () => dModel ** -0.5 * rng.normal();
  return withPart(model, layer, 'attention', shape, {
    norm: part.norm!,
    q: gatherColumns(part.q!, from.nHeads * headDim, columns, fresh),
    k: meanHeads(part.k!, from.nKvHeads, headDim, kvHeads),
    v: meanHeads(part.v!, from.nKvHeads, headDim, kvHeads),
    o: gatherRows(part.o!, dModel, columns, zeros),
  });
}
