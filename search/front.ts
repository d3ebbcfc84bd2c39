// The feasible non-dominated part of what was evaluated, and its volume on a scale that stays fixed in a run.
import { nonDominatedSort, totalViolation } from './dominance.ts';
import { hypervolume, isInside } from './hypervolume.ts';

export interface Evaluated {
  readonly candidate: number;
  readonly objectives: readonly number[];
  readonly violations: readonly number[];
}

/** The feasible points that no feasible point dominates, by candidate number. Equal points all stay. */
export function frontOf<P extends Evaluated>(points: readonly P[]): P[] {
  const feasible = points.filter((point) => totalViolation(point.violations) === 0);
  const rank = nonDominatedSort(feasible.map((point) => point.objectives));
  return feasible.filter((_, at) => rank[at] === 0).sort((a, b) => a.candidate - b.candidate);
}

/** A point a tenth of the range beyond the worst members of the front of `points`, in each objective. */
export function referenceBeyond(points: readonly (readonly number[])[]): number[] {
  const rank = nonDominatedSort(points);
  const front = points.filter((_, at) => rank[at] === 0);
  return (points[0] ?? []).map((_, k) => {
    const values = front.map((point) => point[k]!).filter(Number.isFinite);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return values.length === 0 ? 0 : high + 0.1 * (high - low || Math.abs(high) || 1);
  });
}

/** The corners of the box that the hypervolume is measured in: fixed at the start of a run and stored with it. */
export interface HypervolumeBox {
  /** Low corner: what every objective alone can at best reach. Only a scale: points beyond it are not cut off. */
  readonly ideal: readonly number[];
  /** High corner: points that are not better in every objective count nothing. */
  readonly reference: readonly number[];
}

/** @throws RangeError where the ideal is not below the reference. */
function boxVolume(box: HypervolumeBox): number {
  let volume = 1;
  for (const [k, high] of box.reference.entries()) {
    const side = high - box.ideal[k]!;
    if (!(side > 0)) throw new RangeError(`objective ${k}: the ideal must be below the reference point`);
    volume *= side;
  }
  return volume;
}

/** Exact hypervolume of the feasible points in parts of the box. @throws RangeError on a flat box or NaN. */
export function normalisedHypervolume(points: readonly Evaluated[], box: HypervolumeBox): number {
  const objectives = frontOf(points).map((point) => point.objectives);
  return hypervolume(objectives, box.reference) / boxVolume(box);
}

/** How many feasible points are not better than the reference in every objective, and so count nothing. */
export function countBeyondReference(points: readonly Evaluated[], box: HypervolumeBox): number {
  return points.filter(
    (point) => totalViolation(point.violations) === 0 && !isInside(point.objectives, box.reference),
  ).length;
}
