// k-means with seeded k-means++ starts and Lloyd steps. Deterministic: fixed order, the lowest index wins a tie, and
// an empty cluster restarts at the point that is farthest from its centre.
import type { Rng } from '../../space/random.ts';

/** `count` points of `dims` coordinates, one after the other. */
export interface Points {
  readonly values: Float32Array;
  readonly dims: number;
  readonly count: number;
}

/** Cluster centres sorted by their first coordinate, as `nearest` needs them. */
export type Centres = Float32Array;

function squaredDistance(a: Float32Array, aAt: number, b: Float32Array, bAt: number, dims: number): number {
  let sum = 0;
  for (let d = 0; d < dims; d += 1) {
    const gap = a[aAt + d]! - b[bAt + d]!;
    sum += gap * gap;
  }
  return sum;
}

/** `centres` with the rows in order of their first coordinate (then the others), which fixes the code of each. */
export function sortedCentres(centres: Float32Array, dims: number): Centres {
  const rows = Array.from({ length: centres.length / dims }, (_, k) =>
    centres.subarray(k * dims, (k + 1) * dims),
  );
  rows.sort((a, b) => {
    let d = 0;
    while (d < dims - 1 && a[d] === b[d]) d += 1;
    return a[d]! - b[d]!;
  });
  return Float32Array.from(rows.flatMap((row) => Array.from(row)));
}

/** First index whose first coordinate is above `x`. */
function firstAbove(centres: Centres, dims: number, x: number): number {
  let low = 0;
  let high = centres.length / dims;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (centres[middle * dims]! <= x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Index of the centre nearest to the point at `at`, the lowest of equals: outwards from its first coordinate until
 * that alone is too far. `guess` is any centre; a good one ends the search early.
 */
function nearestOne(points: Float32Array, at: number, centres: Centres, dims: number, guess: number): number {
  const x = points[at]!;
  const start = firstAbove(centres, dims, x);
  let best = squaredDistance(points, at, centres, guess * dims, dims);
  let bestIndex = guess;
  for (let entry = (start - 1) * dims; entry >= 0; entry -= dims) {
    const gap = x - centres[entry]!;
    if (gap * gap > best) break;
    const distance = squaredDistance(points, at, centres, entry, dims);
    if (distance > best || (distance === best && entry > bestIndex * dims)) continue;
    best = distance;
    bestIndex = entry / dims;
  }
  for (let entry = start * dims; entry < centres.length; entry += dims) {
    const gap = centres[entry]! - x;
    if (gap * gap > best) break;
    const distance = squaredDistance(points, at, centres, entry, dims);
    if (distance > best || (distance === best && entry > bestIndex * dims)) continue;
    best = distance;
    bestIndex = entry / dims;
  }
  return bestIndex;
}

/** Index of the nearest of the sorted centres for every point. `guesses` may speed it up and do not change it. */
export function nearest(
  { values, dims, count }: Points,
  centres: Centres,
  guesses?: Uint16Array,
): Uint16Array {
  const indices = new Uint16Array(count);
  for (let i = 0; i < count; i += 1) {
    indices[i] = nearestOne(values, i * dims, centres, dims, guesses === undefined ? 0 : guesses[i]!);
  }
  return indices;
}

/** k-means++: each further centre is a point drawn with probability proportional to its squared distance. */
function seededCentres(points: Points, k: number, rng: Rng): Float32Array {
  const { values, dims, count } = points;
  const centres = new Float32Array(k * dims);
  const distances = new Float64Array(count).fill(Infinity);
  let chosen = rng.below(count);
  for (let c = 0; c < k; c += 1) {
    centres.set(values.subarray(chosen * dims, (chosen + 1) * dims), c * dims);
    let total = 0;
    for (let i = 0; i < count; i += 1) {
      const distance = squaredDistance(values, i * dims, centres, c * dims, dims);
      if (distance < distances[i]!) distances[i] = distance;
      total += distances[i]!;
    }
    let left = rng.uniform() * total;
    chosen = 0;
    while (chosen < count - 1 && left >= distances[chosen]!) left -= distances[chosen++]!;
  }
  return centres;
}

/** The point farthest from the centre it belongs to; the first of equals. */
function farthestPoint(points: Points, centres: Float32Array, indices: Uint16Array): number {
  let farthest = 0;
  let greatest = -1;
  for (let i = 0; i < points.count; i += 1) {
    const distance = squaredDistance(
      points.values,
      i * points.dims,
      centres,
      indices[i]! * points.dims,
      points.dims,
    );
    if (distance > greatest) {
      greatest = distance;
      farthest = i;
    }
  }
  return farthest;
}

/** The mean of each cluster. An empty one takes the farthest point, or stays where it is when there is none. */
export function clusterMeans(points: Points, centres: Float32Array, indices: Uint16Array): Float32Array {
  const { values, dims, count } = points;
  const sums = new Float64Array(centres.length);
  const members = new Uint32Array(centres.length / dims);
  for (let i = 0; i < count; i += 1) {
    const k = indices[i]!;
    members[k] = members[k]! + 1;
    for (let d = 0; d < dims; d += 1) sums[k * dims + d] = sums[k * dims + d]! + values[i * dims + d]!;
  }
  const means = new Float32Array(centres);
  const taken = new Uint16Array(indices);
  for (let k = 0; k < members.length; k += 1) {
    for (let d = 0; d < dims && members[k]! > 0; d += 1)
      means[k * dims + d] = sums[k * dims + d]! / members[k]!;
    if (members[k] !== 0 || count === 0) continue;
    const point = farthestPoint(points, means, taken);
    means.set(values.subarray(point * dims, (point + 1) * dims), k * dims);
    taken[point] = k;
  }
  return means;
}

/** Lloyd steps on single numbers: clusters are runs of the sorted values, their means come from running sums. */
function scalarKMeans(points: Points, start: Centres, iterations: number): Centres {
  const sorted = points.values.slice().sort();
  const sums = new Float64Array(sorted.length + 1);
  for (let i = 0; i < sorted.length; i += 1) sums[i + 1] = sums[i]! + sorted[i]!;
  let centres = start;
  for (let step = 0; step < iterations; step += 1) {
    const means = new Float32Array(centres);
    let from = 0;
    for (let k = 0; k < centres.length; k += 1) {
      const limit = k + 1 < centres.length ? (centres[k]! + centres[k + 1]!) / 2 : Infinity;
      const end = firstAbove(sorted, 1, limit);
      if (end > from) means[k] = (sums[end]! - sums[from]!) / (end - from);
      from = Math.max(from, end);
    }
    if (means.every((mean, k) => mean === centres[k])) break;
    centres = means;
  }
  return centres;
}

/** Lloyd steps end when a smaller share of the points than this changes its cluster. */
const SETTLED = 0.002;

/** `k` sorted centres for `points` (at least one), at most `iterations` Lloyd steps after a k-means++ start. */
export function kMeans(points: Points, k: number, iterations: number, rng: Rng): Centres {
  let centres = sortedCentres(seededCentres(points, k, rng), points.dims);
  if (points.dims === 1) return scalarKMeans(points, centres, iterations);
  let indices = nearest(points, centres);
  for (let step = 0; step < iterations; step += 1) {
    centres = sortedCentres(clusterMeans(points, centres, indices), points.dims);
    const next = nearest(points, centres, indices);
    let moved = 0;
    for (let i = 0; i < next.length; i += 1) moved += Number(next[i] !== indices[i]);
    indices = next;
    if (moved < points.count * SETTLED) break;
  }
  return centres;
}
