// The weights that a training came to, wherever they are wanted.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkpointPath } from '../checkpoint/training-checkpoint.ts';
import type { Weights } from '../model/parameters.ts';
import type { TaskFailure } from '../outcome.ts';
import type { TrainingTask } from '../port.ts';
import { readOrSkip, settingsOf, type TrainingContext, trainToRung } from './train.ts';

export type Trained = { readonly kind: 'trained'; readonly weights: Weights } | TaskFailure;

/** The weights of the task's rung, trained again where its checkpoint is not there: training is seeded, so they are the same. */
export async function trainedWeights(task: TrainingTask, context: TrainingContext): Promise<Trained> {
  const { architecture, architectureHash, rung } = task;
  const stored = (folder: string) => {
    const state = readOrSkip(checkpointPath(folder, architectureHash, rung), architecture);
    return state?.step === settingsOf(task, context).rungs[rung] ? state : undefined;
  };
  const { checkpointFolder } = context;
  const found = checkpointFolder === undefined ? undefined : stored(checkpointFolder);
  if (found !== undefined) return { kind: 'trained', weights: found.weights };
  const folder = checkpointFolder ?? mkdtempSync(join(tmpdir(), 'paretoformer-rung-'));
  try {
    const outcome = await trainToRung(task, { ...context, checkpointFolder: folder });
    if (outcome.kind !== 'ok') return outcome;
    return { kind: 'trained', weights: stored(folder)!.weights };
  } finally {
    if (checkpointFolder === undefined) rmSync(folder, { recursive: true, force: true });
  }
}
