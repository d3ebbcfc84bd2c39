// The trainer of a run: worker threads, with the trained weights beside the database.
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { createTrainerPool, type Evaluator } from '../../evaluators/index.ts';
import type { RunSpec, TeacherSpec } from '../../space/spec.ts';
import { engineOf } from './engine.ts';
import type { ServingPlan } from './plan.ts';

/** Where the weights of a run lie. */
export function checkpointFolderOf(databasePath: string, runId: string): string {
  return join(`${databasePath}.checkpoints`, runId);
}

/** Threads of a run: what was asked for, else what the spec says, else so many that their engines fill the cores. */
export function threadsOf(spec: RunSpec, asked?: number): number {
  const filling = Math.floor(availableParallelism() / engineOf(spec).threads);
  return asked ?? spec.workers.maxThreads ?? Math.max(1, filling);
}

/** What decides every training and measurement of a run. */
export function taskSettings({ spec, dataset, specFolder }: ServingPlan, checkpointFolder?: string) {
  const { timeoutSeconds: _, teacher, ...training } = spec.training;
  return {
    seed: spec.seed,
    settings: { ...training, ...(teacher === undefined ? {} : { teacher: withPath(teacher, specFolder) }) },
    data: dataset,
    compression: spec.compression,
    engine: engineOf(spec),
    ...(checkpointFolder === undefined ? {} : { checkpointFolder }),
  };
}

/** Workers know no folder that a path could be relative to. */
function withPath(teacher: TeacherSpec, specFolder: string): TeacherSpec {
  const { source } = teacher;
  if (source.kind !== 'checkpoint') return teacher;
  return { ...teacher, source: { ...source, path: resolve(specFolder, source.path) } };
}

/** The pool that trains and measures the candidates of a run. */
export function createTrainer(
  plan: ServingPlan,
  maxThreads: number,
  checkpointFolder?: string,
): Required<Evaluator> {
  const { timeoutSeconds } = plan.spec.training;
  return createTrainerPool({ maxThreads, timeoutSeconds, ...taskSettings(plan, checkpointFolder) });
}
