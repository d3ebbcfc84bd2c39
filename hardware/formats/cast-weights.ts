// Any weight format of the search space applied to a real matrix: the values a deployment computes with, and their bits.
import type { WeightFormat } from '../../space/number-formats.ts';
import { type ColumnEntries, columnEntries } from './columns.ts';
import { decodeDense, encodeDense } from './dense.ts';
import { checkFinite, checkShape, FormatError } from './format-error.ts';
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

/** A weight matrix as it would be stored. */
export interface EncodedWeights {
  /** Values in order of the reduction axis: the matrix turned to (out, in) where dense, columns of (in, out) else. */
  readonly tensor: EncodedTensor;
  readonly shape: WeightShape;
  readonly storage: Storage;
  /** Values that are stored for themselves: all when dense, else the non-zeros before the cast. */
  readonly nonZeros: number;
  /** Dummy zeros that were stored; 0 except in delta CSC. */
  readonly dummies: number;
}

export interface CastWeights extends Pick<EncodedWeights, 'storage' | 'nonZeros' | 'dummies'> {
  /** What a device computes with, in the layout of the input. */
  readonly decoded: Float32Array;
  /** Bits of the encoded tensor. */
  readonly bits: number;
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
 * Encodes a weight matrix in `format`. With `sparsity` above 0 its smallest magnitudes are first set to zero (a matrix
 * that is already that sparse keeps its own zeros), and it is stored in the smallest of dense, bitmask and delta CSC of
 * every width. `seed` matters to codebooks alone.
 * @throws FormatError when the shape, the sparsity or the format is wrong, or a value is not finite.
 */
export function encodeWeights(
  values: Float32Array,
  shape: WeightShape,
  format: WeightFormat,
  sparsity = 0,
  seed = 0,
): EncodedWeights {
  checkFinite(values);
  checkShape(values.length, shape.rows, shape.cols);
  checkSparsity(sparsity);
  const { reduction = 'rows' } = shape;
  if (reduction !== 'rows' && reduction !== 'cols')
    throw new FormatError('option', `reduction is "rows" or "cols", not ${JSON.stringify(reduction)}`);
  const turned = reduction === 'cols';
  const [rows, cols] = turned ? [shape.cols, shape.rows] : [shape.rows, shape.cols];
  const pruned = sparsity > 0 ? keepLargest(values, sparsity) : values;
  const dense = (): EncodedWeights => ({
    tensor: encodeDense(turned ? pruned : transpose(pruned, rows, cols), format, { rowLength: rows, seed }),
    shape,
    storage: { kind: 'dense' },
    nonZeros: values.length,
    dummies: 0,
  });
  if (sparsity === 0) return dense();
  const entries = columnEntries(turned ? transpose(pruned, cols, rows) : pruned, rows, cols);
  const storage = smallestStorage(entries, rows, cols, format);
  if (storage.kind === 'dense') return dense();
  const options = { rows, cols, valueFormat: format, seed };
  const nonZeros = entries.values.length;
  if (storage.kind === 'bitmask') {
    return { tensor: bitmaskOf(entries, options), shape, storage, nonZeros, dummies: 0 };
  }
  const { deltaBits } = storage;
  const tensor = deltaCscOf(entries, { ...options, deltaBits });
  return { tensor, shape, storage, nonZeros, dummies: countDummies(entries.gaps, deltaBits) };
}

/** The matrix that `encodeWeights` stored, in the layout it was given. @throws FormatError when it is damaged. */
export function decodeWeights({ tensor, shape }: EncodedWeights): Float32Array {
  const { rows, cols, reduction = 'rows' } = shape;
  if (tensor.format === 'delta-csc' || tensor.format === 'bitmask') {
    const matrix = tensor.format === 'bitmask' ? decodeBitmask(tensor) : decodeDeltaCsc(tensor);
    return reduction === 'rows' ? matrix : transpose(matrix, cols, rows);
  }
  const lines = decodeDense(tensor);
  return reduction === 'rows' ? transpose(lines, cols, rows) : lines;
}

/** A weight matrix after a round through its stored form, and the bits of that: see `encodeWeights`. */
export function castWeights(
  values: Float32Array,
  shape: WeightShape,
  format: WeightFormat,
  sparsity = 0,
  seed = 0,
): CastWeights {
  const encoded = encodeWeights(values, shape, format, sparsity, seed);
  const { storage, nonZeros, dummies } = encoded;
  return { decoded: decodeWeights(encoded), bits: encodedBits(encoded.tensor), storage, nonZeros, dummies };
}
