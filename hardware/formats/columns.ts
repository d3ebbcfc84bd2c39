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

/** Columns handled together: one cache line of float32. */
export const TILE_COLUMNS = 16;

/** Copies columns `from` to `from + width` into `tile`, each column contiguous and `stride` apart. */
function transposeTile(
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

/** Appends the non-zeros of one column at `at` and returns the new end. Every word is written; only some stay. */
function compactColumn(
  column: Int32Array,
  start: number,
  rows: number,
  values: Int32Array,
  positions: Int32Array,
  at: number,
): number {
  for (let row = 0; row < rows; row += 1) {
    const word = column[start + row]!;
    values[at] = word;
    positions[at] = row;
    // Shifting the sign out makes -0 a zero; the top bit of x | -x says whether x is not zero.
    const magnitude = word << 1;
    at += (magnitude | (0 - magnitude)) >>> 31;
  }
  return at;
}

/** Row numbers to gaps, in place. */
function gapsInPlace(positions: Int32Array, counts: Uint32Array): void {
  let at = 0;
  for (const count of counts) {
    let next = 0;
    for (const end = at + count; at < end; at += 1) {
      const row = positions[at]!;
      positions[at] = row - next;
      next = row + 1;
    }
  }
}

/** The non-zeros of a row-major (rows, cols) matrix. Both zeros count as zero; NaN and infinity do not. */
export function columnEntries(dense: Float32Array, rows: number, cols: number): ColumnEntries {
  const source = new Int32Array(dense.buffer, dense.byteOffset, dense.length);
  // One word more than can be kept, because the next one is written before it is known to stay.
  const values = new Int32Array(dense.length + 1);
  const positions = new Int32Array(dense.length + 1);
  const counts = new Uint32Array(cols);
  // An odd number of cache lines apart, so that columns do not fall into the same cache sets.
  const stride = ((rows + 15 + 16) & ~15) | 16;
  const tile = new Int32Array(stride * TILE_COLUMNS);
  let at = 0;
  for (let from = 0; from < cols; from += TILE_COLUMNS) {
    const width = Math.min(TILE_COLUMNS, cols - from);
    transposeTile(source, rows, cols, from, width, tile, stride);
    for (let c = 0; c < width; c += 1) {
      const before = at;
      at = compactColumn(tile, c * stride, rows, values, positions, at);
      counts[from + c] = at - before;
    }
  }
  const gaps = positions.slice(0, at);
  gapsInPlace(gaps, counts);
  return { values: new Float32Array(values.slice(0, at).buffer), gaps, counts };
}
