import type { Dataset } from '../../../evaluators/data/dataset.ts';
import type { TrainingSettings } from '../../../evaluators/training/train.ts';
import { deriveRng } from '../../../space/random.ts';

/** Bytes below 16 with a pattern that a model can learn. */
function patternedTokens(length: number, number: number): Uint16Array<SharedArrayBuffer> {
  const tokens = new Uint16Array(new SharedArrayBuffer(2 * length));
  const rng = deriveRng(11, number, 'text');
  for (let i = 0; i < length; i++)
    tokens[i] = rng.chance(1, 4) ? rng.below(16) : (tokens[Math.max(0, i - 2)]! + 5) % 16;
  return tokens;
}

export function tinyDataset(): Dataset {
  const bytesPerToken = new Int32Array(new SharedArrayBuffer(4 * 16)).fill(1);
  return {
    train: patternedTokens(4000, 0),
    validation: patternedTokens(600, 1),
    trainBytes: 4000,
    validationBytes: 600,
    vocabSize: 16,
    bytesPerToken,
    tokenizer: { kind: 'bytes', vocabSize: 256 },
    corpusSha256: '',
    unigramBitsPerByte: 4,
  };
}

export const SETTINGS: TrainingSettings = {
  rungs: [12, 30],
  batch: 4,
  learningRate: 0.01,
  warmupSteps: 3,
  weightDecay: 0.1,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  gradientClip: 1,
  evaluationTokens: 256,
};
