// A Piscina worker: trains one candidate at a time on one thread and answers with a tagged outcome.
import { workerData } from 'piscina';
import type { TrainingOutcome } from '../outcome.ts';
import { trainToRung } from '../training/train.ts';
import { TaskSignals, type WorkerSetup, type WorkerTask } from './messages.ts';
import { outcomeOfError } from './outcome-of-error.ts';

const setup = workerData as WorkerSetup;

export default async function train({ task, signals }: WorkerTask): Promise<TrainingOutcome> {
  const { timeoutSeconds, ...context } = setup;
  const shared = new TaskSignals(signals);
  const started = performance.now();
  const shouldStop = (): TrainingOutcome | undefined => {
    if (shared.isCancelled) return { kind: 'cancelled' };
    const afterSeconds = (performance.now() - started) / 1000;
    return afterSeconds > timeoutSeconds ? { kind: 'timed-out', afterSeconds } : undefined;
  };
  try {
    return await trainToRung(task, {
      ...context,
      shouldStop,
      onProgress: (progress) => shared.report(progress),
    });
  } catch (error) {
    return outcomeOfError(error);
  }
}
