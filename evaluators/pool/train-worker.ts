// A Piscina worker: one task at a time on one thread, answered with a tagged outcome.
import { workerData } from 'piscina';
import { type MeasurementContext, measureAtRung, profileAtRung } from '../compression/measure-at-rung.ts';
import { loadTeacher } from '../distillation/teacher.ts';
import { guardRuntimeCalls } from '../engine/runtime-call.ts';
import type {
  MeasurementOutcome,
  PairOutcome,
  ProfileOutcome,
  TaskFailure,
  TrainingOutcome,
} from '../outcome.ts';
import { createPairMeter } from '../speculation/pair-at-rung.ts';
import { type Teacher, type TrainingContext, trainToRung } from '../training/train.ts';
import { TaskCancelled, TaskSignals, type WorkerSetup, type WorkerTask } from './messages.ts';
import { outcomeOfError } from './outcome-of-error.ts';

const setup = workerData as WorkerSetup;
/** Kept from task to task; a failure to load it is not. */
let teacher: Teacher | undefined;
const pairs = createPairMeter();

async function teacherOf(context: TrainingContext): Promise<Teacher | TaskFailure> {
  if (teacher !== undefined) return teacher;
  const loaded = await loadTeacher(context.settings.teacher!, context);
  if (loaded.kind === 'teacher') teacher = loaded;
  return loaded;
}

export default async function work({
  signals,
  ...job
}: WorkerTask): Promise<TrainingOutcome | MeasurementOutcome | ProfileOutcome | PairOutcome> {
  const { timeoutSeconds, ...shared } = setup;
  const line = new TaskSignals(signals);
  line.begin();
  const started = performance.now();
  const shouldStop = (): TaskFailure | undefined => {
    if (line.isCancelled) return { kind: 'cancelled' };
    const afterSeconds = (performance.now() - started) / 1000;
    return afterSeconds > timeoutSeconds ? { kind: 'timed-out', afterSeconds } : undefined;
  };
  guardRuntimeCalls(line);
  const onProgress = line.report.bind(line);
  const context: MeasurementContext = {
    ...shared,
    shouldStop,
    onProgress,
    teacher: () => teacherOf(context),
  };
  try {
    switch (job.kind) {
      case 'train':
        return await trainToRung(job.task, context);
      case 'measure':
        return await measureAtRung(job.task, context);
      case 'profile':
        return await profileAtRung(job.task, context);
      case 'pair':
        return await pairs.pair(job.task, context);
    }
  } catch (error) {
    return error instanceof TaskCancelled ? { kind: 'cancelled' } : outcomeOfError(error);
  }
}
