// From one thing the search asked to its stored result.
import type { NoiseTable } from '../../evaluators/outcome.ts';
import type { Ask } from '../../search/port.ts';
import { type Candidate, hashOf } from '../../space/candidate.ts';
import type { Found } from '../plan/costs.ts';
import type { RunProblem } from '../plan/problem.ts';
import { RunError } from '../run-error.ts';
import type { CandidateRecord, EvaluationRecord } from '../store/records.ts';
import type { Heritage } from './heritage.ts';
import type { Measurements, SettledMeasurement, StorageChoices } from './measurements.ts';
import type { LearntPair, Paired, Pairing } from './pairing.ts';
import type { SettledTraining, Trainings } from './trainings.ts';

export interface Evaluated {
  readonly candidate: CandidateRecord;
  readonly evaluation: EvaluationRecord;
  /** Minimised objectives; absent unless the evaluation went well. */
  readonly objectives?: readonly number[];
  /** What compression did; absent unless the evaluation went well. */
  readonly measured?: {
    readonly trainedLoss: number;
    /** Of the weights that training began from, where they were inherited. */
    readonly inheritedLoss?: number;
    readonly lossChange: number;
    readonly disturbance: readonly number[];
  };
  /** The baseline's loss at that rung, where constraints need it. */
  readonly baselineLoss?: number;
  /** What was measured of its draft. */
  readonly pair?: LearntPair;
  /** Where further deployments of the architecture are wanted. */
  readonly noiseTable?: NoiseTable;
}

/** What carries evaluations out. */
export interface Workshop {
  readonly problem: RunProblem;
  readonly heritage: Heritage;
  readonly trainings: Trainings;
  readonly measurements: Measurements;
  /** Absent where nothing drafts, or pairs cannot be measured: then drafts keep what is expected of them. */
  readonly pairing?: Pairing;
  readonly baseline?: Candidate;
  /** Where further deployments are wanted of architectures that reached a rung: their choices. */
  readonly redeploy?: { readonly rung: number; readonly choices: StorageChoices };
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
 * Carries one evaluation out: trains the architecture, then measures what its deployment makes of it. What the cost
 * model rules out is never trained, except the baseline, which relative constraints need even where it breaks others.
 * @throws {@link RunError} when the baseline that is needed cannot be trained or measured.
 */
export async function evaluate(ask: Ask<Candidate>, workshop: Workshop): Promise<Evaluated> {
  const { problem, trainings, baseline } = workshop;
  const candidate = candidateRecordOf(ask, problem);
  const { number, rung } = ask;
  const { architectureHash } = candidate;
  const shared = { number, candidate: candidate.number, rung, architectureHash };
  const violations = problem.facts(ask.genome).violations;
  const isBaseline = baseline !== undefined && ask.key === problem.key(baseline);
  if (!isBaseline && violations.some((violation) => violation > 0)) {
    const reason = `breaks ${problem.constraintTexts.filter((_, at) => violations[at]! > 0).join(', ')}`;
    return { candidate, evaluation: { ...shared, state: 'infeasible', reason, violations, values: {} } };
  }
  const needsBaseline = problem.needsBaselineLoss && baseline !== undefined;
  const [training, baselineLoss] = await Promise.all([
    trainings.train(ask.genome.architecture, rung),
    needsBaseline ? lossOfBaseline(baseline, rung, workshop) : undefined,
  ]);
  const { state, attempt } = training;
  if (state !== 'ok') {
    // Where a lower rung ended badly there is no training of this rung to point at.
    const attempted = training.rung === rung ? { attempt } : {};
    const reason = reasonOf(training, rung);
    return { candidate, evaluation: { ...shared, ...attempted, state, reason, violations, values: {} } };
  }
  const donor =
    training.donorHash === undefined ? undefined : workshop.heritage.donorOf(architectureHash, rung);
  const origin = donor === undefined ? {} : { donor };
  const measurement = await workshop.measurements.measure(ask.genome, rung, origin);
  const { deploymentHash } = measurement;
  const trained = { ...shared, attempt, deploymentHash, measurement: measurement.attempt };
  if (measurement.state !== 'ok') {
    const { state: ended } = measurement;
    const reason = measurementReason(measurement);
    return { candidate, evaluation: { ...trained, state: ended, reason, violations, values: {} } };
  }
  const { draft } = ask.genome.deployment;
  const paired = draft === undefined ? undefined : await workshop.pairing?.pair(ask.genome, draft, rung);
  if (paired?.kind === 'failed') {
    const { state: ended, reason } = paired;
    return { candidate, evaluation: { ...trained, state: ended, reason, violations, values: {} } };
  }
  const loss = measurement.loss!;
  const judgement = problem.judge(ask.genome, loss, baselineLoss, foundOf(measurement, paired));
  const isTop = !isBaseline && ask.origin !== 'adopted' && workshop.redeploy?.rung === rung;
  const noiseTable = isTop ? await tableOf(ask.genome, workshop) : undefined;
  return {
    candidate,
    evaluation: {
      ...trained,
      state,
      violations: judgement.violations,
      values: judgement.values,
      ...(paired === undefined ? {} : { speculation: paired.record }),
    },
    objectives: judgement.objectives,
    measured: {
      trainedLoss: training.loss!,
      ...(training.inheritedLoss === undefined ? {} : { inheritedLoss: training.inheritedLoss }),
      lossChange: loss - training.loss!,
      disturbance: measurement.disturbance ?? [],
    },
    ...(baselineLoss === undefined ? {} : { baselineLoss }),
    ...(paired?.learnt === undefined ? {} : { pair: paired.learnt }),
    ...(noiseTable === undefined ? {} : { noiseTable }),
  };
}

/** What was measured and replaces what the cost model expects. */
function foundOf(
  { layerBits }: SettledMeasurement,
  paired: Extract<Paired, { kind: 'ok' }> | undefined,
): Found {
  return {
    ...(layerBits === undefined ? {} : { layerBits }),
    ...(paired?.acceptance === undefined ? {} : { acceptance: paired.acceptance }),
  };
}

/** Undefined where it could not be made: then nothing further is measured of the architecture. */
async function tableOf(
  { architecture }: Candidate,
  { measurements, redeploy }: Workshop,
): Promise<NoiseTable | undefined> {
  const profile = await measurements.profile(architecture, redeploy!.rung, redeploy!.choices);
  return profile.table;
}

function reasonOf(training: SettledTraining, rung: number): string {
  const reason = training.reason ?? training.state;
  return training.rung === rung ? reason : `at rung ${training.rung}: ${reason}`;
}

function measurementReason({ reason, state }: SettledMeasurement): string {
  return `compressed: ${reason ?? state}`;
}

async function lossOfBaseline(
  baseline: Candidate,
  rung: number,
  { trainings, measurements }: Workshop,
): Promise<number> {
  const training = await trainings.train(baseline.architecture, rung);
  const fail = (what: string): never => {
    throw new RunError(
      `the baseline could not be ${what}, so constraints relative to its loss cannot be judged`,
    );
  };
  if (training.state !== 'ok') return fail(`trained (${reasonOf(training, rung)})`);
  const measurement = await measurements.measure(baseline, rung);
  if (measurement.state === 'ok') return measurement.loss!;
  return fail(`measured (${measurement.reason ?? measurement.state})`);
}
