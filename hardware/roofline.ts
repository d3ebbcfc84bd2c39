// Time of one operation on one device. Equation numbers refer to docs/hardware-model.md.
import type { Accelerator, FormatSupport, Kernel, LinkPoint } from './accelerator.ts';

/** Time of one operation, and the part of it in which memory or arithmetic is at work. */
export interface OperationTime {
  readonly seconds: number;
  readonly busySeconds: number;
}

/** One matrix product as a device sees its shard. */
export interface Product {
  /** Rows of the activation: tokens. */
  readonly tokens: number;
  /** Reduction width and outputs of the shard. */
  readonly inputs: number;
  readonly outputs: number;
  /** Stored bytes of the shard's weights. */
  readonly weightBytes: number;
  readonly sparsity: number;
}

const ACTIVATION_BYTES = 2;

/** (a^p + b^p)^(1/p), safe for zeros and large p. */
function softMaximum(a: number, b: number, p: number): number {
  const high = Math.max(a, b);
  const low = Math.min(a, b);
  if (low === 0 || p > 32) return high;
  if (p === 1) return high + low;
  return high * (1 + (low / high) ** p) ** (1 / p);
}

/** Bytes that one product moves: activations in and out, weights. */
export function productBytes(product: Product): number {
  return product.tokens * (product.inputs + product.outputs) * ACTIVATION_BYTES + product.weightBytes;
}

/** Equations (1) to (3): roofline with efficiencies, decompression and fixed time. */
export function productTime(
  accelerator: Accelerator,
  support: FormatSupport,
  product: Product,
): OperationTime {
  const { kernel, decompression } = support;
  const { sparse } = accelerator;
  const nWeights = product.inputs * product.outputs;
  if (nWeights === 0) return { seconds: 0, busySeconds: 0 };
  const isSparse = product.sparsity > 0;
  const computed = isSparse && sparse.skipsZeros ? 1 - product.sparsity : 1;
  const compute =
    (2 * product.tokens * nWeights * computed) / (kernel.peakFlopsPerSecond * kernel.computeEfficiency);
  const reach = kernel.bandwidthEfficiency * (isSparse ? sparse.bandwidthRatio : 1);
  const memory = productBytes(product) / (accelerator.bandwidthBytesPerSecond * reach);
  let busy = softMaximum(compute, memory, kernel.sharpness);
  if (decompression.kind !== 'native') {
    // Non-zeros cost one unit each, zeros `zeroWeightCost`.
    const units = nWeights * (1 - product.sparsity * (1 - sparse.zeroWeightCost));
    const unpack = units / decompression.weightsPerSecond;
    busy = decompression.kind === 'additive' ? busy + unpack : Math.max(busy, unpack);
  }
  return { seconds: busy + kernel.fixedSeconds, busySeconds: busy };
}

/** What attention does in one pass on one device. */
export interface AttentionWork {
  readonly nSequences: number;
  readonly newTokens: number;
  readonly pastTokens: number;
  readonly nHeads: number;
  readonly nKvHeads: number;
  readonly headDim: number;
  /** Stored bytes of keys and values a token in this layer, this device. */
  readonly kvBytesPerToken: number;
}

/** Positions that the new tokens of one sequence attend to, causal. */
function attendedPositions({ newTokens, pastTokens }: AttentionWork): number {
  return newTokens * pastTokens + (newTokens * (newTokens + 1)) / 2;
}

/** Multiply-accumulates of scores and weighted sums. */
export function attentionMacs(work: AttentionWork): number {
  return 2 * work.nSequences * work.nHeads * work.headDim * attendedPositions(work);
}

/** Bytes of the KV cache that one pass reads and writes. */
export function attentionBytes(work: AttentionWork): number {
  return work.nSequences * (work.pastTokens + 2 * work.newTokens) * work.kvBytesPerToken;
}

/** Equation (4): the slower of reading the cache and of the score products, plus a fixed time. */
export function attentionTime(accelerator: Accelerator, kernel: Kernel, work: AttentionWork): OperationTime {
  const { attention } = accelerator;
  const memory = attentionBytes(work) / (accelerator.bandwidthBytesPerSecond * attention.bandwidthEfficiency);
  const compute = (2 * attentionMacs(work)) / (kernel.peakFlopsPerSecond * attention.computeEfficiency);
  const reread =
    ((work.nHeads / work.nKvHeads) * attentionBytes(work)) /
    (accelerator.bandwidthBytesPerSecond * attention.sharedReadRatio);
  const busy = Math.max(memory, compute, reread);
  return { seconds: busy + attention.fixedSeconds, busySeconds: busy };
}

/** Element-wise work: `nKernels` launches that move `bytes`. */
export function elementwiseTime(
  { elementwise, bandwidthBytesPerSecond }: Accelerator,
  nKernels: number,
  bytes: number,
): OperationTime {
  const busy = bytes / (bandwidthBytesPerSecond * elementwise.bandwidthEfficiency);
  return { seconds: busy + nKernels * elementwise.fixedSeconds, busySeconds: busy };
}

function linkFor(links: readonly LinkPoint[], nDevices: number): LinkPoint {
  return links.find((link) => link.devices >= nDevices) ?? links.at(-1)!;
}

/** Equation (5): alpha-beta all-reduce of `bytes` over `nDevices`. */
export function allReduceSeconds(accelerator: Accelerator, nDevices: number, bytes: number): number {
  if (nDevices === 1) return 0;
  const link = linkFor(accelerator.links, nDevices);
  return link.alphaSeconds + (2 * ((nDevices - 1) / nDevices) * bytes) / link.busBytesPerSecond;
}
