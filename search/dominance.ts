// Non-dominated sorting and crowding. Everything is minimised.

/** @throws RangeError on NaN or on points of unequal length. */
function assertComparable(points: readonly (readonly number[])[]): void {
  const width = points[0]?.length ?? 0;
  for (const [at, point] of points.entries()) {
    if (point.length !== width)
      throw new RangeError(`point ${at} has ${point.length} objectives, not ${width}`);
    if (point.some(Number.isNaN)) throw new RangeError(`point ${at} has an objective that is not a number`);
  }
}

/** Negative where `a` comes before `b` in lexicographic order. */
export function compareLexicographic(a: readonly number[], b: readonly number[]): number {
  for (let k = 0; k < a.length; k++) {
    if (a[k]! < b[k]!) return -1;
    if (a[k]! > b[k]!) return 1;
  }
  return 0;
}

/** Whether `a` is nowhere worse than `b` and somewhere better. */
export function dominates(a: readonly number[], b: readonly number[]): boolean {
  let better = false;
  for (let k = 0; k < a.length; k++) {
    if (a[k]! > b[k]!) return false;
    if (a[k]! < b[k]!) better = true;
  }
  return better;
}

/** The sum of the positive parts: 0 where every constraint is met. */
export function totalViolation(violations: readonly number[]): number {
  let total = 0;
  for (const violation of violations) total += Math.max(0, violation);
  return total;
}

/** One front under construction. Points come in lexicographic order and without copies. */
interface GrowingFront {
  hasDominatorOf(point: readonly number[]): boolean;
  add(point: readonly number[]): void;
}

/** Up to three objectives: as the first is sorted, the lower staircase of the last two decides in O(log n). */
function staircaseFront(): GrowingFront {
  const x: number[] = [];
  const y: number[] = [];
  const stepsUpTo = (value: number): number => {
    let low = 0;
    let high = x.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (x[middle]! <= value) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const planar = (point: readonly number[]) => [point.at(-2) ?? 0, point.at(-1)!] as const;
  return {
    hasDominatorOf: (point) => {
      const [px, py] = planar(point);
      const steps = stepsUpTo(px);
      return steps > 0 && y[steps - 1]! <= py;
    },
    add: (point) => {
      const [px, py] = planar(point);
      const from = stepsUpTo(px);
      let until = from;
      while (until < x.length && y[until]! >= py) until += 1;
      const replaced = from > 0 && x[from - 1] === px ? 1 : 0;
      x.splice(from - replaced, until - from + replaced, px);
      y.splice(from - replaced, until - from + replaced, py);
    },
  };
}

/** Any number of objectives: compares with the members, the latest first. */
function listFront(): GrowingFront {
  const members: (readonly number[])[] = [];
  return {
    hasDominatorOf: (point) => members.findLastIndex((member) => dominates(member, point)) >= 0,
    add: (point) => members.push(point),
  };
}

/** Ranks by peeling, without constraints. Efficient non-dominated sort with binary search (Zhang et al. 2015). */
function peel(points: readonly (readonly number[])[]): number[] {
  const order = points
    .map((_, at) => at)
    .sort((a, b) => compareLexicographic(points[a]!, points[b]!) || a - b);
  const rank = Array.from({ length: points.length }, () => 0);
  const fronts: GrowingFront[] = [];
  let previous = -1;
  for (const at of order) {
    const point = points[at]!;
    if (previous >= 0 && compareLexicographic(points[previous]!, point) === 0) {
      rank[at] = rank[previous]!;
      continue;
    }
    let low = 0;
    let high = fronts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (fronts[middle]!.hasDominatorOf(point)) low = middle + 1;
      else high = middle;
    }
    if (low === fronts.length) fronts.push(point.length <= 3 ? staircaseFront() : listFront());
    fronts[low]!.add(point);
    rank[at] = low;
    previous = at;
  }
  return rank;
}

/**
 * Rank of each point, 0 the best, all objectives minimised; equal points share a rank. `violations` holds the total
 * violation of each point: a feasible point (0) comes before every infeasible one, of two infeasible ones the smaller
 * violation wins whatever the objectives, and equal violations share a rank (Deb et al. 2002, section VI).
 * Infinities are ordinary values. @throws RangeError on NaN and on unequal lengths.
 */
export function nonDominatedSort(
  points: readonly (readonly number[])[],
  violations?: readonly number[],
): number[] {
  assertComparable(points);
  if (violations === undefined) return peel(points);
  if (violations.length !== points.length) {
    throw new RangeError(`${violations.length} violations for ${points.length} points`);
  }
  if (violations.some(Number.isNaN)) throw new RangeError('a violation is not a number');
  const feasible = points.map((_, at) => at).filter((at) => violations[at]! <= 0);
  const feasibleRank = peel(feasible.map((at) => points[at]!));
  const rank = Array.from({ length: points.length }, () => 0);
  let next = 0;
  for (const [k, at] of feasible.entries()) {
    rank[at] = feasibleRank[k]!;
    next = Math.max(next, feasibleRank[k]! + 1);
  }
  const levels = [...new Set(violations.filter((v) => v > 0))].sort((a, b) => a - b);
  const levelOf = new Map(levels.map((level, k) => [level, next + k]));
  for (const [at, violation] of violations.entries()) if (violation > 0) rank[at] = levelOf.get(violation)!;
  return rank;
}

/** Positions of the first copy of each distinct point. */
function firstCopies(points: readonly (readonly number[])[]): number[] {
  const order = points
    .map((_, at) => at)
    .sort((a, b) => compareLexicographic(points[a]!, points[b]!) || a - b);
  return order.filter((at, k) => k === 0 || compareLexicographic(points[order[k - 1]!]!, points[at]!) !== 0);
}

/**
 * Crowding distance of each point of one front: the sum over the objectives of the gap between its neighbours, in
 * parts of the front's range (Deb et al. 2002, section III-B; not divided by the number of objectives). The ends of
 * an objective get Infinity; an objective without range adds nothing; one or two points all get Infinity. Copies
 * count once: the first gets the distance, the others 0. Ties go by position. @throws RangeError on NaN.
 */
export function crowdingDistance(points: readonly (readonly number[])[]): number[] {
  assertComparable(points);
  if (points.length <= 2) return points.map(() => Number.POSITIVE_INFINITY);
  const distance = Array.from({ length: points.length }, () => 0);
  const members = firstCopies(points);
  for (let k = 0; k < points[0]!.length; k++) {
    const order = members.toSorted((a, b) => compareValues(points[a]![k]!, points[b]![k]!) || a - b);
    const low = points[order[0]!]![k]!;
    const high = points[order.at(-1)!]![k]!;
    if (low === high) continue;
    distance[order[0]!] = Number.POSITIVE_INFINITY;
    distance[order.at(-1)!] = Number.POSITIVE_INFINITY;
    for (let at = 1; at < order.length - 1; at++) {
      const gap = points[order[at + 1]!]![k]! - points[order[at - 1]!]![k]!;
      // inf - inf: neighbours on the same infinity are no distance apart; an infinite range swallows finite gaps.
      const share = Number.isNaN(gap) ? 0 : gap / (high - low);
      distance[order[at]!]! += Number.isNaN(share) ? 1 : share;
    }
  }
  return distance;
}

function compareValues(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Positions from best to worst: by rank, then by crowding within the rank (the lonely first), then by position. */
export function orderByRankAndCrowding(
  points: readonly (readonly number[])[],
  violations?: readonly number[],
): { readonly order: number[]; readonly rank: number[]; readonly crowding: number[] } {
  const rank = nonDominatedSort(points, violations);
  const crowding = Array.from({ length: points.length }, () => 0);
  const fronts = new Map<number, number[]>();
  for (const [at, r] of rank.entries()) {
    const front = fronts.get(r);
    if (front === undefined) fronts.set(r, [at]);
    else front.push(at);
  }
  for (const front of fronts.values()) {
    const distances = crowdingDistance(front.map((at) => points[at]!));
    for (const [k, at] of front.entries()) crowding[at] = distances[k]!;
  }
  const order = points
    .map((_, at) => at)
    .sort((a, b) => rank[a]! - rank[b]! || compareValues(crowding[b]!, crowding[a]!) || a - b);
  return { order, rank, crowding };
}
