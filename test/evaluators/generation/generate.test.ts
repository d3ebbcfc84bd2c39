import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generate } from '../../../evaluators/generation/generate.ts';
import { firstLayers } from '../../../evaluators/generation/language-model.ts';
import { contextStart, modelPredictor } from '../../../evaluators/generation/predictor.ts';
import { argMax, PLAIN_SAMPLING, randomChoices } from '../../../evaluators/generation/sampling.ts';
import { deriveRng } from '../../../space/random.ts';
import { fullLogits, largestDifference, MIXED, randomModel, randomTokens, TIED } from './models.ts';

const GREEDY = { temperature: 0, topP: 1 };
const choices = (seed: number) => randomChoices(deriveRng(seed, 0, 'generation test'));

describe('modelPredictor', () => {
  it('predicts every beginning of a text as the full pass over its context does', async () => {
    const model = randomModel(TIED, 1);
    const text = randomTokens(TIED.vocabSize, 45, 1);
    const predictor = modelPredictor(model);
    // Any order and any look-back: the cache keeps what two texts share, and the context slides.
    for (const [length, count] of [
      [5, 5],
      [20, 3],
      [21, 1],
      [27, 9],
      [24, 2],
      [45, 20],
      [6, 1],
      [45, 1],
    ] as const) {
      const rows = (await predictor.predict(text.slice(0, length), count)).map((row) => row.slice());
      for (const [i, row] of rows.entries()) {
        const end = length - count + 1 + i;
        const context = text.slice(contextStart(end, TIED.contextLength), end);
        const expected = (await fullLogits(model, context)).at(-1)!;
        expect(largestDifference([row], [expected]), `${length} ${count} ${i}`).toBeLessThan(1e-4);
      }
    }
    await predictor.release();
  });

  it('sees at most a context and at least half of one', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 2, max: 64 }),
        (length, contextLength) => {
          const seen = length - contextStart(length, contextLength);
          expect(seen).toBeLessThanOrEqual(contextLength);
          expect(seen).toBeGreaterThanOrEqual(Math.min(length, contextLength >> 1));
        },
      ),
    );
  });
});

describe('generate', () => {
  it('is greedy at temperature 0', async () => {
    const model = randomModel(MIXED, 2);
    const predictor = modelPredictor(model);
    const prompt = randomTokens(MIXED.vocabSize, 4, 2);
    const settings = { sampling: GREEDY, maxTokens: 12 };
    const tokens = await generate(predictor, prompt, settings, choices(1));
    const text = [...prompt];
    for (const token of tokens) {
      expect(token).toBe(argMax((await fullLogits(model, text)).at(-1)!));
      text.push(token);
    }
    expect(tokens).toHaveLength(12);
    await predictor.release();
  });

  it('gives the same text for the same seed and another for another', async () => {
    const predictor = modelPredictor(randomModel(MIXED, 3));
    const settings = { sampling: { temperature: 0.9, topP: 0.95 }, maxTokens: 60 };
    const first = await generate(predictor, [1, 2, 3], settings, choices(1));
    expect(await generate(predictor, [1, 2, 3], settings, choices(1))).toEqual(first);
    expect(await generate(predictor, [1, 2, 3], settings, choices(2))).not.toEqual(first);
    await predictor.release();
  });

  it('ends after the end token, and tells of every token as it comes', async () => {
    const predictor = modelPredictor(randomModel(MIXED, 4));
    const told: number[] = [];
    const onTokens = (fresh: readonly number[]) => told.push(...fresh);
    const settings = { sampling: PLAIN_SAMPLING, maxTokens: 400, endToken: 7, onTokens };
    const tokens = await generate(predictor, [1], settings, choices(3));
    expect(tokens.indexOf(7)).toBe(tokens.length - 1);
    expect(told).toEqual(tokens);
    await predictor.release();
  });

  it('needs a prompt', async () => {
    const predictor = modelPredictor(randomModel(TIED, 1));
    await expect(generate(predictor, [], { sampling: GREEDY, maxTokens: 1 }, choices(1))).rejects.toThrow(
      'at least one token',
    );
  });
});

describe('firstLayers', () => {
  it('is the model whose later layers add nothing', async () => {
    const model = randomModel(MIXED, 9);
    const silenced = { ...model.weights };
    for (const name of ['layers.2.attention.o', 'layers.3.attention.o', 'layers.3.feedForward.down'])
      silenced[name] = new Float32Array(silenced[name]!.length);
    const text = randomTokens(MIXED.vocabSize, 10, 6);
    const expected = await fullLogits({ ...model, weights: silenced }, text);
    expect(largestDifference(await fullLogits(firstLayers(model, 2), text), expected)).toBeLessThan(1e-5);
    expect(() => firstLayers(model, 4)).toThrow('a self-draft of 4 layers out of 4');
  });
});
