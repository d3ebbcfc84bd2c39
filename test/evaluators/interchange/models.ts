// Small models for the tests of what other programs read.
import fc from 'fast-check';
import type { LanguageModel } from '../../../evaluators/generation/language-model.ts';
import { initialWeights } from '../../../evaluators/model/parameters.ts';
import type { Architecture, Layer } from '../../../space/architecture.ts';
import { deriveRng } from '../../../space/random.ts';

export const layer = (nHeads: number, nKvHeads: number, dFf: number): Layer => ({ nHeads, nKvHeads, dFf });

export function architectureOf(changes: Partial<Architecture> = {}): Architecture {
  return {
    dModel: 24,
    headDim: 4,
    vocabSize: 50,
    contextLength: 16,
    tieEmbeddings: true,
    ropeTheta: 10_000,
    layers: [layer(4, 2, 20), layer(4, 2, 20)],
    ...changes,
  };
}

/** Layers unlike in every way, each kind of gap among them. */
export const UNLIKE = architectureOf({
  tieEmbeddings: false,
  layers: [layer(0, 0, 16), layer(4, 1, 12), layer(2, 2, 0), layer(6, 3, 20)],
});

/** Weights and gains large enough that a mistake shows in the logits. */
export function modelOf(architecture: Architecture, seed = 1): LanguageModel {
  const rng = deriveRng(seed, 0, 'interchange');
  const weights = initialWeights(architecture, rng);
  for (const values of Object.values(weights))
    for (let i = 0; i < values.length; i++) values[i] = 2 * values[i]! + 0.1 * rng.normal();
  return { architecture, weights };
}

/** Random token ids, (batch, length). */
export function tokensOf({ vocabSize }: Architecture, batch: number, length: number): Int32Array {
  const rng = deriveRng(2, 0, 'tokens');
  return Int32Array.from({ length: batch * length }, () => rng.below(vocabSize));
}

const anyLayer = fc
  .record({
    group: fc.integer({ min: 1, max: 3 }),
    nKvHeads: fc.integer({ min: 0, max: 3 }),
    dFf: fc.constantFrom(0, 8, 12),
  })
  .map(({ group, nKvHeads, dFf }) => layer(group * nKvHeads, nKvHeads, dFf));

/** Any small architecture. */
export const anyArchitecture: fc.Arbitrary<Architecture> = fc
  .record({
    dModel: fc.constantFrom(12, 18, 24, 32),
    headDim: fc.constantFrom(2, 4, 6),
    tieEmbeddings: fc.boolean(),
    ropeTheta: fc.constantFrom(10_000, 500_000),
    layers: fc.array(anyLayer, { minLength: 1, maxLength: 4 }),
  })
  .map((changes) => architectureOf(changes));
