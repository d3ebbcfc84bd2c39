// A training's state on disk: weights and both moments as float32 safetensors; as metadata the step count, the
// architecture and a name of the vocabulary, so that the file says by itself what model it holds.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture } from '../../space/architecture.ts';
import { canonicalJson, hashOf } from '../../space/candidate.ts';
import type { TokenizerJson } from '../data/tokenizer.ts';
import { parameterSpecs, type Weights } from '../model/parameters.ts';
import type { TrainingState } from '../training/program.ts';
import { FIRST, SECOND } from '../training/step.ts';
import { CheckpointError } from './checkpoint-error.ts';
import { readSafetensors, type SafetensorsFile, type StoredTensor, writeSafetensors } from './safetensors.ts';

/** Where the checkpoint of an architecture at a rung lies; one that began from a donor's weights has a name of its own. */
export function checkpointPath(
  folder: string,
  architectureHash: string,
  rung: number,
  donorHash?: string,
): string {
  const origin = donorHash === undefined ? '' : `-from-${donorHash}`;
  return join(folder, `${architectureHash}${origin}-rung${rung}.safetensors`);
}

/** Names a vocabulary: token ids mean the same in two models that carry the same name. */
export function vocabularyName(tokenizer: TokenizerJson): string {
  return hashOf(tokenizer);
}

/** Writes the file whole or not at all; its folder is made when missing. @throws CheckpointError */
export function writeCheckpoint(
  path: string,
  architecture: Architecture,
  state: TrainingState,
  tokenizer?: TokenizerJson,
): void {
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
  const metadata = new Map([
    ['step', String(state.step)],
    ['architecture', canonicalJson(architecture)],
  ]);
  if (tokenizer !== undefined) metadata.set('vocabulary', vocabularyName(tokenizer));
  mkdirSync(join(path, '..'), { recursive: true });
  writeSafetensors(path, { tensors, metadata });
}

function takeWeights({ tensors, path }: SafetensorsFile, architecture: Architecture, prefix = ''): Weights {
  return Object.fromEntries(
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
}

/**
 * The state in the file, or `undefined` where there is none.
 * @throws CheckpointError where the file is damaged or holds another architecture.
 */
export function readCheckpoint(path: string, architecture: Architecture): TrainingState | undefined {
  if (!existsSync(path)) return undefined;
  const file = readSafetensors(path);
  const step = Number(file.metadata.get('step'));
  if (!Number.isInteger(step) || step < 1)
    throw new CheckpointError(path, 'does not say how many steps it has seen');
  const take = (prefix: string) => takeWeights(file, architecture, prefix);
  return { weights: take(''), first: take(FIRST), second: take(SECOND), step };
}

/** A model as its file describes it. */
export interface StoredModel {
  readonly architecture: Architecture;
  readonly weights: Weights;
  /** See `vocabularyName`; absent where the file does not say. */
  readonly vocabulary?: string;
}

/** The model in a checkpoint. @throws CheckpointError where the file is missing, damaged or says no architecture. */
export function readModel(path: string): StoredModel {
  const file = readSafetensors(path);
  const text = file.metadata.get('architecture');
  if (text === undefined) throw new CheckpointError(path, 'does not say what architecture it holds');
  let architecture: Architecture;
  let weights: Weights;
  try {
    architecture = JSON.parse(text) as Architecture;
    weights = takeWeights(file, architecture);
  } catch (error) {
    if (error instanceof CheckpointError) throw error;
    throw new CheckpointError(path, 'describes no architecture that is known here', { cause: error });
  }
  const vocabulary = file.metadata.get('vocabulary');
  return { architecture, weights, ...(vocabulary === undefined ? {} : { vocabulary }) };
}
