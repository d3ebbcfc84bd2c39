// Moves that must not change what a model says: logits before and after, through the forward pass of training.
import { describe, expect, it } from 'vitest';
import type { LanguageModel } from '../../../evaluators/generation/language-model.ts';
import { inheritWeights } from '../../../evaluators/inheritance/inherit.ts';
import type { Architecture, Layer } from '../../../space/architecture.ts';
import { deriveRng } from '../../../space/random.ts';
import {
  fullLogits,
  largestDifference,
  MIXED,
  randomModel,
  randomTokens,
  TIED,
} from '../generation/models.ts';

const tokens = randomTokens(MIXED.vocabSize, 14, 3);

async function differenceTo(parent: LanguageModel, child: Architecture): Promise<number> {
  const weights = inheritWeights(parent, child, deriveRng(5, 0, 'inheritance'));
  const [before, after] = [
    await fullLogits(parent, tokens),
    await fullLogits({ architecture: child, weights }, tokens),
  ];
  return largestDifference(before, after);
}

const withLayer = (base: Architecture, at: number, changes: Partial<Layer>): Architecture => ({
  ...base,
  layers: base.layers.map((layer, i) => (i === at ? { ...layer, ...changes } : layer)),
});
const deeper = (base: Architecture, ...at: number[]): Architecture => ({
  ...base,
  layers: base.layers.flatMap((layer, i) => (at.includes(i) ? [layer, layer] : [layer])),
});

const PRESERVING: readonly (readonly [string, Architecture, Architecture])[] = [
  ['nothing changed', MIXED, MIXED],
  ['key-value heads repeated', MIXED, withLayer(MIXED, 0, { nKvHeads: 4 })],
  ['more query heads in the same groups', MIXED, withLayer(MIXED, 0, { nHeads: 8 })],
  ['more heads of both kinds', MIXED, withLayer(MIXED, 0, { nHeads: 8, nKvHeads: 8 })],
  ['as many new groups as there are heads', MIXED, withLayer(MIXED, 3, { nHeads: 6, nKvHeads: 6 })],
  ['attention where there was none', MIXED, withLayer(MIXED, 1, { nHeads: 2, nKvHeads: 1 })],
  ['a feed-forward where there was none', MIXED, withLayer(MIXED, 2, { dFf: 40 })],
  ['a wider feed-forward', MIXED, withLayer(MIXED, 0, { dFf: 48 })],
  ['a layer put in', MIXED, deeper(MIXED, 1)],
  ['layers put in everywhere', MIXED, deeper(MIXED, 0, 1, 2, 3)],
  ['heads of twice the size', MIXED, { ...MIXED, headDim: 16 }],
  ['heads of three times the size', MIXED, { ...MIXED, headDim: 24 }],
  ['a head of its own', TIED, { ...TIED, tieEmbeddings: false }],
  [
    'all of it at once',
    TIED,
    {
      ...deeper(withLayer(TIED, 0, { nHeads: 4, nKvHeads: 2, dFf: 32 }), 0),
      tieEmbeddings: false,
      headDim: 16,
    },
  ],
];

describe('moves that preserve the function', () => {
  it.each(PRESERVING)('%s', async (_, from, to) => {
    const parent = randomModel(from, 1);
    expect(await differenceTo(parent, to)).toBeLessThan(2e-4);
  });

  it.each([
    ['with a head of its own', MIXED, 40],
    ['with a tied head', TIED, 24],
  ])('a wider residual stream, %s, but for the epsilon of the norms', async (_, from, dModel) => {
    const parent = randomModel(from, 1);
    const exact = await differenceTo(parent, { ...from, dModel });
    expect(exact).toBeLessThan(2e-3);
    // Without the gains made up for, the difference is of the size of the logits.
    const weights = inheritWeights(parent, { ...from, dModel }, deriveRng(5, 0, 'inheritance'));
    const wrong = { ...weights, norm: weights.norm!.map((gain) => gain * Math.sqrt(dModel / from.dModel)) };
    const after = await fullLogits({ architecture: { ...from, dModel }, weights: wrong }, tokens);
    expect(largestDifference(await fullLogits(parent, tokens), after)).toBeGreaterThan(0.05);
  });

  it.each([
    ['key-value heads merged', withLayer(MIXED, 0, { nKvHeads: 1 })],
    ['query heads left out', withLayer(MIXED, 0, { nHeads: 2 })],
    ['a narrower feed-forward', withLayer(MIXED, 0, { dFf: 16 })],
    ['a layer left out', { ...MIXED, layers: MIXED.layers.slice(1) }],
    ['smaller heads', { ...MIXED, headDim: 4 }],
  ] as const)('are not all moves: %s changes it', async (_, to) => {
    expect(await differenceTo(randomModel(MIXED, 1), to)).toBeGreaterThan(1e-2);
  });
});
