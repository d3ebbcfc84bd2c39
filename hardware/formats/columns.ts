// The non-zeros of a row-major matrix, column by column. A column of an (in, out) weight matrix is one output's
// weights, so it runs along the reduction axis.

/** Non-zeros in column order. */
export interface ColumnEntries {
  readonly values: Float32Array;
  /** Zeros between each entry and the one before it in its column, or the column's start. */
  readonly gaps: Int32Array;
  /** Entries of each column. */
  readonly counts: Uint32Array;
}

/** Columns turned together: four cache lines of float32 a row. */
const TURNED_COLUMNS = 64;

/** Copies `width` columns from `from` on into `tile`, each contiguous and `stride` apart. */
function turnColumns(
  source: Int32Array,
  rows: number,
  cols: number,
  from: number,
  width: number,
  tile: Int32Array,
  stride: number,
): void {
  for (let row = 0; row < rows; row += 1) {
    const at = row * cols + from;
    for (let c = 0; c < width; c += 1) tile[c * stride + row] = source[at + c]!;
  }
}

/**
 * Copies the non-zeros of one column and their rows to the front of `values` and `positions`; returns how many.
 * Branch-free, because random zeros cannot be predicted: every word is written, and only the non-zeros advance.
 */
function compactColumn(
  tile: Int32Array,
  start: number,
  rows: number,
  values: Int32Array,
  positions: Int32Array,
): number {
  let count = 0;
  for (let row = 0; row < rows; row += 1) {
    const word = tile[start + row]!;
    values[count] = word;
    positions[count] = row;
    // Without its sign a word above zero carries into the top bit.
    count += (((word & 0x7fffffff) + 0x7fffffff) | 0) >>> 31;
  }
  return count;
}

/** Row numbers to the zeros before each, in place. */
function gapsInPlace(positions: Int32Array, count: number): void {
  let next = 0;
  for (let i = 0; i < count; i += 1) {
    const row = positions[i]!;
    positions[i] = row - next;
    next = row + 1;
  }
}

/** `array`, or a larger copy with room for `needed` words. */
function withRoom(array: Int32Array<ArrayBuffer>, needed: number): Int32Array<ArrayBuffer> {
  if (needed <= array.length) return array;
  const larger = new Int32Array(Math.max(needed, 2 * array.length));
  larger.set(array);
  return larger;
}

// Kept from call to call: touching new memory costs more than the work done in it.
let tileWords = new Int32Array(0);
let columnWords = new Int32Array(0);

/** The non-zeros of a row-major (rows, cols) matrix. Both zeros count as zero; NaN and infinity do not. */
export function columnEntries(dense: Float32Array, rows: number, cols: number): ColumnEntries {
  const source = new Int32Array(dense.buffer, dense.byteOffset, dense.length);
  const counts = new Uint32Array(cols);
  // An odd number of cache lines apart, so that columns do not fall into the same cache sets.
  const stride = ((rows + 15) & ~15) | 16;
  tileWords = withRoom(tileWords, stride * TURNED_COLUMNS);
  columnWords = withRoom(columnWords, 2 * rows);
  const tile = tileWords;
  const columnValues = columnWords.subarray(0, rows);
  const columnGaps = columnWords.subarray(rows, 2 * rows);
  let values = new Int32Array(dense.length >> 2);
  let gaps = new Int32Array(dense.length >> 2);
  let at = 0;
  for (let from = 0; from < cols; from += TURNED_COLUMNS) {
    const width = Math.min(TURNED_COLUMNS, cols - from);
    turnColumns(source, rows, cols, from, width, tile, stride);
    for (let c = 0; c < width; c += 1) {
      const count = compactColumn(tile, c * stride, rows, columnValues, columnGaps);
      gapsInPlace(columnGaps, count);
      values = withRoom(values, at + count);
      gaps = withRoom(gaps, at + count);
      values.set(columnValues.subarray(0, count), at);
      gaps.set(columnGaps.subarray(0, count), at);
      counts[from + c] = count;
      at += count;
    }
  }
  return { values: new Float32Array(values.buffer, 0, at), gaps: gaps.subarray(0, at), counts };
}
