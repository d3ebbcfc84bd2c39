// A Piscina worker: one task at a time on one thread, answered with a tagged outcome.
import { workerData } from 'piscina';
import { measureAtRung, profileAtRung } from '../compression/measure-at-rung.ts';
import type { MeasurementOutcome, ProfileOutcome, TaskFailure, TrainingOutcome } from '../outcome.ts';
import { trainToRung } from '../training/train.ts';
import { TaskSignals, type WorkerSetup, type WorkerTask } from './messages.ts';
import { outcomeOfError } from './outcome-of-error.ts';

const setup = workerData as WorkerSetup;

export default async function work({
  signals,
  ...job
}: WorkerTask): Promise<TrainingOutcome | MeasurementOutcome | ProfileOutcome> {
  const { timeoutSeconds, ...shared } = setup;
  const line = new TaskSignals(signals);
  const started = performance.now();
  const shouldStop = (): TaskFailure | undefined => {
    if (line.isCancelled) return { kind: 'cancelled' };
    const afterSeconds = (performance.now() - started) / 1000;
    return afterSeconds > timeoutSeconds ? { kind: 'timed-out', afterSeconds } : undefined;
  };
  const context = { ...shared, shouldStop, onProgress: line.report.bind(line) };
  try {
    switch (job.kind) {
      case 'train':
        return await trainToRung(job.task, context);
      case 'measure':
        return await measureAtRung(job.task, context);
      case 'profile':
        return await profileAtRung(job.task, context);
    }
  } catch (error) {
    return outcomeOfError(error);
  }
}
