// The parts of a layer, by name: what every move inside one layer shares.
import type { Layer } from '../../space/architecture.ts';
import type { Rng } from '../../space/random.ts';
import type { LanguageModel } from '../generation/language-model.ts';
import type { Weights } from '../model/parameters.ts';
import { silentWeights } from './depth.ts';

type Part = 'attention' | 'feedForward';

/** The weights of one part of one layer, by their short names (`q`, `down`, `norm`); empty where it is left out. */
export function partOf({ weights }: LanguageModel, layer: number, part: Part): Weights {
  const prefix = `layers.${layer}.${part}.`;
  const own = Object.entries(weights).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, values]) => [name.slice(prefix.length), values]));
}

/** The model with the layer in another shape and one of its parts replaced. */
export function withPart(
  { architecture, weights }: LanguageModel,
  layer: number,
  part: Part,
  shape: Layer,
  values: Weights,
): LanguageModel {
  const prefix = `layers.${layer}.${part}.`;
  const others = Object.entries(weights).filter(([name]) => !name.startsWith(prefix));
  const own = Object.entries(values).map(([name, data]) => [prefix + name, data] as const);
  const layers = architecture.layers.map((each, at) => (at === layer ? shape : each));
  return { architecture: { ...architecture, layers }, weights: Object.fromEntries([...others, ...own]) };
}

/** The model with a part that the layer did not have, adding nothing yet. Preserves the function. */
export function withNewPart(
  { architecture, weights }: LanguageModel,
  layer: number,
  part: Part,
  shape: Layer,
  rng: Rng,
): LanguageModel {
  const layers = architecture.layers.map((each, at) => (at === layer ? shape : each));
  const next = { ...architecture, layers };
  const fresh = silentWeights(next, `layers.${layer}.${part}.`, rng);
  return { architecture: next, weights: { ...weights, ...fresh } };
}
