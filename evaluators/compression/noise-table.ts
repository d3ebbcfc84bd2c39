// How much deployments would disturb a trained model, in a table small enough to be kept with a run: noise of one part
// is independent of how others are stored, so one row a choice covers every combination of choices.
import type { Architecture } from '../../space/architecture.ts';
import { type Deployment, LAYER_PARTS, type LayerPart, type WeightStorage } from '../../space/deployment.ts';
import type { Weights } from '../model/parameters.ts';
import type { NoiseTable } from '../outcome.ts';
import { cacheNoise, createMatrixNoise, createNoiseProfile, matricesOf, meanNoise } from './noise.ts';

/** Names a way of storing a part in a `NoiseTable`. */
export function storageKey({ weightFormat, sparsity }: WeightStorage): string {
  return `${weightFormat} ${sparsity}`;
}

/** The ways of storing that a table covers. */
export type TableChoices = Readonly<Record<LayerPart | 'embedding', readonly WeightStorage[]>>;

// Inputs count as uncorrelated, and weights as pruned by magnitude: this ranks deployments, it does not measure them.

/**
 * `NoiseProfile` features with layers taken together, so that models of any depth compare: mean disturbance over the
 * layers of attention and of feed-forward, that of embedding and head, and the cache's format.
 */
export function measuredDisturbance(
  architecture: Architecture,
  weights: Weights,
  deployment: Deployment,
): number[] {
  const features = createNoiseProfile(architecture, weights, {})(deployment);
  const nLayers = architecture.layers.length;
  const means = LAYER_PARTS.map((_, part) => {
    let sum = 0;
    for (let layer = 0; layer < nLayers; layer++)
      sum += features[LAYER_PARTS.length * layer + part]! / nLayers;
    return sum;
  });
  return [...means, ...features.slice(LAYER_PARTS.length * nLayers)];
}

/** Every choice tried on every layer. */
export function createNoiseTable(
  architecture: Architecture,
  weights: Weights,
  choices: TableChoices,
): NoiseTable {
  const noiseOf = createMatrixNoise(weights, {});
  const row = (part: LayerPart | 'embedding', layer?: number) => {
    const specs = matricesOf(architecture, part, layer);
    const entries = choices[part].map((storage) => [storageKey(storage), meanNoise(noiseOf, specs, storage)]);
    return specs.length === 0 ? undefined : (Object.fromEntries(entries) as Record<string, number>);
  };
  return {
    layers: architecture.layers.map((_, layer) => {
      const attention = row('attention', layer);
      const feedForward = row('feedForward', layer);
      return {
        ...(attention === undefined ? {} : { attention }),
        ...(feedForward === undefined ? {} : { feedForward }),
      };
    }),
    embedding: row('embedding')!,
  };
}

/**
 * The disturbance of a deployment, from a model's table: what `measuredDisturbance` would give.
 * @throws RangeError where the table lacks one of its choices.
 */
export function disturbanceOf(table: NoiseTable, { layers, embedding, kvCacheFormat }: Deployment): number[] {
  const look = (row: Readonly<Record<string, number>>, storage: WeightStorage, where: string): number => {
    const noise = row[storageKey(storage)];
    if (noise === undefined) {
      throw new RangeError(`the noise table knows nothing of ${storageKey(storage)} in ${where}`);
    }
    return noise;
  };
  const means = LAYER_PARTS.map((part) =>
    table.layers.reduce((sum, rows, at) => {
      const row = rows[part];
      return row === undefined ? sum : sum + look(row, layers[at]![part], part) / table.layers.length;
    }, 0),
  );
  return [...means, look(table.embedding, embedding, 'the embedding'), ...cacheNoise(kvCacheFormat)];
}
