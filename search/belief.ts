// What a guided search believes of a genome before it is trained: exact where computed, modelled where not.
import { totalViolation } from './dominance.ts';
import type { Hyperparameters } from './kernel.ts';
import type { Ledger, Member, Scored } from './ledger.ts';
import type { Problem } from './port.ts';
import { type Foresight, fitSurrogate, type Prediction, type Surrogate } from './surrogate.ts';

/** A surrogate for each objective that only training tells. The first carries its uncertainty, the others their mean. */
export interface Belief<G> {
  readonly uncertain: number;
  readonly nObservations: number;
  readonly hyperparameters: readonly Hyperparameters[];
  /**
   * Objectives at the highest rung, uncertain ones by their mean, those of a candidate by its own results too;
   * undefined where a cheap constraint is broken.
   */
  expect(genome: G, candidate?: number): readonly number[] | undefined;
  /** The first uncertain objective at a rung, noiseless. */
  predict(genome: G, rung: number, hasHeadStart?: boolean): Prediction;
  /** The first uncertain objective of a candidate at the highest rung, now and by a result at `rung`. */
  foresee(genome: G, rung: number, candidate: number, hasHeadStart?: boolean): Foresight;
  /** Whether it has seen results below the highest rung that had a head start. */
  readonly knowsHeadStarts: boolean;
  readonly noiseDeviation: number;
}

function uncertainObjectives<G>(problem: Problem<G>, genome: G): number[] {
  return problem.facts(genome).objectives.flatMap((value, k) => (value === undefined ? [k] : []));
}

/** Results kept for fitting: the cost of a fit grows with the cube of their number. */
const MAX_OBSERVATIONS = 500;

/** What the model sees: the problem's features and the cheap objectives, whose size often explains the loss. */
function modelFeatures<G>(problem: Problem<G>, genome: G): number[] {
  const row = [...problem.features!(genome)];
  for (const value of problem.facts(genome).objectives) {
    if (value !== undefined && Number.isFinite(value)) row.push(value, Math.log(Math.max(value, 1e-12)));
  }
  return row;
}

function observationsOf<G>(problem: Problem<G>, ledger: Ledger<G>, objective: number, nRungs: number) {
  const all = Array.from({ length: nRungs }, (_, rung) =>
    ledger.scoredAt(rung).map(({ member, result }) => ({
      features: modelFeatures(problem, member.genome),
      rung,
      candidate: member.candidate,
      ...(result.startValue === undefined ? {} : { startValue: result.startValue }),
      value: result.objectives[objective]!,
    })),
  ).flat();
  // The highest rungs and the latest results say most of what comes next.
  return all.filter((one) => Number.isFinite(one.value)).slice(-MAX_OBSERVATIONS);
}

/** Undefined where there is too little to fit. */
export function formBelief<G>(
  problem: Problem<G>,
  ledger: Ledger<G>,
  nRungs: number,
  nSweeps: number,
  start: readonly Hyperparameters[] | undefined,
): Belief<G> | undefined {
  const known = ledger.members[0];
  if (known === undefined || problem.features === undefined) return undefined;
  const uncertain = uncertainObjectives(problem, known.genome);
  if (uncertain.length === 0) return undefined;
  const surrogates: Surrogate[] = [];
  let nObservations = 0;
  let knowsHeadStarts = false;
  for (const [k, objective] of uncertain.entries()) {
    const observations = observationsOf(problem, ledger, objective, nRungs);
    const surrogate = fitSurrogate(observations, nRungs, nSweeps, start?.[k]);
    if (surrogate === undefined) return undefined;
    surrogates.push(surrogate);
    nObservations = observations.length;
    knowsHeadStarts = observations.some((one) => one.startValue !== undefined);
  }
  const features = (genome: G) => modelFeatures(problem, genome);
  return {
    uncertain: uncertain[0]!,
    nObservations,
    hyperparameters: surrogates.map((surrogate) => surrogate.hyperparameters),
    expect: (genome, candidate) => {
      const facts = problem.facts(genome);
      if (totalViolation(facts.violations) > 0) return undefined;
      const row = features(genome);
      return facts.objectives.map(
        (value, k) => value ?? surrogates[uncertain.indexOf(k)]!.mean(row, nRungs - 1, candidate),
      );
    },
    predict: (genome, rung, hasHeadStart) => surrogates[0]!.predict(features(genome), rung, hasHeadStart),
    foresee: (genome, rung, candidate, hasHeadStart) =>
      surrogates[0]!.foresee(features(genome), rung, candidate, hasHeadStart),
    knowsHeadStarts,
    noiseDeviation: surrogates[0]!.noiseDeviation,
  };
}

/**
 * The value of the uncertain objective from which on a constraint that only training tells is broken: the least value
 * that broke it at the highest rung where such a limit explains every result, less what that rung still has to gain.
 * Infinity where there is none. Beyond it there is nothing to gain.
 */
export function learntLimit<G>(
  problem: Problem<G>,
  belief: Belief<G>,
  ledger: Ledger<G>,
  nRungs: number,
): number {
  const isCheaplyMet = ({ member }: Scored<G>) =>
    totalViolation(problem.facts(member.genome).violations) === 0;
  const levels = Array.from({ length: nRungs }, (_, above) => nRungs - 1 - above).flatMap((rung) =>
    // Results with a head start are ahead of the others at their rung.
    [true, false].map((hasHeadStart) => ({
      rung,
      results: ledger
        .scoredAt(rung)
        .filter((one) => (one.result.startValue !== undefined) === hasHeadStart && isCheaplyMet(one)),
    })),
  );
  for (const { rung, results } of levels) {
    const lossOf = ({ result }: Scored<G>) => result.objectives[belief.uncertain]!;
    const isMet = ({ result }: Scored<G>) => result.totalViolation === 0;
    const limit = Math.min(...results.filter((one) => !isMet(one)).map(lossOf), Number.POSITIVE_INFINITY);
    if (limit === Number.POSITIVE_INFINITY) continue;
    if (results.some((one) => isMet(one) && lossOf(one) >= limit)) return Number.POSITIVE_INFINITY;
    if (rung === nRungs - 1) return limit;
    const gaps = results.map(({ member, result }) => {
      const top = belief.predict(member.genome, nRungs - 1).mean;
      return result.objectives[belief.uncertain]! - top;
    });
    return limit - gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  }
  return Number.POSITIVE_INFINITY;
}

/**
 * Objectives that the run has or may still get at the highest rung: its results there, and what is expected of members
 * under way. Members that wait on a lower rung do not count: most will never climb, and what they would have added
 * must be open to others.
 */
export function believedPoints<G>(
  belief: Belief<G>,
  members: readonly Member<G>[],
  nRungs: number,
): number[][] {
  const points: number[][] = [];
  for (const member of members) {
    if (member.rungs.includes('failed')) continue;
    const latest = member.rungs.at(-1);
    const top = member.rungs[nRungs - 1];
    if (latest !== 'pending' && top === undefined) continue;
    if (typeof top === 'object' && top.totalViolation > 0) continue;
    const objectives =
      typeof top === 'object' ? top.objectives : belief.expect(member.genome, member.candidate);
    if (objectives !== undefined) points.push([...objectives]);
  }
  return points;
}
