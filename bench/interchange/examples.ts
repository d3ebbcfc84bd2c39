// Small models with random weights, one of every form that an export may take.
import { join } from 'node:path';
import { trainBytePairs } from '../../evaluators/data/bpe-train.ts';
import { bytePairTokenizer, byteTokenizer, type Tokenizer } from '../../evaluators/data/tokenizer.ts';
import { initialWeights, type Weights } from '../../evaluators/model/parameters.ts';
import { writeModel, writeTokenizer } from '../../runs/export/model-folder.ts';
import { writeOnnx } from '../../runs/export/onnx-folder.ts';
import type { Architecture, Layer } from '../../space/architecture.ts';
import { deriveRng } from '../../space/random.ts';

const layer = (nHeads: number, nKvHeads: number, dFf: number): Layer => ({ nHeads, nKvHeads, dFf });

function example(changes: Partial<Architecture>): Architecture {
  return {
    dModel: 48,
    headDim: 12,
    vocabSize: 256,
    contextLength: 64,
    tieEmbeddings: true,
    ropeTheta: 10_000,
    layers: [layer(4, 2, 96), layer(4, 2, 96)],
    ...changes,
  };
}

export const EXAMPLES: Readonly<Record<string, Architecture>> = {
  plain: example({}),
  'plain, head apart, another rope': example({ tieEmbeddings: false, ropeTheta: 500_000 }),
  'plain, wide heads': example({ headDim: 32 }),
  'plain, byte pairs': example({ vocabSize: 320 }),
  'heads do not divide the width': example({ layers: [layer(5, 1, 64), layer(5, 1, 64)] }),
  'kv heads by layer': example({ layers: [layer(4, 4, 96), layer(4, 1, 96), layer(4, 2, 96)] }),
  'everything by layer': example({
    tieEmbeddings: false,
    vocabSize: 320,
    layers: [layer(0, 0, 64), layer(4, 1, 40), layer(2, 2, 0), layer(6, 3, 96)],
  }),
  'no attention': example({ layers: [layer(0, 0, 64), layer(0, 0, 32)] }),
};

/** Larger than in training, so that differences would show. */
function weightsOf(architecture: Architecture): Weights {
  const rng = deriveRng(1, 0, 'weights');
  const weights = initialWeights(architecture, rng);
  for (const values of Object.values(weights))
    for (let i = 0; i < values.length; i++) values[i] = 2 * values[i]! + 0.1 * rng.normal();
  return weights;
}

function tokenizerOf(vocabSize: number): Tokenizer {
  if (vocabSize === 256) return byteTokenizer();
  const text = Buffer.from(
    "the cat and the dog don't think that they're 123 things, naïve as they are\n\n".repeat(9),
  );
  return bytePairTokenizer(
    trainBytePairs([text, Buffer.from('other words of another thing'.repeat(9))], vocabSize),
  );
}

/** Writes the files of one example. */
export async function writeExample(folder: string, name: string): Promise<void> {
  const architecture = EXAMPLES[name]!;
  const model = { architecture, weights: weightsOf(architecture) };
  const tokenizer = tokenizerOf(architecture.vocabSize);
  const text = tokenizer.encode(Buffer.from('the dog and the other cat think of things '.repeat(4)));
  writeModel(folder, model, 'float32');
  writeTokenizer(folder, tokenizer.toJSON(), architecture.contextLength, text);
  const length = Math.min(architecture.contextLength, text.length);
  await writeOnnx(join(folder, 'onnx'), model, {
    tokens: Int32Array.from(text.subarray(0, length)),
    batch: 1,
  });
}
