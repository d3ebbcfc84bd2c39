// Trainings of a run: one per architecture and rung, whoever asks and however often. What is stored is not
// trained again; what is under way is shared; a failure is tried once more.
import type { TrainingOutcome } from '../evaluators/outcome.ts';
import type { Evaluator, TrainingProgress, TrainingTask } from '../evaluators/port.ts';
import type { Architecture } from '../space/architecture.ts';
import { hashOf } from '../space/candidate.ts';
import { attemptUntilSettled, groupBy, Interrupted, type Settled, settlementOf } from './attempts.ts';
import type { Limiter } from './limiter.ts';
import { failureFields, failureOfError } from './outcome-record.ts';
import { RunError } from './run-error.ts';
import type { TrainingRecord } from './store/records.ts';

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

  async function settle(task: TrainingTask, before?: () => Promise<SettledTraining | undefined>) {
    const attempts = earlier.get(`${task.architectureHash}/${task.rung}`) ?? [];
    const final = settlementOf(attempts);
    if (final !== undefined) return final;
    const ended = await before?.();
    if (ended !== undefined) return ended;
    return attemptUntilSettled(
      attempts,
      (attempt) => options.limit(() => attemptTraining(options, task, attempt)),
      options.store,
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
    const architectureHash = hashOf(architecture);
    return settle({ architecture, architectureHash, rung }, async () => {
      if (rung > 0) {
        const below = await train(architecture, rung - 1);
        return below.state === 'ok' ? undefined : below;
      }
      await prepareTeacher();
      return undefined;
    });
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
  return { architectureHash, rung, attempt, wallSeconds, ...fieldsOf(outcome) };
}

function fieldsOf(
  outcome: TrainingOutcome,
): Omit<TrainingRecord, 'architectureHash' | 'rung' | 'attempt' | 'wallSeconds'> {
  if (outcome.kind !== 'ok') return failureFields(outcome);
  const { bitsPerByte: loss, steps, tokens, trainSeconds, compileSeconds, checkpoint } = outcome;
  if (!Number.isFinite(loss)) return { state: 'diverged', reason: 'the validation loss is not a number' };
  const fields = { state: 'ok', loss, steps, tokens, trainSeconds, compileSeconds } as const;
  return checkpoint === undefined ? fields : { ...fields, checkpoint };
}
