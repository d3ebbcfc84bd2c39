// Any weight format of the search space applied to a real matrix: the values a deployment computes with, and their bits.
import type { WeightFormat } from '../../space/deployment.ts';
import { type ColumnEntries, columnEntries } from './columns.ts';
import { decodeDense, encodeDense } from './dense.ts';
import { checkFinite, checkShape } from './format-error.ts';
import { keepLargest } from './magnitude.ts';
import {
  bitmaskBits,
  checkSparsity,
  deltaCscBits,
  denseBits,
  type EncodedTensor,
  encodedBits,
  type Storage,
  storagesOf,
} from './sizes.ts';
import { bitmaskOf, countDummies, decodeBitmask, decodeDeltaCsc, deltaCscOf } from './sparse.ts';

export interface WeightShape {
  readonly rows: number;
  readonly cols: number;
  /**
   * The axis that a product with activations sums over; blocks and stored columns run along it. `rows` (default) is
   * that of a row-major (in, out) matrix, `cols` that of (out, in).
   */
  readonly reduction?: 'rows' | 'cols';
}

export interface CastWeights {
  /** What a device computes with, in the layout of the input. */
  readonly decoded: Float32Array;
  /** Bits of the encoded tensor. */
  readonly bits: number;
  readonly storage: Storage;
  /** Non-zeros before the cast. */
  readonly nonZeros: number;
  /** Dummy zeros that were stored; 0 except in delta CSC. */
  readonly dummies: number;
}

const TILE = 32;

/** The (cols, rows) matrix of a row-major (rows, cols) one. */
function transpose(values: Float32Array, rows: number, cols: number): Float32Array {
  const turned = new Float32Array(values.length);
  for (let top = 0; top < rows; top += TILE) {
    const bottom = Math.min(top + TILE, rows);
    for (let left = 0; left < cols; left += TILE) {
      const right = Math.min(left + TILE, cols);
      for (let row = top; row < bottom; row += 1) {
        for (let col = left; col < right; col += 1) turned[col * rows + row] = values[row * cols + col]!;
      }
    }
  }
  return turned;
}

interface Encoded {
  readonly tensor: EncodedTensor;
  /** Decoded values, row-major (in, out). */
  readonly decoded: Float32Array;
}

function castDense(
  matrix: Float32Array,
  rows: number,
  cols: number,
  format: WeightFormat,
  seed: number,
): Encoded {
  const tensor = encodeDense(transpose(matrix, rows, cols), format, { rowLength: rows, seed });
  return { tensor, decoded: transpose(decodeDense(tensor), cols, rows) };
}

/** The way of storing that takes the fewest bits; the first of equals. */
function smallestStorage(entries: ColumnEntries, rows: number, cols: number, format: WeightFormat): Storage {
  const nonZeros = entries.values.length;
  const sizes = storagesOf(format).map((storage) => {
    if (storage.kind === 'dense') return { storage, bits: denseBits(format, rows, cols) };
    if (storage.kind === 'bitmask') return { storage, bits: bitmaskBits(format, { rows, cols, nonZeros }) };
    const dummies = countDummies(entries.gaps, storage.deltaBits);
    return { storage, bits: deltaCscBits(format, storage.deltaBits, { rows, cols, nonZeros, dummies }) };
  });
  return sizes.reduce((best, next) => (next.bits < best.bits ? next : best)).storage;
}

/**
 * Casts a weight matrix to `format`, and with `sparsity` above 0 first sets its smallest magnitudes to zero (a matrix
 * that is already that sparse keeps its own zeros) and stores it in the smallest of dense, bitmask and delta CSC of
 * every width.
 * @throws FormatError when the shape, the sparsity or the format is wrong, or a value is not finite.
 */
export function castWeights(
  values: Float32Array,
  { rows: givenRows, cols: givenCols, reduction = 'rows' }: WeightShape,
  format: WeightFormat,
  sparsity = 0,
  seed = 0,
): CastWeights {
  checkShape(values.length, givenRows, givenCols);
  checkSparsity(sparsity);
  checkFinite(values);
  const turns = reduction === 'cols';
  const [rows, cols] = turns ? [givenCols, givenRows] : [givenRows, givenCols];
  const pruned = sparsity > 0 ? keepLargest(values, sparsity) : values;
  const matrix = turns ? transpose(pruned, givenRows, givenCols) : pruned;
  const entries = sparsity > 0 ? columnEntries(matrix, rows, cols) : undefined;
  const storage =
    entries === undefined ? ({ kind: 'dense' } as const) : smallestStorage(entries, rows, cols, format);
  const { tensor, decoded } = encodeAs(storage, matrix, entries, { rows, cols, valueFormat: format, seed });
  return {
    decoded: turns ? transpose(decoded, rows, cols) : decoded,
    bits: encodedBits(tensor),
    storage,
    nonZeros: entries?.values.length ?? values.length,
    dummies:
      entries !== undefined && storage.kind === 'delta-csc'
        ? countDummies(entries.gaps, storage.deltaBits)
        : 0,
  };
}

function encodeAs(
  storage: Storage,
  matrix: Float32Array,
  entries: ColumnEntries | undefined,
  options: {
    readonly rows: number;
    readonly cols: number;
    readonly valueFormat: WeightFormat;
    readonly seed: number;
  },
): Encoded {
  if (entries === undefined || storage.kind === 'dense') {
    return castDense(matrix, options.rows, options.cols, options.valueFormat, options.seed);
  }
  if (storage.kind === 'bitmask') {
    const tensor = bitmaskOf(entries, options);
    return { tensor, decoded: decodeBitmask(tensor) };
  }
  const tensor = deltaCscOf(entries, { ...options, deltaBits: storage.deltaBits });
  return { tensor, decoded: decodeDeltaCsc(tensor) };
}
