// Trainings of a run: one per architecture and rung, whoever asks and however often. What is stored is not
// trained again; what is under way is shared; a failure is tried once more.
import type { TrainingOutcome } from '../../evaluators/outcome.ts';
import type { Evaluator, TrainingProgress, TrainingTask } from '../../evaluators/port.ts';
import type { Architecture } from '../../space/architecture.ts';
import { hashOf } from '../../space/candidate.ts';
import { RunError } from '../run-error.ts';
import type { TrainingRecord } from '../store/records.ts';
import { attemptUntilSettled, groupBy, Interrupted, type Settled, settlementOf } from './attempts.ts';
import type { Heritage } from './heritage.ts';
import type { Limiter } from './limiter.ts';
import { failureFields, failureOfError } from './outcome-record.ts';

/** A training that will not be repeated; never `cancelled`. */
export type SettledTraining = Settled<TrainingRecord>;

export interface TrainingsOptions {
  readonly evaluator: Evaluator;
  readonly limit: Limiter;
  /** Attempts made before, of this run. */
  readonly known: readonly TrainingRecord[];
  readonly signal: AbortSignal;
  readonly now: () => number;
  readonly store: (training: TrainingRecord) => void;
  readonly heritage: Heritage;
  /** Trained before everything else. */
  readonly teacher?: TrainingTask;
  readonly onProgress?: (architectureHash: string, rung: number, progress: TrainingProgress) => void;
}

export interface Trainings {
  /**
   * Trains to `rung`, through the rungs below it; where one of those ends badly, that is the result.
   * @throws {@link Interrupted}, {@link RunError} where the teacher could not be trained, and what `store` throws.
   */
  train(architecture: Architecture, rung: number): Promise<SettledTraining>;
}

/** The trainings of one run. */
export function createTrainings(options: TrainingsOptions): Trainings {
  const settled = new Map<string, Promise<SettledTraining>>();
  const earlier = groupBy(options.known, ({ architectureHash, rung }) => `${architectureHash}/${rung}`);

  async function settle(task: TrainingTask, below?: SettledTraining) {
    const attempts = earlier.get(`${task.architectureHash}/${task.rung}`) ?? [];
    if (
      attempts.some(
        ({ donorHash = task.donor?.architectureHash }) => donorHash !== task.donor?.architectureHash,
      )
    ) {
      throw new RunError(
        `a training of architecture ${task.architectureHash} began from other weights than this version would take; ` +
          'resume the run with the version that it was started with',
      );
    }
    return (
      settlementOf(attempts) ??
      attemptUntilSettled(
        attempts,
        (attempt) => options.limit(() => attemptTraining(options, task, attempt, below)),
        options.store,
      )
    );
  }

  let teacher: Promise<SettledTraining> | undefined;
  async function prepareTeacher(): Promise<void> {
    if (options.teacher === undefined) return;
    teacher ??= settle(options.teacher);
    const { state, reason = state } = await teacher;
    if (state !== 'ok') throw new RunError(`the teacher could not be trained: ${reason}`);
  }

  async function trainOnce(architecture: Architecture, rung: number): Promise<SettledTraining> {
    const { heritage } = options;
    const architectureHash = hashOf(architecture);
    const task = { architecture, architectureHash, rung };
    const donor = heritage.donorOf(architectureHash, rung);
    if (rung === 0 || heritage.startsAnew(architectureHash, rung)) {
      await prepareTeacher();
      return settle(donor === undefined ? task : { ...task, donor });
    }
    const below = await train(architecture, rung - 1);
    if (below.state !== 'ok') return below;
    return settle(donor === undefined || below.donorHash === undefined ? task : { ...task, donor }, below);
  }

  function train(architecture: Architecture, rung: number): Promise<SettledTraining> {
    const name = `${hashOf(architecture)}/${rung}`;
    let training = settled.get(name);
    if (training === undefined) {
      training = trainOnce(architecture, rung);
      settled.set(name, training);
    }
    return training;
  }
  return { train };
}

async function attemptTraining(
  options: TrainingsOptions,
  task: TrainingTask,
  attempt: number,
  below: SettledTraining | undefined,
): Promise<TrainingRecord> {
  const { evaluator, signal, now, onProgress } = options;
  const { architectureHash, rung } = task;
  if (signal.aborted) throw new Interrupted('stopped before training');
  const startedAt = now();
  let outcome: TrainingOutcome;
  try {
    outcome = await evaluator.evaluate(task, signal, (progress) =>
      onProgress?.(architectureHash, rung, progress),
    );
  } catch (error) {
    outcome = failureOfError(error);
  }
  const wallSeconds = (now() - startedAt) / 1000;
  return { architectureHash, rung, attempt, wallSeconds, ...fieldsOf(task, outcome, below) };
}

function fieldsOf(
  { donor }: TrainingTask,
  outcome: TrainingOutcome,
  below: SettledTraining | undefined,
): Omit<TrainingRecord, 'architectureHash' | 'rung' | 'attempt' | 'wallSeconds'> {
  if (outcome.kind !== 'ok') return failureFields(outcome);
  const { bitsPerByte: loss, steps, tokens, trainSeconds, compileSeconds, checkpoint } = outcome;
  const inheritedLoss = outcome.inheritedBitsPerByte ?? below?.inheritedLoss;
  if (!Number.isFinite(loss)) return { state: 'diverged', reason: 'the validation loss is not a number' };
  return {
    state: 'ok',
    loss,
    ...(donor === undefined || inheritedLoss === undefined
      ? {}
      : { donorHash: donor.architectureHash, inheritedLoss }),
    steps,
    tokens,
    trainSeconds,
    compileSeconds,
    ...(checkpoint === undefined ? {} : { checkpoint }),
  };
}
