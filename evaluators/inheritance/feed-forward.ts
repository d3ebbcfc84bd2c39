// Feed-forward channels: selected by importance, or joined by new ones with outputs of zero.
import type { Rng } from '../../space/random.ts';
import type { LanguageModel } from '../generation/language-model.ts';
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

/** The model with another feed-forward width in one layer. Preserves the function where the width grows. */
export function withFeedForward(model: LanguageModel, layer: number, dFf: number, rng: Rng): LanguageModel {
  const { dModel, layers } = model.architecture;
  const from = layers[layer]!;
  const shape = { ...from, dFf };
  if (from.dFf === dFf) return model;
  if (dFf === 0) return withPart(model, layer, 'feedForward', shape, {});
  if (from.dFf === 0) return withNewPart(model, layer, 'feedForward', shape, rng);
  const { norm, gate, up, down } = partOf(model, layer, 'feedForward');
  const [gates, ups] = [columnEnergies(gate!, from.dFf), columnEnergies(up!, from.dFf)];
  // What a channel can add: the sizes of what it is multiplied from and of what it writes.
  const importance = rowEnergies(down!, dModel).map((energy, at) => energy * gates[at]! * ups[at]!);
  const kept = largest(importance, dFf);
  const channels = [...kept, ...upTo(dFf - kept.length).map(() => NEW)];
  const fresh = () => dModel ** -0.5 * rng.normal();
  return withPart(model, layer, 'feedForward', shape, {
    norm: norm!,
    gate: gatherColumns(gate!, from.dFf, channels, fresh),
    up: gatherColumns(up!, from.dFf, channels, fresh),
    down: gatherRows(down!, dModel, channels, zeros),
  });
}
