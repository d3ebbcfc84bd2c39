// Codebooks: vectors of weights replaced by the index of a table entry (Deep Compression for single weights, product
// quantisation for longer vectors) or by the sum of one entry out of each of several tables (additive, as in AQLM).
import { deriveRng, type Rng } from '../../space/random.ts';
import { packBits, unpackBits } from './bit-pack.ts';
import { fromHalf, toHalf } from './float-cast.ts';
import { checkFinite, checkWhole, FormatError } from './format-error.ts';
import { clusterMeans, kMeans, nearest, type Points, sortedCentres } from './k-means.ts';

export interface CodebookOptions {
  /** Bits of one index; a table has 2^indexBits entries. 1 to 12. */
  readonly indexBits: number;
  /** Neighbouring weights that share an index. 1 by default. */
  readonly vectorLength?: number;
  /** Tables whose entries are added up. 1 by default. */
  readonly codebooks?: number;
  /** Makes entry 0 of the first table exactly zero, for dummies in sparse storage. */
  readonly zeroEntry?: boolean;
  readonly seed?: number;
  /** Most Lloyd steps a table. By default 25, and 500 for single weights, whose steps are cheap. */
  readonly iterations?: number;
  /** Vectors on which a table is trained before one last step on all. By default 65,536, and 128 an entry for vectors. */
  readonly trainingVectors?: number;
}

export interface CodebookTensor {
  readonly format: 'codebook';
  readonly length: number;
  readonly indexBits: number;
  readonly vectorLength: number;
  readonly codebooks: number;
  /** Half precision bits, shape (codebooks, 2^indexBits, vectorLength). */
  readonly table: Uint16Array;
  /** Indices of shape (vectors, codebooks), lowest bits first. */
  readonly indices: Uint8Array;
}

interface FilledOptions extends Required<CodebookOptions> {
  readonly entries: number;
  readonly rng: Rng;
}

function fill(options: CodebookOptions): FilledOptions {
  const { indexBits, vectorLength = 1, codebooks = 1, seed = 0 } = options;
  checkWhole('indexBits', indexBits, 1, 12);
  checkWhole('vectorLength', vectorLength, 1, 64);
  checkWhole('codebooks', codebooks, 1, 16);
  return {
    indexBits,
    vectorLength,
    codebooks,
    seed,
    zeroEntry: options.zeroEntry ?? false,
    iterations: options.iterations ?? (vectorLength === 1 ? 500 : 25),
    trainingVectors: options.trainingVectors ?? (vectorLength === 1 ? 65_536 : 128 * 2 ** indexBits),
    entries: 2 ** indexBits,
    rng: deriveRng(seed, indexBits * 64 + vectorLength, 'codebook'),
  };
}

/** `values` as vectors; the last one is filled up with zeros. */
function asPoints(values: Float32Array, dims: number): Points {
  const count = Math.ceil(values.length / dims);
  const padded = new Float32Array(count * dims);
  padded.set(values);
  return { values: padded, dims, count };
}

/** At most `limit` of the points, one out of each of `limit` equal stretches. */
function sample(points: Points, limit: number, rng: Rng): Points {
  if (points.count <= limit) return points;
  const { dims } = points;
  const values = new Float32Array(limit * dims);
  for (let i = 0; i < limit; i += 1) {
    const at = Math.floor(((i + rng.uniform()) * points.count) / limit) * dims;
    values.set(points.values.subarray(at, at + dims), i * dims);
  }
  return { values, dims, count: limit };
}

/** As stored: half precision, clamped to its largest value. */
function storable(centres: Float32Array): Float32Array {
  return fromHalf(toHalf(centres.map((x) => Math.max(-65504, Math.min(65504, x)))));
}

/** One table for `points`, sorted and as stored. */
function trainTable(points: Points, options: FilledOptions, zeroEntry: boolean): Float32Array {
  const { dims } = points;
  const free = options.entries - Number(zeroEntry);
  let centres = kMeans(
    sample(points, options.trainingVectors, options.rng),
    free,
    options.iterations,
    options.rng,
  );
  if (points.count > options.trainingVectors) {
    centres = sortedCentres(clusterMeans(points, centres, nearest(points, centres)), dims);
  }
  const table = new Float32Array(options.entries * dims);
  table.set(centres);
  return sortedCentres(storable(table), dims);
}

/** Points less the entries that `indices` name. */
function subtract(points: Points, table: Float32Array, indices: Uint16Array, sign: 1 | -1): Points {
  const { dims, count } = points;
  const values = new Float32Array(points.values);
  for (let i = 0; i < count; i += 1) {
    for (let d = 0; d < dims; d += 1) {
      values[i * dims + d] = values[i * dims + d]! - sign * table[indices[i]! * dims + d]!;
    }
  }
  return { values, dims, count };
}

interface Layer {
  table: Float32Array;
  indices: Uint16Array;
}

/** One round of coordinate descent: each table is fitted anew to what the others leave, then its indices. */
function refine(rest: Points, layers: readonly Layer[]): Points {
  for (const layer of layers) {
    const target = subtract(rest, layer.table, layer.indices, -1);
    layer.table = sortedCentres(storable(clusterMeans(target, layer.table, layer.indices)), rest.dims);
    layer.indices = nearest(target, layer.table);
    rest = subtract(target, layer.table, layer.indices, 1);
  }
  return rest;
}

const REFINEMENTS = 4;

function trainLayers(points: Points, options: FilledOptions): Layer[] {
  const layers: Layer[] = [];
  let rest = points;
  for (let m = 0; m < options.codebooks; m += 1) {
    const table = trainTable(rest, options, options.zeroEntry && m === 0);
    const indices = nearest(rest, table);
    layers.push({ table, indices });
    if (options.codebooks > 1) rest = subtract(rest, table, indices, 1);
  }
  for (let round = 0; round < REFINEMENTS && layers.length > 1; round += 1) rest = refine(rest, layers);
  return layers;
}

/** Moves the zero entry to index 0. */
function zeroFirst({ table, indices }: Layer, dims: number): Layer {
  let zero = 0;
  while (table.subarray(zero * dims, (zero + 1) * dims).some((x) => x !== 0)) zero += 1;
  const moved = new Float32Array(table);
  moved.copyWithin(dims, 0, zero * dims).fill(0, 0, dims);
  return {
    table: moved,
    indices: indices.map((k) => (k === zero ? 0 : k < zero ? k + 1 : k)),
  };
}

/**
 * Values to codebook indices. The same values, options and seed give the same bytes.
 * @throws FormatError when a value is not finite or an option is out of range.
 */
export function encodeCodebook(values: Float32Array, options: CodebookOptions): CodebookTensor {
  checkFinite(values);
  const filled = fill(options);
  const { indexBits, vectorLength, codebooks, entries } = filled;
  if (filled.zeroEntry && codebooks > 1) {
    throw new FormatError('option', 'zeroEntry needs a single codebook: a sum of entries has no exact zero');
  }
  const points = asPoints(values, vectorLength);
  const trained = points.count === 0 ? [] : trainLayers(points, filled);
  const layers = filled.zeroEntry ? trained.map((layer) => zeroFirst(layer, vectorLength)) : trained;
  const table = new Float32Array(codebooks * entries * vectorLength);
  const indices = new Uint16Array(points.count * codebooks);
  for (const [m, layer] of layers.entries()) {
    table.set(layer.table, m * entries * vectorLength);
    for (let i = 0; i < points.count; i += 1) indices[i * codebooks + m] = layer.indices[i]!;
  }
  return {
    format: 'codebook',
    length: values.length,
    indexBits,
    vectorLength,
    codebooks,
    table: toHalf(table),
    indices: packBits(indices, indexBits),
  };
}

/** The values of a codebook tensor. @throws FormatError when the table or the indices have the wrong size. */
export function decodeCodebook(tensor: CodebookTensor): Float32Array {
  const { length, indexBits, vectorLength, codebooks } = tensor;
  checkWhole('indexBits', indexBits, 1, 12);
  const tableLength = 2 ** indexBits * vectorLength;
  if (tensor.table.length !== codebooks * tableLength) {
    throw new FormatError(
      'corrupt',
      `the table needs ${codebooks * tableLength} entries, got ${tensor.table.length}`,
    );
  }
  const nVectors = Math.ceil(length / vectorLength);
  const indices = unpackBits(tensor.indices, indexBits, nVectors * codebooks);
  const table = fromHalf(tensor.table);
  const values = new Float32Array(nVectors * vectorLength);
  for (let m = 0; m < codebooks; m += 1) {
    for (let i = 0; i < nVectors; i += 1) {
      const entry = m * tableLength + indices[i * codebooks + m]! * vectorLength;
      const at = i * vectorLength;
      for (let d = 0; d < vectorLength; d += 1) values[at + d] = values[at + d]! + table[entry + d]!;
    }
  }
  return values.subarray(0, length);
}
