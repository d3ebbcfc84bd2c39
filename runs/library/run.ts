// Starting a run and resuming one from a program.
import { checkEngine, type Evaluator } from '../../evaluators/index.ts';
import { resumeRun, startRun } from '../loop/execute.ts';
import { refuseOtherFormat } from '../loop/resumable.ts';
import type { ExecuteOptions } from '../loop/runnable.ts';
import type { OwnMetric } from '../plan/cost-setting.ts';
import { engineOf } from '../plan/engine.ts';
import { planRun, type RunPlan } from '../plan/plan.ts';
import { checkpointFolderOf, createTrainer, threadsOf } from '../plan/train.ts';
import { RunReader } from '../store/queries.ts';
import { DEFAULT_DATABASE } from '../store/store-error.ts';
import type { Space } from './define-space.ts';
import { type Run, streamRun } from './run-stream.ts';

export interface RunSettings {
  /** Where the run is stored; by default `paretoformer.db`. Trained weights lie beside it. */
  readonly database?: string;
  /** Trainings at once; by default one for each core. It does not change the result. */
  readonly threads?: number;
  /** Aborting stops the run cleanly: its outcome is then `interrupted`, and `resume` goes on from there. */
  readonly signal?: AbortSignal;
  /** What trains and measures candidates in place of the built-in trainer: see `defineEvaluator`. */
  readonly evaluator?: Evaluator;
}

export interface ResumeSettings extends RunSettings {
  /** The run's own metrics, where it has some: their functions are not stored. */
  readonly metrics?: readonly OwnMetric[];
}

/**
 * Starts a run. It begins at once, whether or not anybody reads its events.
 *
 *     for await (const event of run(space)) {
 *       if (event.kind === 'generation') console.log(event.front.hypervolume);
 *     }
 */
export function run(space: Space, settings: RunSettings = {}): Run {
  return streamRun(async (emit, signal) => {
    const { spec, folder, metrics } = space;
    if (settings.evaluator === undefined) await checkEngine(engineOf(spec));
    const plan = planRun(spec, folder, metrics);
    return startRun(plan, optionsOf(plan, settings, emit, signal));
  }, settings.signal);
}

/**
 * Continues an interrupted run to the result that it would have had: by its id, the unique start of one, or `latest`.
 * A run with metrics or an evaluator of its program needs the same ones again.
 */
export function resume(name = 'latest', settings: ResumeSettings = {}): Run {
  return streamRun(async (emit, signal) => {
    const reader = new RunReader(settings.database ?? DEFAULT_DATABASE);
    const details = (() => {
      try {
        return reader.run(reader.resolve(name));
      } finally {
        reader.close();
      }
    })();
    refuseOtherFormat(details);
    const { spec, specFolder } = details;
    if (settings.evaluator === undefined) await checkEngine(engineOf(spec));
    const plan = planRun(spec, specFolder, settings.metrics);
    return resumeRun(plan, details.id, optionsOf(plan, settings, emit, signal));
  }, settings.signal);
}

function optionsOf(
  plan: RunPlan,
  { database = DEFAULT_DATABASE, threads, evaluator }: RunSettings,
  emit: ExecuteOptions['emit'],
  signal: AbortSignal,
): ExecuteOptions {
  if (threads !== undefined && (!Number.isSafeInteger(threads) || threads < 1)) {
    throw new RangeError(`threads must be a whole number of at least 1, not ${threads}`);
  }
  const maxThreads = threadsOf(plan.spec, threads);
  return {
    databasePath: database,
    maxThreads,
    isOwnEvaluator: evaluator !== undefined,
    createEvaluator: (runId) =>
      evaluator ?? createTrainer(plan, maxThreads, checkpointFolderOf(database, runId)),
    emit,
    signal,
  };
}
