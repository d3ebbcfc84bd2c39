// An accelerator as the cost model reads it: SI units, everything per device. A card holds one or more
// devices (the four SoCs of a Cloud AI 100 Ultra); tensor parallelism runs over devices.
import type { KvCacheFormat } from '../space/number-formats.ts';
import type { WeightFamily } from './weight-bits.ts';

export const FIGURE_STATUSES = ['published', 'measured', 'fitted', 'assumed'] as const;
export type FigureStatus = (typeof FIGURE_STATUSES)[number];

/** Number formats that a device can multiply in. */
export const COMPUTE_FORMATS = [
  'fp32',
  'fp16',
  'bf16',
  'int8',
  'fp8',
  'mxfp8',
  'mxfp6',
  'mxfp4',
  'nvfp4',
] as const;
type ComputeFormat = (typeof COMPUTE_FORMATS)[number];

/** Coefficients of one matrix-product kernel: see the equations in docs/hardware-model.md. */
export interface Kernel {
  /** Dense peak of the format it multiplies in, one device. */
  readonly peakFlopsPerSecond: number;
  readonly computeEfficiency: number;
  readonly bandwidthEfficiency: number;
  readonly fixedSeconds: number;
  /** Exponent p of (compute^p + memory^p)^(1/p): 1 adds the two, large takes the larger. */
  readonly sharpness: number;
}

/**
 * How stored weights become operands. `native`: the tensor unit reads the format; `overlap`: unpacking hides
 * behind the slower of memory and arithmetic; `additive`: unpacking adds its own time for each weight.
 */
export type Decompression =
  | { readonly kind: 'native' }
  | { readonly kind: 'overlap'; readonly weightsPerSecond: number }
  | { readonly kind: 'additive'; readonly weightsPerSecond: number };

export interface FormatSupport {
  readonly kernel: Kernel;
  /** False where a figure of the kernel or of unpacking is assumed. */
  readonly isCalibrated: boolean;
  readonly decompression: Decompression;
}

/** All-reduce over `devices`: alpha + 2 (n-1)/n bytes / bus. */
export interface LinkPoint {
  readonly devices: number;
  readonly alphaSeconds: number;
  readonly busBytesPerSecond: number;
}

/** Mean relative error of one kind of figure on measured rows of this device. */
export interface ValidationRecord {
  readonly figure: 'decode' | 'prefill' | 'throughput';
  readonly errorRatio: number;
  readonly rows: number;
  /** Largest batch of the rows; absent where they span what the device serves. */
  readonly maxBatch?: number;
  readonly source: string;
}

/** One number of the file with where it came from, for people. */
export interface Provenance {
  readonly path: string;
  readonly value: number;
  readonly unit: string;
  readonly status: FigureStatus;
  readonly source: string;
}

export interface Accelerator {
  readonly name: string;
  readonly title: string;
  readonly note: string;
  readonly devicesPerCard: number;
  readonly maxCards: number;
  readonly memoryBytes: number;
  readonly bandwidthBytesPerSecond: number;
  /** Share of the memory that a model may fill. */
  readonly usableMemoryRatio: number;
  /** Bytes of one device that runtime and workspace take. */
  readonly reserveBytes: number;
  readonly peakFlopsPerSecond: Readonly<Partial<Record<ComputeFormat, number>>>;
  readonly weightFormats: Readonly<Record<WeightFamily, FormatSupport>>;
  readonly kvCacheFormats: readonly KvCacheFormat[];
  readonly attention: {
    /** Share of the bandwidth that reading the KV cache reaches in decode. */
    readonly bandwidthEfficiency: number;
    /**
     * Rate, in memory bandwidths, at which the query heads of a group read the keys and values they share: kernels
     * that load them anew for each query head gain little from grouped queries. Large where they share the load.
     */
    readonly sharedReadRatio: number;
    /** Share of the 16-bit peak that attention reaches in prefill. */
    readonly computeEfficiency: number;
    readonly fixedSeconds: number;
  };
  readonly elementwise: {
    /** Fixed time of one norm, rotation or activation. */
    readonly fixedSeconds: number;
    /** Share of the bandwidth that element-wise kernels reach, counted on the bytes a fused kernel would move. */
    readonly bandwidthEfficiency: number;
  };
  /** Fixed time of one forward step: launch, sampling, host. */
  readonly stepSeconds: number;
  /** Extra decode time a sequence and a weight of one device (0 on most). */
  readonly sequenceSecondsPerWeight: number;
  readonly sparse: {
    /** The multiplier skips zeros: compute shrinks with sparsity. */
    readonly skipsZeros: boolean;
    /** Cost of unpacking a weight that is zero, relative to one that is not: 1 = as dense, 0 = free. */
    readonly zeroWeightCost: number;
    /** Bandwidth efficiency of sparse weights relative to dense ones. */
    readonly bandwidthRatio: number;
  };
  /** Share of a new prompt's prefill that running sequences wait for under continuous batching. */
  readonly prefillInterference: number;
  /** Smallest number of devices first; empty where devices cannot be joined. */
  readonly links: readonly LinkPoint[];
  /** Shapes are compiled: decode touches the whole compiled context, prefill runs in chunks of this many tokens. */
  readonly staticShapes: { readonly prefillChunkTokens: number } | undefined;
  /** 16-bit training on one device; `undefined` on devices that only infer. */
  readonly training: { readonly peakFlopsPerSecond: number; readonly utilisation: number } | undefined;
  /** Watts of one device. */
  readonly power: { readonly idleWatts: number; readonly loadWatts: number };
  /** Price of one card. */
  readonly price:
    | { readonly dollarsPerHour: number; readonly date: string; readonly source: string }
    | undefined;
  readonly validation: readonly ValidationRecord[];
  readonly provenance: readonly Provenance[];
}
