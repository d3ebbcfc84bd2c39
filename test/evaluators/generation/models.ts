// Small random models and the full forward pass that generation is compared with.
import type * as tf from '@tensorflow/tfjs';
import { bufferOf } from '../../../evaluators/engine/program.ts';
import { onnxEngine } from '../../../evaluators/engine/session.ts';
import { cacheHooks, type LanguageModel } from '../../../evaluators/generation/language-model.ts';
import { initialWeights, parameterSpecs } from '../../../evaluators/model/parameters.ts';
import { forward } from '../../../evaluators/model/transformer.ts';
import type { Architecture } from '../../../space/architecture.ts';
import { deriveRng } from '../../../space/random.ts';

export const MIXED: Architecture = {
  dModel: 24,
  headDim: 8,
  vocabSize: 19,
  contextLength: 40,
  tieEmbeddings: false,
  ropeTheta: 10_000,
  layers: [
    { nHeads: 4, nKvHeads: 2, dFf: 32 },
    { nHeads: 0, nKvHeads: 0, dFf: 24 },
    { nHeads: 3, nKvHeads: 1, dFf: 0 },
    { nHeads: 2, nKvHeads: 2, dFf: 16 },
  ],
};

export const TIED: Architecture = {
  ...MIXED,
  dModel: 16,
  contextLength: 16,
  tieEmbeddings: true,
  layers: [{ nHeads: 2, nKvHeads: 1, dFf: 24 }],
};

/** Random weights, large enough that predictions are far from uniform, small enough that nothing is certain. */
export function randomModel(architecture: Architecture, seed: number): LanguageModel {
  const weights = initialWeights(architecture, deriveRng(seed, 0, 'test model'));
  const enlarge = (name: string, factor: number) => {
    weights[name] = weights[name]!.map((value) => factor * value);
  };
  enlarge('embedding', architecture.tieEmbeddings ? 8 : 20);
  if (!architecture.tieEmbeddings) enlarge('head', 3);
  return { architecture, weights };
}

export function randomTokens(vocabSize: number, length: number, seed: number): number[] {
  const rng = deriveRng(seed, length, 'test tokens');
  return Array.from({ length }, () => rng.below(vocabSize));
}

/** Logits (T, V) of a text of at most a context, by the forward pass of training. */
export async function fullLogits(model: LanguageModel, tokens: readonly number[]): Promise<Float32Array[]> {
  const { architecture, weights } = model;
  const shape = [1, tokens.length];
  const inputs = Object.fromEntries(
    parameterSpecs(architecture).map(({ name, shape }) => [name, { shape, dtype: 'float32' as const }]),
  );
  const program = await onnxEngine().compile({ tokens: { shape, dtype: 'int32' }, ...inputs }, (tensors) => ({
    logits: forward(architecture, tensors, tensors.tokens as tf.Tensor2D, cacheHooks(model)),
  }));
  const { vocabSize } = architecture;
  const logits = new Float32Array(tokens.length * vocabSize);
  const feeds = Object.fromEntries(
    parameterSpecs(architecture).map(({ name, shape }) => [name, bufferOf(shape, 'float32', weights[name]!)]),
  );
  await program.run(
    { tokens: bufferOf(shape, 'int32', Int32Array.from(tokens)), ...feeds },
    { logits: bufferOf([tokens.length, vocabSize], 'float32', logits) },
  );
  await program.release();
  return tokens.map((_, i) => logits.slice(i * vocabSize, (i + 1) * vocabSize));
}

/** The largest difference between two lists of rows. */
export function largestDifference(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  let largest = 0;
  for (const [i, row] of a.entries()) {
    for (const [j, value] of row.entries()) largest = Math.max(largest, Math.abs(value - b[i]![j]!));
  }
  return largest;
}
