// Exact expected hypervolume gain where one objective is uncertain and the others are known.
import { addStep, emptyStaircase, hypervolumeGain } from './hypervolume.ts';

type Point = readonly number[];

/** Probability that a standard normal exceeds z: a series near the centre, a continued fraction beyond; to 1e-12. */
function upperTail(z: number): number {
  if (z < 0) return 1 - upperTail(-z);
  if (z > 38) return 0;
  const density = Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
  if (z < 4) {
    let term = z;
    let sum = z;
    for (let k = 3; term > 1e-17 * sum; k += 2) {
      term *= (z * z) / k;
      sum += term;
    }
    return 0.5 - density * sum;
  }
  let fraction = z;
  for (let k = 40; k >= 1; k--) fraction = z + k / fraction;
  return density / fraction;
}

/** E[max(0, t - X)] of a normal X: the integral of its distribution function up to t. */
export function expectedShortfall(t: number, mean: number, deviation: number): number {
  if (!(deviation > 0)) return Math.max(0, t - mean);
  const z = (t - mean) / deviation;
  const density = Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
  return Math.max(0, deviation * (z * upperTail(-z) + density));
}

/** Expected gain of a point whose uncertain objective is normal and whose other objectives are known. */
export type ExpectedGain = (mean: number, deviation: number, known: Point) => number;

/** Area, length or volume of what `known` alone reaches, shrinking as limited points are added. */
function shrinkingShare(known: Point, reference: Point): (limited: Point) => number {
  let whole = 1;
  for (const [k, value] of known.entries()) whole *= reference[k]! - value;
  if (known.length === 1) {
    let ceiling = reference[0]!;
    return ([value]) => {
      ceiling = Math.min(ceiling, value!);
      return ceiling - known[0]!;
    };
  }
  if (known.length === 2) {
    const stairs = emptyStaircase();
    return ([x, y]) => {
      addStep(stairs, x!, y!, reference[0]!, reference[1]!);
      return Math.max(0, whole - stairs.area);
    };
  }
  const added: Point[] = [];
  let taken = 0;
  return (limited) => {
    taken += hypervolumeGain(limited, added, reference);
    added.push(limited);
    return Math.max(0, whole - taken);
  };
}

/**
 * The gain of hypervolume over `front` is an integral over the uncertain objective t of the exclusive volume A(t) of
 * the known objectives among the front members not worse than t in that objective. A is a step function, so its
 * expectation is a finite sum: E = sum over steps of (A before - A after) * E[max(0, t - X)].
 */
export function expectedGain(front: readonly Point[], reference: Point, uncertain: number): ExpectedGain {
  const withoutUncertain = (point: Point) => point.filter((_, k) => k !== uncertain);
  const limit = reference[uncertain]!;
  const knownReference = withoutUncertain(reference);
  const members = front
    .filter((point) => point.every((value, k) => value < reference[k]!))
    .map((point) => ({ t: point[uncertain]!, known: withoutUncertain(point) }))
    .sort((a, b) => a.t - b.t);
  return (mean, deviation, known) => {
    if (known.some((value, k) => value >= knownReference[k]!)) return 0;
    let share = 1;
    for (const [k, value] of known.entries()) share *= knownReference[k]! - value;
    if (known.length === 0) share = 1;
    const shrink = shrinkingShare(known, knownReference);
    let gain = 0;
    for (const { t, known: other } of members) {
      const next = known.length === 0 ? 0 : shrink(other.map((value, k) => Math.max(value, known[k]!)));
      if (next < share) gain += (share - next) * expectedShortfall(t, mean, deviation);
      share = Math.min(share, next);
      if (share <= 0) return gain;
    }
    return gain + share * expectedShortfall(limit, mean, deviation);
  };
}
