// How much deployments would disturb a trained model, in a table small enough to be kept with a run: noise of layers is
// independent of how other layers are stored, so one row a choice covers every combination of choices.
import type { Architecture } from '../../space/architecture.ts';
import {
  type Deployment,
  KV_CACHE_FORMATS,
  type KvCacheFormat,
  type LayerDeployment,
  type WeightFormat,
} from '../../space/deployment.ts';
import type { Weights } from '../model/parameters.ts';
import type { NoiseTable } from '../outcome.ts';
import { createNoiseProfile } from './noise.ts';

/** Names a way of storing a layer in a `NoiseTable`. */
export function storageKey({ weightFormat, sparsity }: LayerDeployment): string {
  return `${weightFormat} ${sparsity}`;
}

/** `NoiseProfile` features with layers taken together, so that models of any depth compare. */
function pooled(features: ArrayLike<number>, nLayers: number): number[] {
  let mean = 0;
  for (let layer = 0; layer < nLayers; layer++) mean += features[layer]! / nLayers;
  return [mean, ...Array.from(features).slice(nLayers)];
}

/** Inputs count as uncorrelated, and weights as pruned by magnitude: this ranks deployments, it does not measure them. */
const profileOf = (architecture: Architecture, weights: Weights) =>
  createNoiseProfile(architecture, weights, {}, { kind: 'magnitude' });

/** Mean disturbance over the layers, that of embedding and head, and the cache's format. */
export function measuredDisturbance(
  architecture: Architecture,
  weights: Weights,
  deployment: Deployment,
): number[] {
  return pooled(profileOf(architecture, weights)(deployment), architecture.layers.length);
}

export interface TableChoices {
  readonly weightFormats: readonly WeightFormat[];
  readonly sparsities: readonly number[];
  readonly headFormats: readonly WeightFormat[];
}

/** Every choice tried on every layer. */
export function createNoiseTable(
  architecture: Architecture,
  weights: Weights,
  { weightFormats, sparsities, headFormats }: TableChoices,
): NoiseTable {
  const profile = profileOf(architecture, weights);
  const nLayers = architecture.layers.length;
  const alike = (storage: LayerDeployment, headFormat: WeightFormat, kvCacheFormat: KvCacheFormat = 'fp16') =>
    profile({ layers: architecture.layers.map(() => storage), headFormat, kvCacheFormat, nCards: 1 });
  const layers: Record<string, number>[] = architecture.layers.map(() => ({}));
  for (const weightFormat of weightFormats) {
    for (const sparsity of sparsities) {
      const storage = { weightFormat, sparsity };
      const features = alike(storage, headFormats[0]!);
      for (let layer = 0; layer < nLayers; layer++) {
        layers[layer]![storageKey(storage)] = features[layer]!;
      }
    }
  }
  const first = { weightFormat: weightFormats[0]!, sparsity: sparsities[0]! };
  const head = Object.fromEntries(
    headFormats.map((headFormat) => [headFormat, alike(first, headFormat)[nLayers]!]),
  );
  const cache = Object.fromEntries(
    KV_CACHE_FORMATS.map((format) => {
      const features = alike(first, headFormats[0]!, format);
      return [format, Array.from(features).slice(nLayers + 1)];
    }),
  );
  return { layers, head, cache };
}

/**
 * The disturbance of a deployment, from a model's table: what `measuredDisturbance` would give.
 * @throws RangeError where the table lacks one of its choices.
 */
export function disturbanceOf(table: NoiseTable, deployment: Deployment): number[] {
  const missing = (what: string): never => {
    throw new RangeError(`the noise table knows nothing of ${what}`);
  };
  const nLayers = table.layers.length;
  const mean = deployment.layers.reduce((sum, layer, at) => {
    const noise = table.layers[at]?.[storageKey(layer)] ?? missing(storageKey(layer));
    return sum + noise / nLayers;
  }, 0);
  const { headFormat, kvCacheFormat } = deployment;
  return [
    mean,
    table.head[headFormat] ?? missing(`${headFormat} in the head`),
    ...(table.cache[kvCacheFormat] ?? missing(`a cache in ${kvCacheFormat}`)),
  ];
}
