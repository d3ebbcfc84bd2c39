// The box that a run's hypervolume is measured in, found before the first training and never moved: the loss
// between 0 and the unigram entropy of the validation text, the costs between the best and 1.1 times the worst of
// random feasible members. Where no feasible member is found, why not.
import {
  type ConstraintShare,
  diagnoseFeasibility,
  diagnoseObjectives,
  type FeasibilityReport,
} from '../../search/index.ts';
import type { Candidate } from '../../space/candidate.ts';
import { type Constraint, constraintLimit } from '../../space/constraint.ts';
import { type MetricName, type MetricValues, metricOf } from '../../space/metrics.ts';
import type { StoredObjective } from '../store/records.ts';
import { type RunProblem, toMinimised } from './problem.ts';

/** Feasible members that the box is laid around. */
const N_MEMBERS = 256;
/** Random members looked at before a space counts as empty. */
const N_SAMPLES = 2000;
const MARGIN = 1.1;

/** What random members of the space say of its constraints and costs. */
export interface Survey extends FeasibilityReport<Candidate> {
  /** What each constraint turns down, beside its text. */
  readonly rejections: readonly (ConstraintShare & { readonly constraint: string })[];
}

/**
 * Looks at random members until `nWanted` are feasible, or at `nSamples` of them; where none is, climbs from the nearest
 * one by mutation, as the search itself would. The same seed looks at the same members.
 */
export function surveySpace(
  problem: RunProblem,
  seed: number,
  nWanted = N_MEMBERS,
  nSamples = N_SAMPLES,
): Survey {
  const report = diagnoseFeasibility(problem, seed, nSamples, nWanted);
  const rejections = problem.constraintTexts.map((constraint, at) => ({
    constraint,
    ...report.constraints[at]!,
  }));
  return { ...report, rejections };
}

/** Why nothing feasible was found, in one line: what rejects how much, and how far off the nearest member is. */
export function explainInfeasible({ nSampled, rejections, nearest }: Survey): string {
  const shares = rejections
    .filter(({ rejects }) => rejects > 0)
    .sort((a, b) => b.rejects - a.rejects)
    .map(({ constraint, rejects }) => `"${constraint}" rejects ${(100 * rejects).toFixed(1)} %`);
  const misses = rejections
    .map(({ constraint }, at) => ({ constraint, violation: nearest.violations[at]! }))
    .filter(({ violation }) => violation > 0)
    .map(({ constraint, violation }) => `"${constraint}" by ${(100 * violation).toPrecision(3)} %`);
  return `no feasible member among ${nSampled} random ones: ${shares.join(', ')}; the nearest misses ${misses.join(' and ')}`;
}

/** An objective that cannot change which members are on the front, for a reason that costs alone show. */
export type IdleObjective =
  | { readonly kind: 'constant'; readonly metric: MetricName }
  | { readonly kind: 'redundant'; readonly metric: MetricName; readonly sameOrderAs: MetricName };

/** Feasible members that a judgement on an objective needs: fewer may agree by chance. */
const ENOUGH_MEMBERS = 24;

/** The objectives that need no training and are constant, or order the feasible members of a survey as another one does. */
export function idleObjectives(problem: RunProblem, { feasible }: Survey): IdleObjective[] {
  if (feasible.length < ENOUGH_MEMBERS) return [];
  const known = problem.objectives.filter((metric) => !metricOf(problem.metrics, metric).trained);
  const points = feasible.map((candidate) => {
    const { deployed } = problem.costs(candidate);
    return known.map((metric) => toMinimised(problem.metrics, metric, deployed[metric]!));
  });
  const { constant, redundant } = diagnoseObjectives(points);
  return [
    ...constant.map((at) => ({ kind: 'constant' as const, metric: known[at]! })),
    ...redundant.map(({ objective, sameOrderAs }) => ({
      kind: 'redundant' as const,
      metric: known[objective]!,
      sameOrderAs: known[sameOrderAs]!,
    })),
  ];
}

/** One line about an idle objective. */
export function explainIdle(idle: IdleObjective): string {
  const why =
    idle.kind === 'constant'
      ? 'is the same for every member'
      : `orders the members as ${idle.sameOrderAs} does`;
  return `the objective ${idle.metric} ${why}, so it cannot change the front`;
}

export interface BoundsOptions {
  readonly problem: RunProblem;
  readonly constraints: readonly Constraint[];
  readonly baseline?: Candidate;
  readonly survey: Survey;
  /** Bits per byte of the validation text under its own byte frequencies. */
  readonly unigramBitsPerByte: number;
}

/** The box, one objective each, in natural units. `survey` holds at least one feasible member. */
export function hypervolumeBounds(options: BoundsOptions): StoredObjective[] {
  const { problem, survey, unigramBitsPerByte } = options;
  const costs = survey.feasible.map((candidate) => problem.costs(candidate).deployed);
  const baseline = options.baseline === undefined ? undefined : problem.costs(options.baseline).deployed;
  return problem.objectives.map((metric) => {
    const { trained, better } = metricOf(problem.metrics, metric);
    if (trained) return { metric, ideal: 0, reference: unigramBitsPerByte };
    const higher = better === 'higher';
    const values = costs.map((known) => known[metric]!);
    const low = Math.min(...values);
    const high = Math.max(...values);
    const ideal = higher ? high : low;
    const worst = beyond(higher ? low : high, higher);
    const reference = tightened({ metric, higher }, worst, ideal, options.constraints, baseline);
    // An objective that is zero everywhere still needs a box with a side.
    return {
      metric,
      ideal,
      reference: reference === ideal ? ideal + (higher ? -1 : 1) : reference,
    };
  });
}

/** A tenth worse; also where a program's own metric is negative. */
function beyond(worst: number, higher: boolean): number {
  return higher === worst > 0 ? worst / MARGIN : worst * MARGIN;
}

/** No feasible member lies beyond a constraint's limit, so neither does the reference. */
function tightened(
  { metric, higher }: { readonly metric: MetricName; readonly higher: boolean },
  reference: number,
  ideal: number,
  constraints: readonly Constraint[],
  baseline: MetricValues | undefined,
): number {
  let tight = reference;
  for (const constraint of constraints) {
    if (constraint.metric !== metric || constraint.operator.startsWith('>') !== higher) continue;
    const limit = constraintLimit(constraint, baseline);
    if (limit === undefined) continue;
    tight = higher ? Math.max(tight, limit) : Math.min(tight, limit);
  }
  // A limit that only the best member meets would leave a box without a side.
  return (higher ? tight < ideal : tight > ideal) ? tight : reference;
}
