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

/** One tile's entries on their way: column c fills its own stretch from `starts[c]` on. */
interface Staging {
  readonly values: Int32Array;
  readonly gaps: Int32Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** Row after the last entry of each column. */
  readonly next: Int32Array;
}

function staging(rows: number): Staging {
  // An odd number of cache lines apart, so that columns do not fall into the same cache sets.
  const stride = ((rows + 15) & ~15) | 16;
  const size = stride * TILE_COLUMNS;
  return {
    values: new Int32Array(size),
    gaps: new Int32Array(size),
    starts: Int32Array.from({ length: TILE_COLUMNS }, (_, c) => c * stride),
    ends: new Int32Array(TILE_COLUMNS),
    next: new Int32Array(TILE_COLUMNS),
  };
}

/** Reads columns `from` to `from + width` row by row, each cache line once. */
function scanTile(
  source: Int32Array,
  rows: number,
  cols: number,
  from: number,
  width: number,
  { values, gaps, starts, ends, next }: Staging,
): void {
  ends.set(starts);
  next.fill(0);
  for (let row = 0; row < rows; row += 1) {
    const at = row * cols + from;
    for (let c = 0; c < width; c += 1) {
      const word = source[at + c]!;
      // The shift drops the sign: -0 is a zero too.
      if (word << 1 === 0) continue;
      const to = ends[c]!;
      values[to] = word;
      gaps[to] = row - next[c]!;
      next[c] = row + 1;
      ends[c] = to + 1;
    }
  }
}

/** Words that are neither zero. Branch-free. */
function countNonZeros(words: Int32Array): number {
  let count = 0;
  for (let i = 0; i < words.length; i += 1) {
    const magnitude = words[i]! << 1;
    count += (magnitude | (0 - magnitude)) >>> 31;
  }
  return count;
}

/** The non-zeros of a row-major (rows, cols) matrix. Both zeros count as zero; NaN and infinity do not. */
export function columnEntries(dense: Float32Array, rows: number, cols: number): ColumnEntries {
  const source = new Int32Array(dense.buffer, dense.byteOffset, dense.length);
  const nonZeros = countNonZeros(source);
  const values = new Int32Array(nonZeros);
  const gaps = new Int32Array(nonZeros);
  const counts = new Uint32Array(cols);
  const staged = staging(rows);
  let at = 0;
  for (let from = 0; from < cols; from += TILE_COLUMNS) {
    const width = Math.min(TILE_COLUMNS, cols - from);
    scanTile(source, rows, cols, from, width, staged);
    for (let c = 0; c < width; c += 1) {
      const start = staged.starts[c]!;
      const end = staged.ends[c]!;
      values.set(staged.values.subarray(start, end), at);
      gaps.set(staged.gaps.subarray(start, end), at);
      counts[from + c] = end - start;
      at += end - start;
    }
  }
  return { values: new Float32Array(values.buffer), gaps, counts };
}
