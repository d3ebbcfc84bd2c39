// Keeping the largest magnitudes, exactly as many as asked.
import { checkSparsity } from './sizes.ts';

/** Steps through `histogram` until `rank` values lie below; returns the bucket and the rank within it. */
function bucketOf(histogram: Uint32Array, rank: number): { bucket: number; rest: number } {
  let bucket = 0;
  while (rank >= histogram[bucket]!) rank -= histogram[bucket++]!;
  return { bucket, rest: rank };
}

/**
 * A copy of `values` with the round(sparsity x length) smallest magnitudes set to zero; of equal magnitudes the
 * first ones go. Zeros count as smallest, so values that are already that sparse come back as they are.
 * @throws FormatError when `sparsity` is not in [0, 1].
 */
export function keepLargest(values: Float32Array, sparsity: number): Float32Array {
  checkSparsity(sparsity);
  const kept = values.slice();
  const nZeros = Math.round(sparsity * values.length);
  if (nZeros === 0) return kept;
  if (nZeros === values.length) return kept.fill(0);
  const bits = new Int32Array(kept.buffer);
  const high = new Uint32Array(2 ** 15);
  for (let i = 0; i < bits.length; i += 1) high[(bits[i]! & 0x7fffffff) >> 16]! += 1;
  const { bucket, rest } = bucketOf(high, nZeros);
  const low = new Uint32Array(2 ** 16);
  for (let i = 0; i < bits.length; i += 1) {
    const magnitude = bits[i]! & 0x7fffffff;
    if (magnitude >> 16 === bucket) low[magnitude & 0xffff]! += 1;
  }
  const { bucket: lowBucket, rest: nEqual } = bucketOf(low, rest);
  const threshold = (bucket << 16) | lowBucket;
  let equalsToZero = nEqual;
  for (let i = 0; i < bits.length; i += 1) {
    const magnitude = bits[i]! & 0x7fffffff;
    if (magnitude < threshold || (magnitude === threshold && equalsToZero-- > 0)) bits[i] = 0;
  }
  return kept;
}
