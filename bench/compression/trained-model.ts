// The model that the tables of docs/compression.md are measured on: trained once, kept as a checkpoint.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkpointPath, readCheckpoint } from '../../evaluators/checkpoint/training-checkpoint.ts';
import { loadCorpus } from '../../evaluators/data/corpus.ts';
import { type Dataset, prepareDataset } from '../../evaluators/data/dataset.ts';
import type { Weights } from '../../evaluators/model/parameters.ts';
import { type TrainingSettings, trainToRung } from '../../evaluators/training/train.ts';
import { type Architecture, countParameters } from '../../space/architecture.ts';
import { hashOf } from '../../space/candidate.ts';

export const ARCHITECTURE: Architecture = {
  dModel: 128,
  headDim: 32,
  vocabSize: 256,
  contextLength: 128,
  tieEmbeddings: false,
  ropeTheta: 10_000,
  layers: Array.from({ length: 5 }, () => ({ nHeads: 4, nKvHeads: 2, dFf: 448 })),
};

export const SETTINGS: TrainingSettings = {
  rungs: [3_000],
  batch: 16,
  learningRate: 0.002,
  warmupSteps: 100,
  weightDecay: 0.1,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  gradientClip: 1,
  evaluationTokens: 65_536,
};

export const SEED = 1;

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), 'model.checkpoints');

export function benchDataset(): Dataset {
  const corpus = loadCorpus('sotu', process.cwd());
  return prepareDataset(corpus, { kind: 'bytes' }, 0.05, ARCHITECTURE.contextLength);
}

/** The trained weights, from the checkpoint where there is one. */
export async function trainedWeights(data: Dataset): Promise<Weights> {
  const architectureHash = hashOf(ARCHITECTURE);
  const path = checkpointPath(FOLDER, architectureHash, 0);
  if (!existsSync(path)) {
    console.log(`training ${countParameters(ARCHITECTURE)} parameters for ${SETTINGS.rungs.at(-1)} steps`);
    const outcome = await trainToRung(
      { architecture: ARCHITECTURE, architectureHash, rung: 0 },
      {
        seed: SEED,
        settings: SETTINGS,
        data,
        checkpointFolder: FOLDER,
        onProgress: ({ step, loss }) => {
          if (step % 100 === 0) console.log(`step ${step}: ${loss.toFixed(4)} nats a token`);
        },
        shouldStop: () => undefined,
      },
    );
    console.log(JSON.stringify(outcome));
  }
  const state = readCheckpoint(path, ARCHITECTURE);
  if (state === undefined) throw new Error(`no trained weights at ${path}`);
  return state.weights;
}
