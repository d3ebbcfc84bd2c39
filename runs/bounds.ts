// The box that a run's hypervolume is measured in, found before the first training and never moved: the loss
// between 0 and the unigram entropy of the validation text, the costs between the best and 1.1 times the worst of
// random feasible members. Where no feasible member is found, why not.
import type { Candidate } from '../space/candidate.ts';
import { type Constraint, constraintLimit } from '../space/constraint.ts';
import { METRICS, type MetricName, type MetricValues } from '../space/metrics.ts';
import { deriveRng } from '../space/random.ts';
import type { RunProblem } from './problem.ts';
import type { StoredObjective } from './store/records.ts';

/** Feasible members that the box is laid around. */
const N_MEMBERS = 256;
/** Random members looked at before a space counts as empty. */
const N_SAMPLES = 2000;
const MARGIN = 1.1;

export interface Survey {
  readonly nSampled: number;
  /** Feasible members met, at most as many as wanted; not all of them random where those were all turned down. */
  readonly feasible: readonly Candidate[];
  /** How many of the `nSampled` random members were feasible. */
  readonly nFeasible: number;
  /** Members that each constraint turned down, beside the constraint's text. */
  readonly rejections: readonly { readonly constraint: string; readonly nRejected: number }[];
  /** Of the members that break a constraint, the one that breaks them least. */
  readonly nearest: { readonly candidate: Candidate; readonly violations: readonly number[] } | undefined;
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
  const rejected = problem.constraintTexts.map(() => 0);
  const feasible: Candidate[] = [];
  let nearest: Survey['nearest'];
  let nearestTotal = Number.POSITIVE_INFINITY;
  const lookAt = (candidate: Candidate): readonly number[] => {
    const { violations } = problem.facts(candidate);
    const total = violations.reduce((sum, violation) => sum + violation, 0);
    if (total === 0) feasible.push(candidate);
    else if (total <= nearestTotal) {
      nearestTotal = total;
      nearest = { candidate, violations };
    }
    return violations;
  };
  let nSampled = 0;
  while (nSampled < nSamples && feasible.length < nWanted) {
    const violations = lookAt(problem.sample(deriveRng(seed, nSampled, 'survey')));
    nSampled++;
    for (const [at, violation] of violations.entries()) if (violation > 0) rejected[at]!++;
  }
  const nFeasible = feasible.length;
  for (let step = 0; step < nSamples && feasible.length === 0; step++) {
    lookAt(problem.mutate(nearest!.candidate, deriveRng(seed, step, 'survey climb')));
  }
  const rejections = problem.constraintTexts.map((constraint, at) => ({
    constraint,
    nRejected: rejected[at]!,
  }));
  return { nSampled, feasible, nFeasible, rejections, nearest };
}

/** Why nothing feasible was found, in one line: what rejects how much, and how far off the nearest member is. */
export function explainInfeasible(survey: Survey): string {
  const { nSampled, rejections, nearest } = survey;
  const shares = rejections
    .filter(({ nRejected }) => nRejected > 0)
    .sort((a, b) => b.nRejected - a.nRejected)
    .map(
      ({ constraint, nRejected }) => `"${constraint}" rejects ${((100 * nRejected) / nSampled).toFixed(1)} %`,
    );
  const misses = rejections
    .map(({ constraint }, at) => ({ constraint, violation: nearest?.violations[at] ?? 0 }))
    .filter(({ violation }) => violation > 0)
    .map(({ constraint, violation }) => `"${constraint}" by ${(100 * violation).toPrecision(3)} %`);
  return `no feasible member among ${nSampled} random ones: ${shares.join(', ')}; the nearest misses ${misses.join(' and ')}`;
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
    if (METRICS[metric].trained) return { metric, ideal: 0, reference: unigramBitsPerByte };
    const values = costs.map((known) => known[metric]!);
    const low = Math.min(...values);
    const high = Math.max(...values);
    const ideal = isHigherBetter(metric) ? high : low;
    const worst = isHigherBetter(metric) ? low / MARGIN : high * MARGIN;
    const reference = tightened(metric, worst, ideal, options.constraints, baseline);
    // An objective that is zero everywhere still needs a box with a side.
    return {
      metric,
      ideal,
      reference: reference === ideal ? ideal + (isHigherBetter(metric) ? -1 : 1) : reference,
    };
  });
}

function isHigherBetter(metric: MetricName): boolean {
  return METRICS[metric].better === 'higher';
}

/** No feasible member lies beyond a constraint's limit, so neither does the reference. */
function tightened(
  metric: MetricName,
  reference: number,
  ideal: number,
  constraints: readonly Constraint[],
  baseline: MetricValues | undefined,
): number {
  const higher = isHigherBetter(metric);
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
