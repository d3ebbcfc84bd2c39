// Exact stored size of one weight matrix, by format and sparsity, before any weights exist.
// MX: OCP Microscaling 1.0, one 8-bit scale for 32 elements along the reduction axis. Delta CSC: the
// encoding of EIE (Han et al. 2016), a 4-bit count of zeros before each stored entry and a 16-bit count a column.
import type { WeightFormat } from '../space/deployment.ts';

/** A matrix `y = x W`: `rows` is the reduction axis (inputs), `cols` the outputs. */
export interface MatrixShape {
  readonly rows: number;
  readonly cols: number;
}

/** How zeros are left out. `auto` takes the smallest, the dense form included. */
export type SparseLayout = 'dense' | 'delta-csc' | 'bitmask' | 'auto';

/** Formats that share kernels and decompression on a device. */
export type WeightFamily =
  | 'fp32'
  | 'fp16'
  | 'bf16'
  | 'fp8'
  | 'int8'
  | 'int4'
  | 'mxfp8'
  | 'mxfp6'
  | 'mxfp4'
  | 'mxint8'
  | 'nvfp4'
  | 'codebook';

interface FormatBits {
  readonly family: WeightFamily;
  /** Bits of one element, without scales. */
  readonly element: number;
  /** Elements that share one scale along the reduction axis; 0 = none. */
  readonly block: number;
  /** Bits of scale (and zero point) a block. */
  readonly scale: number;
  /** Bits a matrix column (output) on top. */
  readonly perColumn: number;
  /** Bits a matrix on top: tensor scales, codebook tables. */
  readonly perMatrix: number;
  /** Weights that one code stands for. */
  readonly vector: number;
}

const plain = (family: WeightFamily, element: number): FormatBits => ({
  family,
  element,
  block: 0,
  scale: 0,
  perColumn: 0,
  perMatrix: 0,
  vector: 1,
});
const blocks = (family: WeightFamily, element: number, block: number, scale: number): FormatBits => ({
  ...plain(family, element),
  block,
  scale,
});
/** `indexBits` for each vector of `vector` weights, one FP16 table of 2^indexBits vectors a matrix. */
const codebook = (indexBits: number, vector: number): FormatBits => ({
  ...plain('codebook', indexBits / vector),
  vector,
  perMatrix: 2 ** indexBits * vector * 16,
});

const FORMAT_BITS: Readonly<Record<WeightFormat, FormatBits>> = {
  fp32: plain('fp32', 32),
  fp16: plain('fp16', 16),
  bf16: plain('bf16', 16),
  // One FP32 scale a matrix.
  fp8: { ...plain('fp8', 8), perMatrix: 32 },
  // One FP16 scale an output.
  int8: { ...plain('int8', 8), perColumn: 16 },
  // FP16 scale and FP16 zero point a group.
  'int4-g32': blocks('int4', 4, 32, 32),
  'int4-g128': blocks('int4', 4, 128, 32),
  'mxfp8-e5m2': blocks('mxfp8', 8, 32, 8),
  'mxfp8-e4m3': blocks('mxfp8', 8, 32, 8),
  'mxfp6-e3m2': blocks('mxfp6', 6, 32, 8),
  'mxfp6-e2m3': blocks('mxfp6', 6, 32, 8),
  'mxfp4-e2m1': blocks('mxfp4', 4, 32, 8),
  mxint8: blocks('mxint8', 8, 32, 8),
  // E4M3 scale for 16 elements, one FP32 scale a matrix.
  nvfp4: { ...blocks('nvfp4', 4, 16, 8), perMatrix: 32 },
  'codebook-4x1': codebook(4, 1),
  'codebook-8x2': codebook(8, 2),
  'codebook-8x4': codebook(8, 4),
};

/** The kernel family of a format. */
export function familyOf(format: WeightFormat): WeightFamily {
  return FORMAT_BITS[format].family;
}

/** Bits of `length` consecutive elements along the reduction axis: the last block is padded to a whole one. */
function runBits(bits: FormatBits, length: number): number {
  if (bits.block === 0) return Math.ceil(length / bits.vector) * bits.element * bits.vector;
  // Packed elements are not padded, their scale is paid whole.
  return length * bits.element + Math.ceil(length / bits.block) * bits.scale;
}

const DELTA_BITS = 4;
const COUNT_BITS = 16;

/**
 * Expected dummy zeros of one delta-CSC column of `rows` independent entries, zero with probability `sparsity`:
 * p * sum_i q^L (1 - q^(L floor(i/L))) / (1 - q^L), with q the sparsity, p = 1 - q, L = 2^deltaBits.
 */
export function expectedDeltaCscDummies(rows: number, sparsity: number, deltaBits = DELTA_BITS): number {
  const reach = 2 ** deltaBits;
  const r = sparsity ** reach;
  if (r === 0) return 0;
  if (r === 1) return 0;
  // Rows i share floor(i / L) = j for L rows each; the geometric sums close.
  const whole = Math.floor(rows / reach);
  const rest = rows - whole * reach;
  const sumOfPowers = reach * ((1 - r ** whole) / (1 - r)) + rest * r ** whole;
  return ((1 - sparsity) * r * (rows - sumOfPowers)) / (1 - r);
}

/** Expected bits of a matrix in delta CSC: stored entries (with their dummies), 4-bit deltas, 16-bit column counts. */
function deltaCscBits(bits: FormatBits, { rows, cols }: MatrixShape, sparsity: number): number {
  const stored = rows * (1 - sparsity) + expectedDeltaCscDummies(rows, sparsity);
  const perEntry = bits.element + (bits.block === 0 ? 0 : bits.scale / bits.block) + DELTA_BITS;
  return cols * (stored * perEntry + COUNT_BITS);
}

/** Expected bits of a matrix as one mask bit a position and the non-zero values. */
function bitmaskBits(bits: FormatBits, { rows, cols }: MatrixShape, sparsity: number): number {
  const perEntry = bits.element + (bits.block === 0 ? 0 : bits.scale / bits.block);
  return cols * rows * (1 + (1 - sparsity) * perEntry);
}

/**
 * Bits of a stored `rows x cols` matrix. Dense sizes are exact; sparse sizes are expectations over zeros that
 * fall independently with probability `sparsity`.
 */
export function weightBits(
  format: WeightFormat,
  shape: MatrixShape,
  sparsity = 0,
  layout: SparseLayout = 'auto',
): number {
  const bits = FORMAT_BITS[format];
  const { rows, cols } = shape;
  if (rows === 0 || cols === 0) return 0;
  const fixed = cols * bits.perColumn + bits.perMatrix;
  const dense = cols * runBits(bits, rows);
  // A code that stands for several weights cannot leave single ones out.
  if (sparsity === 0 || layout === 'dense' || bits.vector > 1) return dense + fixed;
  if (layout === 'delta-csc') return deltaCscBits(bits, shape, sparsity) + fixed;
  if (layout === 'bitmask') return bitmaskBits(bits, shape, sparsity) + fixed;
  return Math.min(dense, deltaCscBits(bits, shape, sparsity), bitmaskBits(bits, shape, sparsity)) + fixed;
}

/** Bytes of a stored `rows x cols` matrix, layout `auto`: see {@link weightBits}. */
export function weightMatrixBytes(format: WeightFormat, shape: MatrixShape, sparsity = 0): number {
  return weightBits(format, shape, sparsity) / 8;
}
