// The number formats of stored weights and of the KV cache, by their words in the YAML file.

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
