// How an architecture is served. The names here are the words of the YAML file; bits and codecs live in hardware/.

/** Number formats for stored weights, from the widest to the narrowest (block scales counted). */
export const WEIGHT_FORMATS = [
  'fp32',
  'fp16',
  'bf16',
  'mxfp8-e5m2',
  'mxfp8-e4m3',
  'mxint8',
  'fp8',
  'int8',
  'mxfp6-e3m2',
  'mxfp6-e2m3',
  'int4-g32',
  'nvfp4',
  'mxfp4-e2m1',
  'int4-g128',
  'codebook-4x1',
  'codebook-8x2',
  'codebook-8x4',
] as const;
export type WeightFormat = (typeof WEIGHT_FORMATS)[number];

/** Number formats for the KV cache, from the widest to the narrowest. */
export const KV_CACHE_FORMATS = ['fp16', 'mxint8', 'fp8', 'int8'] as const;
export type KvCacheFormat = (typeof KV_CACHE_FORMATS)[number];

/** How one block's weights are stored. `sparsity` is the share of exact zeros, 0 = dense. */
export interface LayerDeployment {
  readonly weightFormat: WeightFormat;
  readonly sparsity: number;
}

/** How a whole model is served. `layers` runs parallel to `Architecture.layers`. */
export interface Deployment {
  readonly layers: readonly LayerDeployment[];
  /** Format of the embedding table and the output head. */
  readonly headFormat: WeightFormat;
  readonly kvCacheFormat: KvCacheFormat;
  readonly nCards: number;
}

/** What is asked of the served model. `contextLength` bounds prompt plus generated tokens. */
export interface Workload {
  readonly batch: number;
  readonly promptTokens: number;
  readonly generatedTokens: number;
}

/** FP16 everywhere, dense, on one card. */
export function plainDeployment(nLayers: number): Deployment {
  const layer: LayerDeployment = { weightFormat: 'fp16', sparsity: 0 };
  return {
    layers: Array.from({ length: nLayers }, () => layer),
    headFormat: 'fp16',
    kvCacheFormat: 'fp16',
    nCards: 1,
  };
}
