// Exact hypervolume of a set of points with respect to a reference point. Everything is minimised.
import { compareLexicographic } from './dominance.ts';

type Point = readonly number[];

/** @throws RangeError on NaN, on a reference that is not finite and on unequal lengths. */
function assertMeasurable(points: readonly Point[], reference: Point): void {
  if (!reference.every(Number.isFinite)) throw new RangeError('the reference point must be finite');
  for (const [at, point] of points.entries()) {
    if (point.length !== reference.length) {
      throw new RangeError(`point ${at} has ${point.length} objectives, the reference ${reference.length}`);
    }
    if (point.some(Number.isNaN)) throw new RangeError(`point ${at} has an objective that is not a number`);
  }
}

/** Whether the point is better than the reference in every objective; only such points have a volume. */
export function isInside(point: Point, reference: Point): boolean {
  return point.every((value, k) => value < reference[k]!);
}

/** A staircase of mutually non-dominated points in the plane and the area that they dominate. */
interface Staircase {
  readonly x: number[];
  readonly y: number[];
  area: number;
}

export function emptyStaircase(): Staircase {
  return { x: [], y: [], area: 0 };
}

/** Adds (x, y) to the staircase, which is kept by ascending x and descending y. */
export function addStep(stairs: Staircase, x: number, y: number, xEnd: number, yEnd: number): void {
  let low = 0;
  let high = stairs.x.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (stairs.x[middle]! < x) low = middle + 1;
    else high = middle;
  }
  if (low > 0 && stairs.y[low - 1]! <= y) return;
  if (low < stairs.x.length && stairs.x[low] === x && stairs.y[low]! <= y) return;
  let until = low;
  let ceiling = low > 0 ? stairs.y[low - 1]! : yEnd;
  let left = x;
  while (until < stairs.x.length && stairs.y[until]! >= y) {
    stairs.area += (stairs.x[until]! - left) * (ceiling - y);
    left = stairs.x[until]!;
    ceiling = stairs.y[until]!;
    until += 1;
  }
  const right = until < stairs.x.length ? stairs.x[until]! : xEnd;
  stairs.area += (right - left) * (ceiling - y);
  stairs.x.splice(low, until - low, x);
  stairs.y.splice(low, until - low, y);
}

function volume2(points: readonly Point[], reference: Point): number {
  const order = points.toSorted(compareLexicographic);
  let volume = 0;
  let ceiling = reference[1]!;
  for (const point of order) {
    if (point[1]! >= ceiling) continue;
    volume += (reference[0]! - point[0]!) * (ceiling - point[1]!);
    ceiling = point[1]!;
  }
  return volume;
}

/** Sweeps upwards through the third objective over a planar staircase: O(n log n) comparisons. */
function volume3(points: readonly Point[], reference: Point): number {
  const order = points.toSorted((a, b) => a[2]! - b[2]!);
  const stairs = emptyStaircase();
  let volume = 0;
  for (const [k, point] of order.entries()) {
    addStep(stairs, point[0]!, point[1]!, reference[0]!, reference[1]!);
    const next = order[k + 1]?.[2] ?? reference[2]!;
    volume += stairs.area * (next - point[2]!);
  }
  return volume;
}

/** The members that no other one is nowhere worse than; of copies the first stays. */
function nonDominated(points: readonly Point[], width: number): Point[] {
  const kept: Point[] = [];
  for (const point of points.toSorted(compareLexicographic)) {
    const beaten = kept.some((other) => {
      for (let k = 0; k < width; k++) if (other[k]! > point[k]!) return false;
      return true;
    });
    if (!beaten) kept.push(point);
  }
  return kept;
}

/** Volume of the box between a point and the reference in the first `width` objectives. */
function boxVolume(point: Point, reference: Point, width: number): number {
  let volume = 1;
  for (let k = 0; k < width; k++) volume *= reference[k]! - point[k]!;
  return volume;
}

/**
 * Sum of what each point adds to those below it in the last objective, which then drops out: the WFG recursion
 * (While, Bradstreet, Barone 2012, Eqs. 6 and 7) down to the sweeps in three and two dimensions.
 */
function volumeOf(points: readonly Point[], reference: Point, width: number): number {
  if (points.length === 0) return 0;
  if (points.length === 1) return boxVolume(points[0]!, reference, width);
  if (width === 1) return reference[0]! - Math.min(...points.map((point) => point[0]!));
  if (width === 2) return volume2(points, reference);
  if (width === 3) return volume3(points, reference);
  const last = width - 1;
  const order = nonDominated(points, width).sort((a, b) => b[last]! - a[last]!);
  let volume = 0;
  for (const [k, point] of order.entries()) {
    volume += (reference[last]! - point[last]!) * exclusiveVolume(point, order.slice(k + 1), reference, last);
  }
  return volume;
}

/** What `point` dominates and none of `others` does, in the first `width` objectives. */
function exclusiveVolume(point: Point, others: readonly Point[], reference: Point, width: number): number {
  const limited = others.map((other) => {
    const corner: number[] = [];
    for (let k = 0; k < width; k++) corner[k] = Math.max(other[k]!, point[k]!);
    return corner;
  });
  return boxVolume(point, reference, width) - volumeOf(nonDominated(limited, width), reference, width);
}

/**
 * Exact volume that the points dominate up to the reference point, all objectives minimised. Points that are not
 * strictly better than the reference in every objective add nothing. @throws RangeError on NaN, on unequal lengths
 * and on a reference that is not finite.
 */
export function hypervolume(points: readonly Point[], reference: Point): number {
  assertMeasurable(points, reference);
  const inside = points.filter((point) => isInside(point, reference));
  if (inside.some((point) => point.includes(Number.NEGATIVE_INFINITY))) return Number.POSITIVE_INFINITY;
  return volumeOf(inside, reference, reference.length);
}

/**
 * What each point alone adds: the volume of the set less the volume without it. Copies, dominated points and points
 * beyond the reference add 0. @throws RangeError as `hypervolume`.
 */
export function hypervolumeContributions(points: readonly Point[], reference: Point): number[] {
  assertMeasurable(points, reference);
  const inside = points.map((_, at) => at).filter((at) => isInside(points[at]!, reference));
  const contributions = Array.from({ length: points.length }, () => 0);
  for (const at of inside) {
    const others = inside.filter((other) => other !== at).map((other) => points[other]!);
    const width = reference.length;
    const exclusive = exclusiveVolume(points[at]!, others, reference, width);
    contributions[at] = Number.isNaN(exclusive) ? 0 : Math.max(0, exclusive);
  }
  return contributions;
}

/** What adding `point` would gain over the volume of `others`. */
export function hypervolumeGain(point: Point, others: readonly Point[], reference: Point): number {
  if (!isInside(point, reference)) return 0;
  const inside = others.filter((other) => isInside(other, reference));
  return Math.max(0, exclusiveVolume(point, inside, reference, reference.length));
}
