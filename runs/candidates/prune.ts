// Checkpoints that nothing needs any more: a finished run keeps those of its front, and of the models that draft for it.
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { checkpointPath } from '../../evaluators/checkpoint/training-checkpoint.ts';
import { alignedPath } from '../../evaluators/speculation/pair-at-rung.ts';
import { servingTask } from '../loop/measurements.ts';
import { servedDraft } from '../plan/speculation.ts';
import { checkpointFolderOf } from '../plan/train.ts';
import { RunError } from '../run-error.ts';
import type { RunReader } from '../store/queries.ts';
import { suggestion } from '../store/store-error.ts';

export interface CheckpointFile {
  readonly path: string;
  readonly bytes: number;
}

export interface PrunePlan {
  readonly folder: string;
  readonly kept: readonly CheckpointFile[];
  readonly spare: readonly CheckpointFile[];
}

/** Names that this program gives to checkpoints; whatever else lies in the folder is somebody else's. */
const CHECKPOINT = /^(?:[0-9a-f]{12}(?:-from-[0-9a-f]{12})?-rung\d+|aligned-[0-9a-f]{12})\.safetensors$/;

/**
 * The checkpoints of a run, those of its front apart from the others.
 * @throws {@link RunError} for a run that could go on: `resume` needs them all
 */
export function planPrune(reader: RunReader, runId: string): PrunePlan {
  const { state, spec } = reader.run(runId);
  if (state !== 'finished') {
    const first = state === 'running' ? '' : `; '${suggestion(`resume ${runId}`, reader.path)}' finishes it`;
    throw new RunError(`run ${runId} is ${state}: it still needs its weights${first}`);
  }
  const folder = checkpointFolderOf(reader.path, runId);
  const front = reader.front(runId);
  const alignmentSteps = spec.draft?.alignmentSteps ?? 0;
  const needed = new Set(
    (front?.members ?? []).flatMap(({ candidate, evaluation: { rung, speculation, donorHash } }) => {
      const target = servingTask(candidate, candidate.architectureHash, rung);
      const own = checkpointPath(folder, target.architectureHash, rung, donorHash);
      const draft =
        candidate.deployment.draft && servedDraft(candidate.deployment.draft, rung, target.deployment);
      if (draft?.kind !== 'model') return [basename(own)];
      const paths = [own, checkpointPath(folder, draft.model.architectureHash, rung)];
      if (speculation?.source === 'aligned')
        paths.push(alignedPath(folder, { target, draft, alignmentSteps }));
      return paths.map((path) => basename(path));
    }),
  );
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => CHECKPOINT.test(name)) : [];
  const files = (wanted: boolean) =>
    names
      .filter((name) => needed.has(name) === wanted)
      .map((name) => ({ path: join(folder, name), bytes: statSync(join(folder, name)).size }));
  return { folder, kept: files(true), spare: files(false) };
}

/** Removes what a plan found spare. */
export function prune({ spare }: PrunePlan): void {
  for (const { path } of spare) rmSync(path, { force: true });
}

/** Bytes of several files. */
export function totalBytes(files: readonly CheckpointFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}
