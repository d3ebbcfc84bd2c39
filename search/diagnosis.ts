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
  /** How many of the random members were feasible. */
  readonly nFeasible: number;
  /** Those, or the one that a climb found where none of them was. */
  readonly feasible: readonly G[];
  /** In the problem's order of constraints. */
  readonly constraints: readonly ConstraintShare[];
  /** The member that breaks the cheap constraints least, feasible if any was found. */
  readonly nearest: { readonly genome: G; readonly violations: readonly number[] };
}

const CLIMB_STEPS = 2000;

/**
 * Samples the space, until `nWanted` members are feasible or `nSamples` were looked at, and says what each constraint
 * that needs no training rejects; where none is feasible, climbs by mutation from the least violation towards
 * feasibility. @throws RangeError unless `nSamples` is at least 1.
 */
export function diagnoseFeasibility<G>(
  problem: Pick<Problem<G>, 'sample' | 'mutate' | 'facts'>,
  seed: number,
  nSamples: number,
  nWanted = Number.POSITIVE_INFINITY,
): FeasibilityReport<G> {
  if (!(nSamples >= 1)) throw new RangeError(`nSamples must be at least 1, not ${nSamples}`);
  const look = (genome: G) => {
    const { violations } = problem.facts(genome);
    return { genome, violations, total: totalViolation(violations) };
  };
  const samples: ReturnType<typeof look>[] = [];
  const feasible: G[] = [];
  while (samples.length < nSamples && feasible.length < nWanted) {
    const sample = look(problem.sample(deriveRng(seed, samples.length, 'survey')));
    samples.push(sample);
    if (sample.total === 0) feasible.push(sample.genome);
  }
  const nFeasible = feasible.length;
  const share = (holds: (violations: readonly number[]) => boolean) =>
    samples.filter(({ violations }) => holds(violations)).length / samples.length;
  const constraints = samples[0]!.violations.map((_, k) => ({
    rejects: share((violations) => violations[k]! > 0),
    rejectsAlone: share((violations) => violations.every((violation, at) => violation > 0 === (at === k))),
  }));
  let nearest = samples.reduce((a, b) => (b.total < a.total ? b : a));
  for (let step = 0; step < CLIMB_STEPS && nearest.total > 0; step++) {
    const next = look(problem.mutate(nearest.genome, deriveRng(seed, step, 'survey climb')));
    if (next.total <= nearest.total) nearest = next;
  }
  if (nFeasible === 0 && nearest.total === 0) feasible.push(nearest.genome);
  const { genome, violations } = nearest;
  return { nSampled: samples.length, nFeasible, feasible, constraints, nearest: { genome, violations } };
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
