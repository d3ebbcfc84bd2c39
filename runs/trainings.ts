// Trainings of a run: one per architecture and rung, whoever asks and however often. What is stored is not
// trained again; what is under way is shared; a failure is tried once more.
import type { TrainingOutcome } from '../evaluators/outcome.ts';
import type { Evaluator, TrainingProgress } from '../evaluators/port.ts';
import type { Architecture } from '../space/architecture.ts';
import { hashOf } from '../space/candidate.ts';
import { createLimiter } from './limiter.ts';
import { RunError } from './run-error.ts';
import type { TrainingRecord, TrainingState } from './store/records.ts';

/** How often a training that failed, its worker's death included, is attempted. */
const MAX_ATTEMPTS = 2;

/** Thrown by `train` when the run is being stopped. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** A training that will not be repeated; never `cancelled`. */
export type SettledTraining = TrainingRecord & { readonly state: Exclude<TrainingState, 'cancelled'> };

export interface TrainingsOptions {
  readonly evaluator: Evaluator;
  readonly maxThreads: number;
  /** Attempts made before, of this run. */
  readonly known: readonly TrainingRecord[];
  readonly signal: AbortSignal;
  readonly now: () => number;
  readonly store: (training: TrainingRecord) => void;
  readonly onProgress?: (architectureHash: string, rung: number, progress: TrainingProgress) => void;
}

export interface Trainings {
  /**
   * Trains to `rung`, through the rungs below it; where one of those ends badly, that is the result.
   * @throws {@link Interrupted}, and what `store` throws.
   */
  train(architecture: Architecture, rung: number): Promise<SettledTraining>;
}

/** The trainings of one run. */
export function createTrainings(options: TrainingsOptions): Trainings {
  const settled = new Map<string, Promise<SettledTraining>>();
  const earlier = new Map<string, TrainingRecord[]>();
  for (const attempt of options.known) {
    const name = `${attempt.architectureHash}/${attempt.rung}`;
    earlier.set(name, [...(earlier.get(name) ?? []), attempt]);
  }
  const limit = createLimiter(options.maxThreads);

  async function trainOnce(architecture: Architecture, rung: number): Promise<SettledTraining> {
    const architectureHash = hashOf(architecture);
    const attempts = earlier.get(`${architectureHash}/${rung}`) ?? [];
    const final = settlementOf(attempts);
    if (final !== undefined) return final;
    if (rung > 0) {
      const below = await train(architecture, rung - 1);
      if (below.state !== 'ok') return below;
    }
    let nFailed = attempts.filter(({ state }) => state === 'failed').length;
    for (let attempt = attempts.length + 1; ; attempt++) {
      const record = await limit(() =>
        attemptTraining(options, architecture, architectureHash, rung, attempt),
      );
      refuseSystemFailure(record);
      options.store(record);
      if (isSettled(record)) {
        if (record.state !== 'failed' || ++nFailed >= MAX_ATTEMPTS) return record;
      } else throw new Interrupted('stopped while training');
    }
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

/** Error codes that say something of the machine, nothing of the candidate. */
const SYSTEM_FAILURE = /\b(ENOSPC|EDQUOT|EROFS|EACCES|EPERM|EIO|EMFILE|ENFILE)\b/;

/** @throws {@link RunError} where recording a failure would blame the candidate for a full disk. */
function refuseSystemFailure({ state, reason = '' }: TrainingRecord): void {
  const code = state === 'failed' ? SYSTEM_FAILURE.exec(reason)?.[1] : undefined;
  if (code === undefined) return;
  const what = code === 'ENOSPC' || code === 'EDQUOT' ? 'the disk is full' : `the system refused (${code})`;
  throw new RunError(`${what} while weights were stored: ${reason}; put that right and resume the run`);
}

async function attemptTraining(
  options: TrainingsOptions,
  architecture: Architecture,
  architectureHash: string,
  rung: number,
  attempt: number,
): Promise<TrainingRecord> {
  const { evaluator, signal, now, onProgress } = options;
  if (signal.aborted) throw new Interrupted('stopped before training');
  const startedAt = now();
  let outcome: TrainingOutcome;
  try {
    outcome = await evaluator.evaluate({ architecture, architectureHash, rung }, signal, (progress) =>
      onProgress?.(architectureHash, rung, progress),
    );
  } catch (error) {
    outcome = { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
  }
  const wallSeconds = (now() - startedAt) / 1000;
  return { architectureHash, rung, attempt, wallSeconds, ...fieldsOf(outcome) };
}

function fieldsOf(
  outcome: TrainingOutcome,
): Omit<TrainingRecord, 'architectureHash' | 'rung' | 'attempt' | 'wallSeconds'> {
  switch (outcome.kind) {
    case 'ok': {
      const { bitsPerByte: loss, steps, tokens, trainSeconds, compileSeconds, checkpoint } = outcome;
      if (!Number.isFinite(loss)) return { state: 'diverged', reason: 'the validation loss is not a number' };
      const fields = { state: 'ok', loss, steps, tokens, trainSeconds, compileSeconds } as const;
      return checkpoint === undefined ? fields : { ...fields, checkpoint };
    }
    case 'diverged':
      return { state: 'diverged', reason: `step ${outcome.step}: ${outcome.reason}` };
    case 'timed-out':
      return { state: 'timed-out', reason: `stopped after ${outcome.afterSeconds} s` };
    case 'cancelled':
      return { state: 'cancelled' };
    default:
      return { state: outcome.kind, reason: outcome.reason };
  }
}

function isSettled(record: TrainingRecord): record is SettledTraining {
  return record.state !== 'cancelled';
}

function settlementOf(attempts: readonly TrainingRecord[]): SettledTraining | undefined {
  const final = attempts.filter(isSettled).find(({ state }) => state !== 'failed');
  if (final !== undefined) return final;
  const failures = attempts.filter(isSettled);
  return failures.length >= MAX_ATTEMPTS ? failures.at(-1) : undefined;
}
