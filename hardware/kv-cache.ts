// Stored size of the KV cache.
import type { KvCacheFormat } from '../space/number-formats.ts';

/** Bits of one cached element; int8 keeps an FP16 scale a token and head, added in {@link kvHeadBytes}. */
const ELEMENT_BITS: Readonly<Record<KvCacheFormat, number>> = { fp16: 16, fp8: 8, int8: 8, mxint8: 8 };

/** Bytes of the key and the value of one token in one head, scales included. */
export function kvHeadBytes(format: KvCacheFormat, headDim: number): number {
  const elements = (headDim * ELEMENT_BITS[format]) / 8;
  const scales = format === 'mxint8' ? Math.ceil(headDim / 32) : format === 'int8' ? 2 : 0;
  return 2 * (elements + scales);
}
