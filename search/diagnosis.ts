// What is wrong with a problem before or after a search: constraints that leave nothing, objectives that say nothing.
import { deriveRng } from '../space/random.ts';
import { totalViolation } from './dominance.ts';
import type { Problem } from './port.ts';

export interface ConstraintShare {
  /** Share of random members that break the constraint. */
  readonly rejects: number;
  /** Share that breaks it and no other. */
  readonly rejectsAlone: number;
}

export interface FeasibilityReport<G> {
  readonly nSampled: number;
  readonly feasibleShare: number;
  /** In the problem's order of constraints. */
  readonly constraints: readonly ConstraintShare[];
  /** The member that breaks the cheap constraints least, feasible if any was found. */
  readonly nearest: { readonly genome: G; readonly violations: readonly number[] };
}

const CLIMB_STEPS = 1000;

/**
 * Samples the space and says what each constraint that needs no training rejects; then climbs by mutation from the
 * least violation towards feasibility. @throws RangeError unless `nSamples` is at least 1.
 */
export function diagnoseFeasibility<G>(
  problem: Problem<G>,
  seed: number,
  nSamples: number,
): FeasibilityReport<G> {
  if (!(nSamples >= 1)) throw new RangeError(`nSamples must be at least 1, not ${nSamples}`);
  const rng = deriveRng(seed, 0, 'diagnosis');
  const look = (genome: G) => {
    const { violations } = problem.facts(genome);
    return { genome, violations, total: totalViolation(violations) };
  };
  const samples = Array.from({ length: nSamples }, () => look(problem.sample(rng)));
  const share = (holds: (violations: readonly number[]) => boolean) =>
    samples.filter(({ violations }) => holds(violations)).length / nSamples;
  const constraints = samples[0]!.violations.map((_, k) => ({
    rejects: share((violations) => violations[k]! > 0),
    rejectsAlone: share((violations) => violations.every((violation, at) => violation > 0 === (at === k))),
  }));
  let nearest = samples.reduce((a, b) => (b.total < a.total ? b : a));
  for (let step = 0; step < CLIMB_STEPS && nearest.total > 0; step++) {
    const next = look(problem.mutate(nearest.genome, rng));
    if (next.total <= nearest.total) nearest = next;
  }
  return {
    nSampled: nSamples,
    feasibleShare: share((violations) => totalViolation(violations) === 0),
    constraints,
    nearest: { genome: nearest.genome, violations: nearest.violations },
  };
}

export interface ObjectiveReport {
  /** Objectives with the same value at every point. */
  readonly constant: readonly number[];
  /** Objectives that order every pair of points as an earlier objective does, ties included. */
  readonly redundant: readonly { readonly objective: number; readonly sameOrderAs: number }[];
}

/** Looks for objectives that cannot change which points are on the front. */
export function diagnoseObjectives(points: readonly (readonly number[])[]): ObjectiveReport {
  const objectives = (points[0] ?? []).map((_, k) => k);
  const constant = objectives.filter((k) => points.every((point) => point[k] === points[0]![k]));
  const varying = objectives.filter((k) => !constant.includes(k));
  const redundant = varying.flatMap((objective) => {
    const sameOrderAs = varying.find((other) => other < objective && orderAgrees(points, objective, other));
    return sameOrderAs === undefined ? [] : [{ objective, sameOrderAs }];
  });
  return { constant, redundant };
}

/** Whether sorting by one objective leaves the other strictly rising wherever the first one rises, and only there. */
function orderAgrees(points: readonly (readonly number[])[], a: number, b: number): boolean {
  const order = points.toSorted((p, q) => p[a]! - q[a]! || p[b]! - q[b]!);
  return order.every((point, at) => {
    const before = order[at - 1];
    if (before === undefined) return true;
    return before[a] === point[a] ? before[b] === point[b] : before[b]! < point[b]!;
  });
}
