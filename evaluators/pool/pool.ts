// Trains and measures candidates in Piscina worker threads, one candidate a thread at a time.
import { setTimeout as sleep } from 'node:timers/promises';
import { Piscina } from 'piscina';
import type {
  MeasurementOutcome,
  PairOutcome,
  ProfileOutcome,
  TaskFailure,
  TrainingOutcome,
} from '../outcome.ts';
import type { Evaluator, TrainingProgress } from '../port.ts';
import { TaskSignals, type WorkerJob, type WorkerSetup, type WorkerTask } from './messages.ts';
import { outcomeOfError } from './outcome-of-error.ts';

export interface PoolSettings extends WorkerSetup {
  readonly maxThreads: number;
}

/** How often progress is looked at. */
const PROGRESS_MILLISECONDS = 250;
/** How long a cancelled training may take to notice before its thread is ended. */
const CANCEL_GRACE_MILLISECONDS = 800;
/** How long past its time limit a training may take to notice before its thread is ended. */
const TIMEOUT_GRACE_SECONDS = 30;

/** How often a thread that is to end is asked whether it is still inside the runtime. */
const RUNTIME_MILLISECONDS = 10;

const isSource = import.meta.url.endsWith('.ts');

const WORKER = new URL(`./train-worker.${isSource ? 'ts' : 'js'}`, import.meta.url);

function createPool({ maxThreads, ...setup }: PoolSettings, worker: URL): Piscina<WorkerTask> {
  return new Piscina({
    filename: worker.href,
    ...(isSource ? { execArgv: ['--import', import.meta.resolve('tsx')] } : {}),
    minThreads: maxThreads,
    maxThreads,
    concurrentTasksPerWorker: 1,
    // The worker's own event loop must turn between tasks: training is asynchronous inside.
    atomics: 'disabled',
    workerData: setup,
  });
}

/**
 * An evaluator on `maxThreads` worker threads. A thread that dies costs the task it was on, which ends as `failed`
 * or `out-of-memory`; the pool starts another thread. Cancelling ends a task within a second, or as soon as the step
 * that it is in has ended.
 * `worker` is the module that each thread runs.
 */
export function createTrainerPool(settings: PoolSettings, worker: URL = WORKER): Required<Evaluator> {
  const pool = createPool(settings, worker);
  const limitSeconds = settings.timeoutSeconds + TIMEOUT_GRACE_SECONDS;
  const underWay = new Set<TaskSignals>();
  /** Resolves once the thread of a cancelled task may be ended: it is out of the runtime, or its task is over with it. */
  const outOfRuntime = async (signals: TaskSignals): Promise<void> => {
    while (underWay.has(signals) && signals.isInRuntime) await sleep(RUNTIME_MILLISECONDS);
  };
  const carryOut = async <T extends { readonly kind: string }>(
    job: WorkerJob,
    signal?: AbortSignal,
    onProgress?: (progress: TrainingProgress) => void,
  ): Promise<T | TaskFailure> => {
    if (signal?.aborted === true) return { kind: 'cancelled' };
    const signals = new TaskSignals();
    const kill = new AbortController();
    let killedAs: TaskFailure | undefined;
    const killAfter = (milliseconds: number, outcome: TaskFailure) =>
      setTimeout(() => {
        killedAs ??= outcome;
        signals.cancel();
        void outOfRuntime(signals).then(() => kill.abort());
      }, milliseconds).unref();
    const timers: NodeJS.Timeout[] = [];
    let isTimed = false;
    const cancel = () => {
      signals.cancel();
      timers.push(killAfter(CANCEL_GRACE_MILLISECONDS, { kind: 'cancelled' }));
    };
    signal?.addEventListener('abort', cancel, { once: true });
    const watch = setInterval(() => {
      // Waiting for a thread takes no time of its own.
      if (signals.hasBegun && !isTimed) {
        isTimed = true;
        timers.push(killAfter(1000 * limitSeconds, { kind: 'timed-out', afterSeconds: limitSeconds }));
      }
      const { progress } = signals;
      if (progress !== undefined) onProgress?.(progress);
    }, PROGRESS_MILLISECONDS);
    watch.unref();
    underWay.add(signals);
    try {
      const outcome: T | TaskFailure = await pool.run(
        { ...job, signals: signals.memory },
        { signal: kill.signal },
      );
      return outcome.kind === 'cancelled' ? (killedAs ?? outcome) : outcome;
    } catch (error) {
      return killedAs ?? (signals.isCancelled ? { kind: 'cancelled' } : outcomeOfError(error));
    } finally {
      underWay.delete(signals);
      clearInterval(watch);
      for (const timer of timers) clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
    }
  };
  const close = async (): Promise<void> => {
    for (const signals of underWay) signals.cancel();
    await Promise.all([...underWay].map(outOfRuntime));
    await pool.destroy();
  };
  return {
    evaluate: (task, signal, onProgress) =>
      carryOut<TrainingOutcome>({ kind: 'train', task }, signal, onProgress),
    measure: (task, signal) => carryOut<MeasurementOutcome>({ kind: 'measure', task }, signal),
    profile: (task, signal) => carryOut<ProfileOutcome>({ kind: 'profile', task }, signal),
    pair: (task, signal) => carryOut<PairOutcome>({ kind: 'pair', task }, signal),
    close,
  };
}
