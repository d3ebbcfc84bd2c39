// A trained model: what generates text.
import type { Architecture } from '../../space/architecture.ts';
import { parameterSpecs, type Weights } from '../model/parameters.ts';

export interface LanguageModel {
  readonly architecture: Architecture;
  readonly weights: Weights;
}

/**
 * The model's first `nLayers` layers with its own final norm and head: a draft that needs no training of its own
 * (Draft & Verify, Zhang et al. 2024, skips layers in the same way). Weights are shared, not copied.
 * @throws RangeError unless some layers are kept and some are skipped.
 */
export function firstLayers({ architecture, weights }: LanguageModel, nLayers: number): LanguageModel {
  const total = architecture.layers.length;
  if (!(Number.isInteger(nLayers) && nLayers > 0 && nLayers < total))
    throw new RangeError(`a self-draft of ${nLayers} layers out of ${total}`);
  const shorter = { ...architecture, layers: architecture.layers.slice(0, nLayers) };
  const kept = parameterSpecs(shorter).map(({ name }) => [name, weights[name]!] as const);
  return { architecture: shorter, weights: Object.fromEntries(kept) };
}
