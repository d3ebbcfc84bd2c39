// The width of the residual stream: channels are selected by importance, or joined by silent ones. RMSNorm divides by
// the mean over the width, so gains make up for what the change does to that mean.
import type { Rng } from '../../space/random.ts';
import type { LanguageModel } from '../generation/language-model.ts';
import { parameterSpecs } from '../model/parameters.ts';
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

/** What a weight matrix does with the residual stream. */
function roleOf(name: string): 'writes' | 'reads' | 'scales' {
  if (name === 'norm' || name.endsWith('.norm')) return 'scales';
  return name === 'embedding' || name.endsWith('.o') || name.endsWith('.down') ? 'writes' : 'reads';
}

/** For each channel, sums of squares of what writes it and of what reads it. */
function channelEnergies({ architecture, weights }: LanguageModel) {
  const { dModel, tieEmbeddings } = architecture;
  const written = new Float64Array(dModel);
  const read = new Float64Array(dModel);
  const add = (sums: Float64Array, energies: Float64Array) => {
    for (const [at, energy] of energies.entries()) sums[at]! += energy;
  };
  for (const [name, values] of Object.entries(weights)) {
    const role = roleOf(name);
    if (role === 'writes') add(written, columnEnergies(values, dModel));
    if (role === 'reads') add(read, rowEnergies(values, values.length / dModel));
  }
  if (tieEmbeddings) add(read, columnEnergies(weights.embedding!, dModel));
  return { written, read };
}

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

/** The model with another width. Preserves the function, but for the epsilon of the norms, where the width grows. */
export function withWidth(model: LanguageModel, dModel: number, rng: Rng): LanguageModel {
  const { architecture, weights } = model;
  const from = architecture.dModel;
  if (from === dModel) return model;
  const { written, read } = channelEnergies(model);
  const kept = largest(
    written.map((energy, at) => energy * read[at]!),
    dModel,
  );
  const channels = [...kept, ...upTo(dModel - kept.length).map(() => NEW)];
  const meanSquare = kept.reduce((sum, at) => sum + written[at]!, 0) / dModel;
  const gainFactor = Math.sqrt(meanSquare / mean(written));
  const next = { ...architecture, dModel };
  const entries = parameterSpecs(next).map(({ name, shape, initialDeviation }) => {
    const [values, role] = [weights[name]!, roleOf(name)];
    if (role === 'writes') return [name, gatherColumns(values, from, channels, zeros)] as const;
    if (role === 'reads') {
      const fresh = () => initialDeviation! * rng.normal();
      return [name, gatherRows(values, shape[1]!, channels, fresh)] as const;
    }
    const gains = gatherRows(values, 1, channels, () => mean(values));
    return [name, gains.map((gain) => gainFactor * gain)] as const;
  });
  return { architecture: next, weights: Object.fromEntries(entries) };
}
