// How an architecture is served. The names here are the words of the YAML file; bits and codecs live in hardware/.

import type { Draft } from './draft.ts';
import type { KvCacheFormat, WeightFormat } from './number-formats.ts';

/** How the weights of one part of a model are stored. `sparsity` is the share of exact zeros, 0 = dense. */
export interface WeightStorage {
  readonly weightFormat: WeightFormat;
  readonly sparsity: number;
}

/** The parts of a block: what is stored alike within one layer. */
export const LAYER_PARTS = ['attention', 'feedForward'] as const;
export type LayerPart = (typeof LAYER_PARTS)[number];

/** How one block is stored. A part that the layer leaves out is written like the other one. */
export type LayerDeployment = Readonly<Record<LayerPart, WeightStorage>>;

/** How a whole model is served. `layers` runs parallel to `Architecture.layers`. */
export interface Deployment {
  readonly layers: readonly LayerDeployment[];
  /** The embedding table and the output head. */
  readonly embedding: WeightStorage;
  readonly kvCacheFormat: KvCacheFormat;
  readonly nCards: number;
  /** What drafts tokens for speculative decoding; absent = nothing does. */
  readonly draft?: Draft;
}

/** What is asked of the served model. `contextLength` bounds prompt plus generated tokens. */
export interface Workload {
  readonly batch: number;
  readonly promptTokens: number;
  readonly generatedTokens: number;
}

/** Both parts of a block stored in the same way. */
export function alikeLayer(storage: WeightStorage): LayerDeployment {
  return { attention: storage, feedForward: storage };
}

/** Whether both parts of a block are stored in the same way. */
export function isAlike({ attention, feedForward }: LayerDeployment): boolean {
  return attention.weightFormat === feedForward.weightFormat && attention.sparsity === feedForward.sparsity;
}

/** A deployment with the storage of every weight, embedding included, as `change` makes it. */
export function mapStorage(
  deployment: Deployment,
  change: (storage: WeightStorage) => WeightStorage,
): Deployment {
  return {
    ...deployment,
    layers: deployment.layers.map(({ attention, feedForward }) => ({
      attention: change(attention),
      feedForward: change(feedForward),
    })),
    embedding: change(deployment.embedding),
  };
}

/** Whether any weights are pruned. */
export function isSparse({ layers, embedding }: Deployment): boolean {
  const parts = layers.flatMap(({ attention, feedForward }) => [attention, feedForward]);
  return [...parts, embedding].some(({ sparsity }) => sparsity > 0);
}

/** The formats of the layers' weights, each once. */
export function weightFormatsOf(layers: readonly LayerDeployment[]): WeightFormat[] {
  const formats = layers.flatMap(({ attention, feedForward }) => [
    attention.weightFormat,
    feedForward.weightFormat,
  ]);
  return [...new Set(formats)];
}

/** FP16 everywhere, dense, on one card. */
export function plainDeployment(nLayers: number): Deployment {
  const storage: WeightStorage = { weightFormat: 'fp16', sparsity: 0 };
  return {
    layers: Array.from({ length: nLayers }, () => alikeLayer(storage)),
    embedding: storage,
    kvCacheFormat: 'fp16',
    nCards: 1,
  };
}

/** The same weights and cache, decoding alone. */
export function withoutDraft(deployment: Deployment): Deployment {
  const { draft: _, ...alone } = deployment;
  return alone;
}
