// Unstructured sparsity: delta CSC (the encoding of EIE, Han et al. 2016, with counts instead of column pointers) and
// a bitmask. Both store the non-zeros column by column in any value format.
import { packBits, packedBytes, unpackBits } from './bit-pack.ts';
import { type ColumnEntries, columnEntries } from './columns.ts';
import { codebookShape, type DenseTensor, decodeDense, encodeDense, type ValueFormat } from './dense.ts';
import { checkFloats, checkMatrix, checkShape, checkWhole, FormatError } from './format-error.ts';

/** Columns of (delta, value) entries. */
export interface DeltaCscTensor {
  readonly format: 'delta-csc';
  readonly rows: number;
  readonly cols: number;
  readonly deltaBits: number;
  readonly valueFormat: ValueFormat;
  /** Stored entries of each column, dummies included; 16 bits where `rows` fits in them, else 32. */
  readonly counts: Uint16Array | Uint32Array;
  /** Zeros before each entry, `deltaBits` each, lowest bits first. */
  readonly deltas: Uint8Array;
  readonly values: DenseTensor;
}

/** One bit a position, column by column, and the non-zeros. */
export interface BitmaskTensor {
  readonly format: 'bitmask';
  readonly rows: number;
  readonly cols: number;
  readonly valueFormat: ValueFormat;
  readonly mask: Uint8Array;
  readonly values: DenseTensor;
}

export interface SparseOptions {
  readonly rows: number;
  readonly cols: number;
  readonly valueFormat: ValueFormat;
  /** For codebook values. */
  readonly seed?: number;
}

/** Delta widths, in bits. */
export const DELTA_BITS = [2, 3, 4, 5, 6, 7, 8] as const;

/** Columns decoded together: one cache line of float32 a row. */
const TILE_COLUMNS = 16;

/** Bits of one column's count. */
export function countBits(rows: number): 16 | 32 {
  return rows < 2 ** 16 ? 16 : 32;
}

/** Dummy zeros that `gaps` need with `deltaBits`: one for each whole 2^deltaBits zeros. */
export function countDummies(gaps: Int32Array, deltaBits: number): number {
  let dummies = 0;
  for (let i = 0; i < gaps.length; i += 1) dummies += gaps[i]! >> deltaBits;
  return dummies;
}

function encodeValues(
  values: Float32Array,
  counts: Uint32Array,
  { valueFormat, seed }: SparseOptions,
): DenseTensor {
  const zeroEntry = codebookShape(valueFormat)?.vectorLength === 1;
  return encodeDense(values, valueFormat, {
    ...(valueFormat === 'int8' || valueFormat === 'fp8' ? { rowLengths: counts } : {}),
    ...(seed === undefined ? {} : { seed }),
    zeroEntry,
  });
}

/** Entries with the dummies put in. A dummy has the largest delta, the value 0, and covers 2^deltaBits positions. */
function withDummies(entries: ColumnEntries, deltaBits: number) {
  const stored = entries.values.length + countDummies(entries.gaps, deltaBits);
  const values = new Float32Array(stored);
  const deltas = new Uint8Array(stored);
  const counts = new Uint32Array(entries.counts.length);
  const mask = 2 ** deltaBits - 1;
  let from = 0;
  let at = 0;
  for (let col = 0; col < counts.length; col += 1) {
    const before = at;
    for (const end = from + entries.counts[col]!; from < end; from += 1) {
      let gap = entries.gaps[from]!;
      for (; gap > mask; gap -= mask + 1) deltas[at++] = mask;
      deltas[at] = gap;
      values[at++] = entries.values[from]!;
    }
    counts[col] = at - before;
  }
  return { values, deltas, counts };
}

/** As `encodeDeltaCsc`, for entries that are already gathered. */
export function deltaCscOf(
  entries: ColumnEntries,
  options: SparseOptions & { readonly deltaBits: number },
): DeltaCscTensor {
  const { rows, cols, deltaBits, valueFormat } = options;
  checkWhole('deltaBits', deltaBits, 2, 8);
  if ((codebookShape(valueFormat)?.vectorLength ?? 1) > 1) {
    throw new FormatError('option', `${valueFormat} has no exact zero for a dummy; use a bitmask`);
  }
  const { values, deltas, counts } = withDummies(entries, deltaBits);
  return {
    format: 'delta-csc',
    rows,
    cols,
    deltaBits,
    valueFormat,
    counts: countBits(rows) === 16 ? Uint16Array.from(counts) : counts,
    deltas: packBits(deltas, deltaBits),
    values: encodeValues(values, counts, options),
  };
}

/**
 * A row-major (rows, cols) matrix to delta CSC. Blocks of block formats are runs of stored entries.
 * @throws FormatError when the shape or an option is wrong, or what the value codec refuses.
 */
export function encodeDeltaCsc(
  dense: Float32Array,
  options: SparseOptions & { readonly deltaBits: number },
): DeltaCscTensor {
  checkFloats(dense);
  checkShape(dense.length, options.rows, options.cols);
  return deltaCscOf(columnEntries(dense, options.rows, options.cols), options);
}

/** Copies a tile of `width` interleaved columns into columns `from` of the row-major `dense`. */
function writeTile(
  tile: Float32Array,
  width: number,
  dense: Float32Array,
  rows: number,
  cols: number,
  from: number,
): void {
  for (let row = 0; row < rows; row += 1) {
    const at = row * cols + from;
    for (let c = 0; c < width; c += 1) dense[at + c] = tile[row * TILE_COLUMNS + c]!;
  }
}

/** Puts one column's entries into `tile` at column `c`. */
function scatterColumn(
  tile: Float32Array,
  c: number,
  rows: number,
  deltas: ArrayLike<number>,
  values: Float32Array,
  start: number,
  end: number,
): void {
  let row = -1;
  for (let i = start; i < end; i += 1) {
    row += deltas[i]! + 1;
    if (row >= rows) throw new FormatError('corrupt', `an entry lies at row ${row} of ${rows}`);
    tile[row * TILE_COLUMNS + c] = values[i]!;
  }
}

/**
 * The row-major matrix of a delta CSC tensor.
 * @throws FormatError when counts, deltas and values do not fit each other or the shape.
 */
export function decodeDeltaCsc(tensor: DeltaCscTensor): Float32Array {
  const { rows, cols, deltaBits, counts } = tensor;
  checkWhole('deltaBits', deltaBits, 2, 8);
  checkMatrix(rows, cols);
  const values = decodeDense(tensor.values);
  let stored = 0;
  for (const count of counts) stored += count;
  if (counts.length !== cols || stored !== values.length) {
    throw new FormatError(
      'corrupt',
      `${counts.length} counts of ${stored} entries for ${cols} columns of ${values.length}`,
    );
  }
  const deltas = unpackBits(tensor.deltas, deltaBits, stored);
  const dense = new Float32Array(rows * cols);
  const tile = new Float32Array(rows * TILE_COLUMNS);
  let at = 0;
  for (let from = 0; from < cols; from += TILE_COLUMNS) {
    const width = Math.min(TILE_COLUMNS, cols - from);
    tile.fill(0);
    for (let c = 0; c < width; c += 1) {
      const end = at + counts[from + c]!;
      scatterColumn(tile, c, rows, deltas, values, at, end);
      at = end;
    }
    writeTile(tile, width, dense, rows, cols, from);
  }
  return dense;
}

/** As `encodeBitmask`, for entries that are already gathered. */
export function bitmaskOf(entries: ColumnEntries, options: SparseOptions): BitmaskTensor {
  const { rows, cols, valueFormat } = options;
  const mask = new Uint8Array(packedBytes(rows * cols, 1));
  let from = 0;
  for (let col = 0; col < cols; col += 1) {
    let at = col * rows - 1;
    for (const end = from + entries.counts[col]!; from < end; from += 1) {
      at += entries.gaps[from]! + 1;
      mask[at >> 3] = mask[at >> 3]! | (1 << (at & 7));
    }
  }
  const values = encodeValues(entries.values, entries.counts, options);
  return { format: 'bitmask', rows, cols, valueFormat, mask, values };
}

/**
 * A row-major (rows, cols) matrix to a bitmask and its non-zeros.
 * @throws FormatError when the shape is wrong, or what the value codec refuses.
 */
export function encodeBitmask(dense: Float32Array, options: SparseOptions): BitmaskTensor {
  checkFloats(dense);
  checkShape(dense.length, options.rows, options.cols);
  return bitmaskOf(columnEntries(dense, options.rows, options.cols), options);
}

/** The row-major matrix of a bitmask tensor. @throws FormatError when mask and values do not fit. */
export function decodeBitmask(tensor: BitmaskTensor): Float32Array {
  const { rows, cols, mask } = tensor;
  checkMatrix(rows, cols);
  const values = decodeDense(tensor.values);
  const bits = unpackBits(mask, 1, rows * cols);
  const dense = new Float32Array(rows * cols);
  let at = 0;
  for (let col = 0; col < cols; col += 1) {
    for (let row = 0; row < rows; row += 1) {
      if (bits[col * rows + row] === 1) dense[row * cols + col] = values[at++] ?? NaN;
    }
  }
  if (at !== values.length)
    throw new FormatError('corrupt', `the mask has ${at} bits for ${values.length} values`);
  return dense;
}
