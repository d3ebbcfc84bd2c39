// A trained model: what generates text.
import type { Architecture } from '../../space/architecture.ts';
import type { KvCacheFormat } from '../../space/number-formats.ts';
import { castKvCache } from '../compression/kv-cache.ts';
import { parameterSpecs, type Weights } from '../model/parameters.ts';
import type { ForwardHooks } from '../model/transformer.ts';

export interface LanguageModel {
  readonly architecture: Architecture;
  readonly weights: Weights;
  /** What keys and values are rounded to; not at all when absent. */
  readonly kvCacheFormat?: KvCacheFormat;
}

/** How a forward pass of the model treats its KV cache. */
export function cacheHooks({ kvCacheFormat }: LanguageModel): Pick<ForwardHooks, 'throughCache'> {
  return kvCacheFormat === undefined ? {} : { throughCache: (x) => castKvCache(kvCacheFormat, x) };
}

/**
 * The model's first `nLayers` layers with its own final norm and head: a draft that needs no training of its own
 * (Draft & Verify, Zhang et al. 2024, skips layers in the same way). Weights are shared, not copied.
 * @throws RangeError unless some layers are kept and some are skipped.
 */
export function firstLayers(model: LanguageModel, nLayers: number): LanguageModel {
  const { architecture, weights } = model;
  const total = architecture.layers.length;
  if (!(Number.isInteger(nLayers) && nLayers > 0 && nLayers < total))
    throw new RangeError(`a self-draft of ${nLayers} layers out of ${total}`);
  const shorter = { ...architecture, layers: architecture.layers.slice(0, nLayers) };
  const kept = parameterSpecs(shorter).map(({ name }) => [name, weights[name]!] as const);
  return { ...model, architecture: shorter, weights: Object.fromEntries(kept) };
}
