// From one thing the search asked to its stored result.
import type { Ask } from '../search/port.ts';
import { type Candidate, hashOf } from '../space/candidate.ts';
import type { RunProblem } from './problem.ts';
import { RunError } from './run-error.ts';
import type { CandidateRecord, EvaluationRecord } from './store/records.ts';
import type { SettledTraining, Trainings } from './trainings.ts';

export interface Evaluated {
  readonly candidate: CandidateRecord;
  readonly evaluation: EvaluationRecord;
  /** Minimised objectives; absent unless the evaluation went well. */
  readonly objectives?: readonly number[];
}

/** The row of a candidate. */
function candidateRecordOf(ask: Ask<Candidate>, problem: RunProblem): CandidateRecord {
  const { architecture, deployment } = ask.genome;
  return {
    number: ask.candidate,
    key: ask.key,
    architectureHash: hashOf(architecture),
    architecture,
    deployment,
    origin: ask.origin,
    parents: ask.parents,
    deployedCosts: problem.costs(ask.genome).deployed,
    trainedCosts: problem.trainedCosts(ask.genome),
  };
}

/**
 * Carries one evaluation out. What the cost model rules out is never trained, except the baseline, which relative
 * constraints need even where it breaks others. @throws {@link RunError} when the baseline that is needed cannot train.
 */
export async function evaluate(
  ask: Ask<Candidate>,
  problem: RunProblem,
  trainings: Trainings,
  baseline: Candidate | undefined,
): Promise<Evaluated> {
  const candidate = candidateRecordOf(ask, problem);
  const { number, rung } = ask;
  const { architectureHash } = candidate;
  const shared = { number, candidate: candidate.number, rung, architectureHash };
  const cheap = problem.facts(ask.genome).violations;
  const isBaseline = baseline !== undefined && ask.key === problem.key(baseline);
  if (!isBaseline && cheap.some((violation) => violation > 0)) {
    const reason = `breaks ${problem.constraintTexts.filter((_, at) => cheap[at]! > 0).join(', ')}`;
    return {
      candidate,
      evaluation: { ...shared, state: 'infeasible', reason, violations: cheap, values: {} },
    };
  }
  const needsBaseline = problem.needsBaselineLoss && baseline !== undefined;
  const [training, baselineLoss] = await Promise.all([
    trainings.train(ask.genome.architecture, rung),
    needsBaseline ? lossOfBaseline(baseline, rung, trainings) : undefined,
  ]);
  const { state, attempt } = training;
  if (state !== 'ok') {
    // Where a lower rung ended badly there is no training of this rung to point at.
    const attempted = training.rung === rung ? { attempt } : {};
    const evaluation = {
      ...shared,
      ...attempted,
      state,
      reason: reasonOf(training, rung),
      violations: cheap,
      values: {},
    };
    return { candidate, evaluation };
  }
  const { objectives, violations, values } = problem.judge(ask.genome, training.loss!, baselineLoss);
  return { candidate, evaluation: { ...shared, attempt, state, violations, values }, objectives };
}

function reasonOf(training: SettledTraining, rung: number): string {
  const reason = training.reason ?? training.state;
  return training.rung === rung ? reason : `at rung ${training.rung}: ${reason}`;
}

async function lossOfBaseline(baseline: Candidate, rung: number, trainings: Trainings): Promise<number> {
  const training = await trainings.train(baseline.architecture, rung);
  if (training.state === 'ok') return training.loss!;
  throw new RunError(
    `the baseline could not be trained (${reasonOf(training, rung)}), so constraints relative to its loss cannot be judged`,
  );
}
