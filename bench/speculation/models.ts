// A target and drafts of a quarter, a tenth and a thirtieth of its size, trained on State of the Union addresses.
// A model whose checkpoint lies in the folder is not trained again.
import { existsSync } from 'node:fs';
import { checkpointPath, readCheckpoint } from '../../evaluators/checkpoint/training-checkpoint.ts';
import { loadCorpus } from '../../evaluators/data/corpus.ts';
import { type Dataset, prepareDataset } from '../../evaluators/data/dataset.ts';
import type { LanguageModel } from '../../evaluators/generation/language-model.ts';
import { type TrainingSettings, trainToRung } from '../../evaluators/training/train.ts';
import type { Architecture } from '../../space/architecture.ts';
import { hashOf } from '../../space/candidate.ts';

const VOCAB_SIZE = 512;
const CONTEXT_LENGTH = 128;

export function sotu(): Dataset {
  const tokenizer = { kind: 'bpe', vocabSize: VOCAB_SIZE } as const;
  return prepareDataset(loadCorpus('sotu', '.'), tokenizer, 0.05, CONTEXT_LENGTH);
}

function architecture(
  dModel: number,
  headDim: number,
  nLayers: number,
  layer: { readonly nHeads: number; readonly nKvHeads: number; readonly dFf: number },
): Architecture {
  return {
    dModel,
    headDim,
    vocabSize: VOCAB_SIZE,
    contextLength: CONTEXT_LENGTH,
    tieEmbeddings: true,
    ropeTheta: 10_000,
    layers: Array.from({ length: nLayers }, () => layer),
  };
}

export const TARGET = architecture(128, 32, 6, { nHeads: 4, nKvHeads: 2, dFf: 320 });

/** Shallow: on a CPU a small model's time goes by its layers, not by its weights. */
export const DRAFTS = {
  '1/4': architecture(128, 32, 2, { nHeads: 4, nKvHeads: 1, dFf: 160 }),
  '1/10': architecture(96, 32, 1, { nHeads: 3, nKvHeads: 1, dFf: 128 }),
  '1/30': architecture(32, 16, 1, { nHeads: 2, nKvHeads: 1, dFf: 176 }),
} as const;

export type DraftName = keyof typeof DRAFTS;
export const DRAFT_NAMES = Object.keys(DRAFTS) as DraftName[];

export const TRAINING: TrainingSettings = {
  rungs: [1500],
  batch: 8,
  learningRate: 0.003,
  warmupSteps: 100,
  weightDecay: 0.1,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  gradientClip: 1,
  evaluationTokens: 32_768,
};

const nameOf = (shape: Architecture, settings: TrainingSettings) => hashOf({ shape, settings });

/** Where the trained model of an architecture lies. */
export function modelPath(folder: string, shape: Architecture, settings = TRAINING): string {
  return checkpointPath(folder, nameOf(shape, settings), 0);
}

/** The trained model of an architecture, from `folder` where it was trained before. */
export async function trainedModel(
  folder: string,
  shape: Architecture,
  data: Dataset,
  settings: TrainingSettings = TRAINING,
): Promise<LanguageModel> {
  const architectureHash = nameOf(shape, settings);
  const path = modelPath(folder, shape, settings);
  if (!existsSync(path)) {
    const outcome = await trainToRung(
      { architecture: shape, architectureHash, rung: 0 },
      {
        seed: 1,
        settings,
        data,
        checkpointFolder: folder,
        onProgress({ step, totalSteps, loss }) {
          if (step % 200 === 0) console.error(`  step ${step}/${totalSteps}, loss ${loss.toFixed(3)}`);
        },
        shouldStop: () => undefined,
      },
    );
    if (outcome.kind !== 'ok') throw new Error(JSON.stringify(outcome));
    console.error(`  ${outcome.bitsPerByte.toFixed(3)} bits a byte in ${outcome.trainSeconds.toFixed(0)} s`);
  }
  return { architecture: shape, weights: readCheckpoint(path, shape)!.weights };
}
