// Bits of stored tensors: counted on what was encoded, or known beforehand from shape, format and sparsity.
import type { WeightFormat } from '../../space/number-formats.ts';
import { packedBytes } from './bit-pack.ts';
import { codebookShape, type DenseTensor, type ValueFormat } from './dense.ts';
import { checkMatrix, checkWhole, FormatError } from './format-error.ts';
import { GROUPED_FORMATS, isGroupedFormat } from './grouped.ts';
import { isMxFormat, MX_BLOCK, MX_ELEMENTS } from './mx-format.ts';
import { NVFP4_BLOCK } from './nvfp4.ts';
import { type BitmaskTensor, countBits, DELTA_BITS, type DeltaCscTensor } from './sparse.ts';

export type EncodedTensor = DenseTensor | DeltaCscTensor | BitmaskTensor;

function bytesOf(tensor: EncodedTensor): number {
  switch (tensor.format) {
    case 'delta-csc':
      return tensor.counts.byteLength + tensor.deltas.byteLength + bytesOf(tensor.values);
    case 'bitmask':
      return tensor.mask.byteLength + bytesOf(tensor.values);
    case 'codebook':
      return tensor.table.byteLength + tensor.indices.byteLength;
    case 'nvfp4':
      return Float32Array.BYTES_PER_ELEMENT + tensor.scales.byteLength + tensor.packed.byteLength;
    case 'fp32':
    case 'fp16':
    case 'bf16':
      return tensor.packed.byteLength;
    default:
      if (!isMxFormat(tensor.format) && !isGroupedFormat(tensor.format)) {
        const { format } = tensor as { readonly format: unknown };
        throw new FormatError('option', `unknown weight format ${JSON.stringify(format)}`);
      }
      return tensor.scales.byteLength + tensor.packed.byteLength;
  }
}

/**
 * Bits of everything a tensor stores: codes, scales, tables, deltas, counts. Not its shape and format.
 * @throws FormatError for a format that no codec has.
 */
export function encodedBits(tensor: EncodedTensor): number {
  return 8 * bytesOf(tensor);
}

interface Layout {
  /** Bits of one value's code; for codebooks a value's share of the index. */
  readonly codeBits: number;
  /** Values that share a scale, and the bits of that scale. */
  readonly groupSize: number;
  readonly scaleBits: number;
  /** Bits that do not depend on the number of values. */
  readonly fixedBits: number;
}

/** How `format` spends its bits. @throws FormatError for an unknown format. */
function layoutOf(format: ValueFormat): Layout {
  const unscaled = { groupSize: Infinity, scaleBits: 0, fixedBits: 0 };
  if (format === 'fp32') return { codeBits: 32, ...unscaled };
  if (format === 'fp16' || format === 'bf16') return { codeBits: 16, ...unscaled };
  if (format === 'nvfp4') return { codeBits: 4, groupSize: NVFP4_BLOCK, scaleBits: 8, fixedBits: 32 };
  if (isMxFormat(format)) {
    return { codeBits: MX_ELEMENTS[format].bits, groupSize: MX_BLOCK, scaleBits: 8, fixedBits: 0 };
  }
  if (isGroupedFormat(format)) {
    const { bits, groupSize } = GROUPED_FORMATS[format];
    return { codeBits: bits, groupSize, scaleBits: 16, fixedBits: 0 };
  }
  const shape = codebookShape(format);
  if (shape === undefined) throw new FormatError('option', `unknown weight format ${JSON.stringify(format)}`);
  const { indexBits, vectorLength } = shape;
  return {
    codeBits: indexBits / vectorLength,
    ...unscaled,
    fixedBits: 16 * 2 ** indexBits * vectorLength,
  };
}

function codesBits(format: ValueFormat, count: number): number {
  const shape = codebookShape(format);
  return shape === undefined
    ? 8 * packedBytes(count, layoutOf(format).codeBits)
    : 8 * packedBytes(Math.ceil(count / shape.vectorLength), shape.indexBits);
}

/** Exact bits of a dense (rows, cols) matrix whose reduction axis is `rows`. */
export function denseBits(format: ValueFormat, rows: number, cols: number): number {
  const { groupSize, scaleBits, fixedBits } = layoutOf(format);
  const groups = rows === 0 ? 0 : Math.max(1, Math.ceil(rows / groupSize)) * cols;
  return codesBits(format, rows * cols) + groups * scaleBits + fixedBits;
}

/** Exact bits of `stored` values of a sparse matrix of `cols` columns; blocks are runs of stored values. */
function storedValueBits(format: ValueFormat, stored: number, cols: number): number {
  const { groupSize, scaleBits, fixedBits } = layoutOf(format);
  const aColumnEach = format === 'int8' || format === 'fp8';
  const groups = aColumnEach ? cols : Math.max(Number(scaleBits === 16), Math.ceil(stored / groupSize));
  return codesBits(format, stored) + groups * scaleBits + fixedBits;
}

export interface SparseCounts {
  readonly rows: number;
  readonly cols: number;
  readonly nonZeros: number;
  readonly dummies: number;
}

/** Exact bits of a delta CSC tensor of which only the numbers of entries are known. */
export function deltaCscBits(format: ValueFormat, deltaBits: number, counts: SparseCounts): number {
  const stored = counts.nonZeros + counts.dummies;
  const indexBits = 8 * packedBytes(stored, deltaBits) + counts.cols * countBits(counts.rows);
  return indexBits + storedValueBits(format, stored, counts.cols);
}

/** Exact bits of a bitmask tensor. */
export function bitmaskBits(format: ValueFormat, counts: Omit<SparseCounts, 'dummies'>): number {
  const maskBits = 8 * packedBytes(counts.rows * counts.cols, 1);
  return maskBits + storedValueBits(format, counts.nonZeros, counts.cols);
}

/**
 * Expected dummies of one column of `rows` where each value is zero with probability `sparsity`: with q = sparsity,
 * p = 1 - q, L = 2^deltaBits, a non-zero at row i costs floor(run / L) dummies and P(run >= jL) = q^(jL) for jL <= i, so
 * E = p * sum over i of q^L (1 - q^(L floor(i / L))) / (1 - q^L).
 * @throws FormatError when `rows` is no whole number or `sparsity` not in [0, 1].
 */
export function expectedDummies(rows: number, sparsity: number, deltaBits: number): number {
  checkMatrix(rows, 1);
  checkSparsity(sparsity);
  if (sparsity >= 1) return 0;
  const span = 2 ** deltaBits;
  const beyond = sparsity ** span;
  // span rows share each floor(i / span), so the powers of `beyond` are a geometric sum.
  const whole = Math.floor(rows / span);
  const rest = rows - whole * span;
  const last = beyond ** whole;
  const sum = span * (whole - (1 - last) / (1 - beyond)) + rest * (1 - last);
  return ((1 - sparsity) * sum * beyond) / (1 - beyond);
}

/** How a matrix is stored. */
export type Storage =
  | { readonly kind: 'dense' }
  | { readonly kind: 'bitmask' }
  | { readonly kind: 'delta-csc'; readonly deltaBits: number };

/** Ways to store `format` sparsely. Vectors of several weights have no zero for a dummy, so no delta CSC. */
export function storagesOf(format: ValueFormat): readonly Storage[] {
  const deltaWidths = (codebookShape(format)?.vectorLength ?? 1) > 1 ? [] : DELTA_BITS;
  return [
    { kind: 'dense' },
    { kind: 'bitmask' },
    ...deltaWidths.map((deltaBits) => ({ kind: 'delta-csc' as const, deltaBits })),
  ];
}

export interface ExpectedShape {
  /** Length of the reduction axis. */
  readonly rows: number;
  readonly cols: number;
}

/**
 * Expected bits of a matrix at random sparsity in one way of storing. Bytes that are only partly filled are not
 * rounded up.
 * @throws FormatError when the shape is impossible, `sparsity` is not in [0, 1] or the format is unknown.
 */
export function expectedStorageBits(
  format: ValueFormat,
  { rows, cols }: ExpectedShape,
  sparsity: number,
  storage: Storage,
): number {
  checkMatrix(rows, cols);
  checkSparsity(sparsity);
  if (storage.kind === 'dense') return denseBits(format, rows, cols);
  const { codeBits, groupSize, scaleBits, fixedBits } = layoutOf(format);
  const nonZeros = (1 - sparsity) * rows;
  const columnScaleBits = format === 'int8' || format === 'fp8' ? scaleBits : 0;
  const valueBits = codeBits + (groupSize === Infinity ? 0 : scaleBits / groupSize);
  if (storage.kind === 'bitmask') return cols * (rows + nonZeros * valueBits + columnScaleBits) + fixedBits;
  checkWhole('deltaBits', storage.deltaBits, 2, 8);
  const stored = nonZeros + expectedDummies(rows, sparsity, storage.deltaBits);
  const columnBits = stored * (valueBits + storage.deltaBits) + countBits(rows) + columnScaleBits;
  return cols * columnBits + fixedBits;
}

/**
 * Expected bits of a weight matrix before there are weights: the smallest of all ways of storing it, as `castWeights`
 * chooses. `sparsity` 0 gives the exact dense size.
 * @throws FormatError when the shape is impossible, `sparsity` is not in [0, 1] or the format is unknown.
 */
export function expectedWeightBits(format: WeightFormat, shape: ExpectedShape, sparsity: number): number {
  checkSparsity(sparsity);
  const storages = sparsity === 0 ? ([{ kind: 'dense' }] as const) : storagesOf(format);
  return Math.min(...storages.map((storage) => expectedStorageBits(format, shape, sparsity, storage)));
}

/** @throws FormatError unless `sparsity` is a share from 0 to 1. */
export function checkSparsity(sparsity: number): void {
  if (!(sparsity >= 0 && sparsity <= 1)) {
    throw new FormatError('option', `sparsity must be from 0 to 1, got ${sparsity}`);
  }
}
