// The run's spec as the search sees it: objective vectors that are minimised, and violations scaled by limits.
import { candidateFeatures, type Problem } from '../../search/index.ts';
import type { Architecture } from '../../space/architecture.ts';
import { type Candidate, hashOf } from '../../space/candidate.ts';
import { type Constraint, constraintLimit, constraintViolation } from '../../space/constraint.ts';
import { type MetricName, type MetricTable, type MetricValues, metricOf } from '../../space/metrics.ts';
import type { MutationKind } from '../../space/mutate.ts';
import type { Rng } from '../../space/random.ts';
import type { CandidateCosts, Found } from './costs.ts';

/** The genome functions of a compiled space. */
interface CandidateSpace {
  sample(rng: Rng): Candidate;
  mutate(candidate: Candidate, rng: Rng, kind?: MutationKind): Candidate;
  mutationKinds?(candidate: Candidate): readonly { readonly kind: MutationKind; readonly share: number }[];
  cross(a: Candidate, b: Candidate, rng: Rng): Candidate;
  /** Up to `most` members with the architecture of `candidate`, without a draft. */
  deploymentsOf(candidate: Candidate, most: number, rng: Rng): Candidate[];
  /** Every member once, where the space can be listed. */
  all?(): Iterable<Candidate>;
  /** `candidate` with each draft that it may have, of the given models among them; none where nothing drafts. */
  draftedDeployments?(candidate: Candidate, models: readonly Architecture[]): Candidate[];
}

export interface ProblemOptions {
  /** Every metric of the run. */
  readonly metrics: MetricTable;
  readonly objectives: readonly MetricName[];
  readonly constraints: readonly Constraint[];
  /** Bounds that candidates take turns at. */
  readonly sweep?: readonly Constraint[];
  readonly baseline?: Candidate;
  readonly space: CandidateSpace;
  readonly costsOf: (candidate: Candidate) => CandidateCosts;
  /** Costs of the small model that is trained, for comparison. */
  readonly trainedCostsOf: (candidate: Candidate) => MetricValues;
  /** Costs with what was measured; those of `costsOf` when absent. */
  readonly foundCostsOf?: (candidate: Candidate, found: Found) => CandidateCosts;
}

/** A result as the search is told it and as it is stored. */
interface Judgement {
  /** Minimised, in the order of the objectives. */
  readonly objectives: readonly number[];
  readonly violations: readonly number[];
  /** Natural units. */
  readonly values: MetricValues;
}

export interface RunProblem extends Problem<Candidate> {
  features(candidate: Candidate): readonly number[];
  readonly metrics: MetricTable;
  readonly objectives: readonly MetricName[];
  /** What each violation is about, in their order. */
  readonly constraintTexts: readonly string[];
  /** Whether a loss can only be judged beside the baseline's at the same rung. */
  readonly needsBaselineLoss: boolean;
  costs(candidate: Candidate): CandidateCosts;
  trainedCosts(candidate: Candidate): MetricValues;
  /** @throws RangeError when an objective of the cost model is unknown (a price that nobody gave). */
  judge(candidate: Candidate, loss: number, baselineLoss: number | undefined, found?: Found): Judgement;
  deploymentsOf(candidate: Candidate, most: number, rng: Rng): Candidate[];
  draftedDeployments(candidate: Candidate, models: readonly Architecture[]): Candidate[];
}

/** Objectives and hypervolume points are minimised: what is better when higher is negated, here and nowhere else. */
export function toMinimised(metrics: MetricTable, name: MetricName, value: number): number {
  return metricOf(metrics, name).better === 'higher' ? -value : value;
}

/** The last violation of every candidate: whether the deployed model fits into its cards. */
const FITS = 'the model fits into its cards';

/** The problem of a run. */
export function createProblem(options: ProblemOptions): RunProblem {
  const { metrics, objectives, constraints, sweep = [], baseline, space } = options;
  const costs = cached(options.costsOf);
  const baselineCosts = baseline === undefined ? undefined : costs(baseline).deployed;

  const violationsOf = (
    { deployed, memoryOverflow }: CandidateCosts,
    loss: number | undefined,
    baselineLoss: number | undefined,
  ) => {
    const violations = constraints.map((constraint) => {
      const isTrained = metricOf(metrics, constraint.metric).trained;
      const value = isTrained ? loss : deployed[constraint.metric];
      const reference = isTrained ? asLoss(baselineLoss) : baselineCosts;
      const limit = constraintLimit(constraint, reference);
      if (value === undefined || limit === undefined) {
        // What only training tells is no reason to turn a candidate down before it.
        if (isTrained) return 0;
        throw new RangeError(`"${constraint.text}" cannot be judged: ${constraint.metric} is not known`);
      }
      return constraintViolation(constraint, value, limit);
    });
    return [...violations, memoryOverflow];
  };

  /** By how much a candidate breaks a swept bound. */
  const beyond = (bound: Constraint, candidate: Candidate): number => {
    const value = costs(candidate).deployed[bound.metric];
    const limit = constraintLimit(bound, undefined);
    if (value === undefined || limit === undefined) {
      throw new RangeError(`"${bound.text}" cannot be judged: ${bound.metric} is not known`);
    }
    return constraintViolation(bound, value, limit);
  };

  return {
    metrics,
    objectives,
    nObjectives: objectives.length,
    constraintTexts: [...constraints.map(({ text }) => text), FITS],
    needsBaselineLoss: constraints.some(
      ({ metric, bound }) => metricOf(metrics, metric).trained && bound.kind === 'relative',
    ),
    key: hashOf,
    sample: (rng) => space.sample(rng),
    mutate: (candidate, rng, kind) => space.mutate(candidate, rng, kind as MutationKind | undefined),
    ...(space.mutationKinds === undefined
      ? {}
      : { mutationKinds: (candidate) => space.mutationKinds!(candidate) }),
    cross: (a, b, rng) => space.cross(a, b, rng),
    features: candidateFeatures,
    ...(sweep.length === 0
      ? {}
      : { bounds: sweep.map((bound) => (candidate: Candidate) => beyond(bound, candidate)) }),
    ...(space.all === undefined ? {} : { all: () => space.all!() }),
    costs,
    trainedCosts: options.trainedCostsOf,
    facts: (candidate) => {
      const known = costs(candidate);
      return {
        objectives: objectives.map((metric) => {
          const value = known.deployed[metric];
          return value === undefined ? undefined : toMinimised(metrics, metric, value);
        }),
        violations: violationsOf(known, undefined, undefined),
      };
    },
    deploymentsOf: (candidate, most, rng) => space.deploymentsOf(candidate, most, rng),
    draftedDeployments: (candidate, models) => space.draftedDeployments?.(candidate, models) ?? [],
    judge: (candidate, loss, baselineLoss, found) => {
      const judged =
        found === undefined || options.foundCostsOf === undefined
          ? costs(candidate)
          : options.foundCostsOf(candidate, found);
      const values: MetricValues = { ...judged.deployed, loss };
      const vector = objectives.map((metric) => {
        const value = values[metric];
        if (value === undefined || !Number.isFinite(value)) throw new RangeError(`${metric} is not known`);
        return toMinimised(metrics, metric, value);
      });
      return { objectives: vector, violations: violationsOf(judged, loss, baselineLoss), values };
    },
  };
}

function asLoss(loss: number | undefined): MetricValues | undefined {
  return loss === undefined ? undefined : { loss };
}

/** The same candidate is costed several times in a row: its costs are remembered for as long as it lives. */
function cached(costsOf: (candidate: Candidate) => CandidateCosts): (candidate: Candidate) => CandidateCosts {
  const known = new WeakMap<Candidate, CandidateCosts>();
  return (candidate) => {
    let costs = known.get(candidate);
    if (costs === undefined) {
      costs = costsOf(candidate);
      known.set(candidate, costs);
    }
    return costs;
  };
}
