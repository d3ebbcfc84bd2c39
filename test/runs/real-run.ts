// A run with real training, in this process, in its own database.
import { dirname } from 'node:path';
import { startRun } from '../../runs/loop/execute.ts';
import { planRun, readSpec } from '../../runs/plan/plan.ts';
import { checkpointFolderOf, createTrainer } from '../../runs/plan/train.ts';
import type { RunSpec } from '../../space/spec.ts';
import { newDatabase, storedResult } from './harness.ts';

/** What a run of the file, with its spec changed, stores. */
export async function trainedRun(
  file: string,
  maxThreads: number,
  change: (spec: RunSpec) => RunSpec = (spec) => spec,
): Promise<ReturnType<typeof storedResult>> {
  const folder = dirname(file);
  const plan = planRun(change(readSpec(file, folder)), folder);
  const databasePath = newDatabase();
  const outcome = await startRun(plan, {
    databasePath,
    maxThreads,
    createEvaluator: (runId) => createTrainer(plan, maxThreads, checkpointFolderOf(databasePath, runId)),
    emit: () => {},
    signal: new AbortController().signal,
  });
  if (outcome.kind !== 'finished') throw new Error(outcome.kind);
  return storedResult(databasePath);
}
