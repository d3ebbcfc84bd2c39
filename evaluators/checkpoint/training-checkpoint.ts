// A training's state on disk: weights and both moments as float32 safetensors, the step count as metadata.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture } from '../../space/architecture.ts';
import { parameterSpecs } from '../model/parameters.ts';
import type { TrainingState } from '../training/program.ts';
import { FIRST, SECOND } from '../training/step.ts';
import { CheckpointError } from './checkpoint-error.ts';
import { readSafetensors, type StoredTensor, writeSafetensors } from './safetensors.ts';

/** Where the checkpoint of an architecture at a rung lies. */
export function checkpointPath(folder: string, architectureHash: string, rung: number): string {
  return join(folder, `${architectureHash}-rung${rung}.safetensors`);
}

/** Writes the file whole or not at all; its folder is made when missing. @throws CheckpointError */
export function writeCheckpoint(path: string, architecture: Architecture, state: TrainingState): void {
  const tensors = new Map<string, StoredTensor>();
  const parts = [
    ['', state.weights],
    [FIRST, state.first],
    [SECOND, state.second],
  ] as const;
  for (const { name, shape } of parameterSpecs(architecture)) {
    for (const [prefix, values] of parts)
      tensors.set(prefix + name, { dtype: 'F32', shape, data: values[name]! });
  }
  mkdirSync(join(path, '..'), { recursive: true });
  writeSafetensors(path, { tensors, metadata: new Map([['step', String(state.step)]]) });
}

/**
 * The state in the file, or `undefined` where there is none.
 * @throws CheckpointError where the file is damaged or holds another architecture.
 */
export function readCheckpoint(path: string, architecture: Architecture): TrainingState | undefined {
  if (!existsSync(path)) return undefined;
  const { tensors, metadata } = readSafetensors(path);
  const take = (prefix: string) =>
    Object.fromEntries(
      parameterSpecs(architecture).map(({ name, shape }) => {
        const tensor = tensors.get(prefix + name);
        if (tensor?.dtype !== 'F32' || tensor.shape.join() !== shape.join()) {
          throw new CheckpointError(
            path,
            `has no float32 tensor ${prefix + name} of shape [${shape.join(', ')}]`,
          );
        }
        const { buffer, byteOffset, byteLength } = tensor.data;
        return [name, new Float32Array(buffer as ArrayBuffer, byteOffset, byteLength / 4)];
      }),
    );
  const step = Number(metadata.get('step'));
  if (!Number.isInteger(step) || step < 1)
    throw new CheckpointError(path, 'does not say how many steps it has seen');
  return { weights: take(''), first: take(FIRST), second: take(SECOND), step };
}
