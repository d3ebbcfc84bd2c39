import { describe, expect, it } from 'vitest';
import { generate } from '../../../evaluators/generation/generate.ts';
import { modelPredictor, type Predictor } from '../../../evaluators/generation/predictor.ts';
import {
  distributionOf,
  PLAIN_SAMPLING,
  randomChoices,
  type SamplingSettings,
} from '../../../evaluators/generation/sampling.ts';
import {
  createDrafter,
  type DraftSource,
  lookupDrafter,
  modelDrafter,
} from '../../../evaluators/speculation/drafter.ts';
import { speculate } from '../../../evaluators/speculation/speculate.ts';
import type { Architecture } from '../../../space/architecture.ts';
import { deriveRng } from '../../../space/random.ts';
import { MIXED, randomModel, TIED } from '../generation/models.ts';
import { enumerateOutcomes } from './enumerate.ts';

const GREEDY: SamplingSettings = { temperature: 0, topP: 1 };
const choices = (seed: number) => randomChoices(deriveRng(seed, 0, 'speculation test'));

/** Logits by the last token alone. */
function markov(rows: readonly (readonly number[])[]): Predictor {
  const logits = rows.map((row) => Float32Array.from(row, Math.log));
  return {
    vocabSize: rows.length,
    predict: async (text, count) => text.slice(-count).map((token) => logits[token]!),
    release: async () => {},
  };
}

const TARGET = [
  [0.5, 0.25, 0.25],
  [0.1, 0.6, 0.3],
  [1 / 3, 1 / 3, 1 / 3],
];
const DRAFT = [
  [0.25, 0.5, 0.25],
  [0.2, 0.05, 0.75],
  [1 / 6, 1 / 2, 1 / 3],
];

/** The joint distribution of `length` tokens after token 0 under the settings. */
function joint(sampling: SamplingSettings, length: number): Map<string, number> {
  const rows = TARGET.map((row) => distributionOf(Float32Array.from(row, Math.log), sampling));
  const found = new Map<string, number>();
  const walk = (text: number[], probability: number) => {
    if (probability === 0) return;
    if (text.length === length) found.set(text.join(), probability);
    else for (const [token, p] of rows[text.at(-1) ?? 0]!.entries()) walk([...text, token], probability * p);
  };
  walk([], 1);
  return found;
}

describe('speculate keeps the target distribution exactly', () => {
  const settings: readonly [string, SamplingSettings][] = [
    ['plain', PLAIN_SAMPLING],
    ['temperature 0.7', { temperature: 0.7, topP: 1 }],
    ['temperature 1.3, nucleus 0.7', { temperature: 1.3, topP: 0.7 }],
    ['greedy', GREEDY],
  ];
  for (const [name, sampling] of settings) {
    const drafters = {
      'a model': () => modelDrafter(markov(DRAFT), sampling),
      // Stops after some contexts and not after others.
      'a model that stops when unsure': () => modelDrafter(markov(DRAFT), sampling, 0.4),
      'look-up': () => lookupDrafter(3, { longest: 2, shortest: 1 }),
    };
    for (const [kind, drafter] of Object.entries(drafters)) {
      it(`${name}, draft from ${kind}`, async () => {
        const run = { sampling, maxTokens: 3, draftLength: 2 };
        const exact = await enumerateOutcomes(async (every) =>
          (await speculate(markov(TARGET), drafter(), [0], run, every)).tokens.join(),
        );
        const expected = joint(sampling, 3);
        expect([...exact.keys()].sort()).toEqual([...expected.keys()].sort());
        for (const [text, probability] of expected) expect(exact.get(text), text).toBeCloseTo(probability, 6);
      });
    }
  }
});

describe('speculate with real models', () => {
  const target = randomModel(MIXED, 1);
  const draft = randomModel(TIED, 2);
  const sources: readonly [string, DraftSource, number][] = [
    ['another model, with a shorter context', { kind: 'model', model: draft }, 0],
    ['another model that stops when unsure', { kind: 'model', model: draft }, 0.5],
    ['its own first layers', { kind: 'self', nLayers: 2 }, 0],
    ['look-up', { kind: 'lookup', longest: 3, shortest: 1 }, 0],
  ];
  for (const [name, source, confidence] of sources) {
    it(`gives the greedy text of the target alone, beyond one context: ${name}`, async () => {
      const predictor = modelPredictor(target);
      const drafter = createDrafter(source, target, GREEDY, confidence);
      for (const [seed, draftLength] of [
        [1, 1],
        [2, 4],
      ] as const) {
        const run = { sampling: GREEDY, maxTokens: 90, draftLength };
        const expected = await generate(predictor, [seed, 5], run, choices(0));
        const { tokens, counts } = await speculate(predictor, drafter, [seed, 5], run, choices(0));
        expect(tokens).toEqual(expected);
        expect(counts.tokens).toBe(counts.rounds + counts.accepted);
        expect(counts.tested).toBeLessThanOrEqual(counts.drafted);
      }
      await predictor.release();
      await drafter.release();
    });
  }

  it('accepts everything from a draft equal to the target', async () => {
    for (const sampling of [GREEDY, { temperature: 0.8, topP: 0.9 }]) {
      const predictor = modelPredictor(target);
      const drafter = createDrafter({ kind: 'model', model: target }, target, sampling);
      const run = { sampling, maxTokens: 40, draftLength: 3 };
      const { counts } = await speculate(predictor, drafter, [3], run, choices(4));
      expect(counts).toMatchObject({ rounds: 10, tokens: 40, drafted: 30, tested: 30, accepted: 30 });
      expect(counts).toMatchObject({ testedAt: [10, 10, 10], acceptedAt: [10, 10, 10], draftPasses: 30 });
      await predictor.release();
      await drafter.release();
    }
  });

  it('passes a chi-square test on sampled pairs of tokens', async () => {
    const small: Architecture = { ...TIED, vocabSize: 4 };
    const [p, q] = [randomModel(small, 11), randomModel(small, 12)];
    const sampling = { temperature: 0.9, topP: 0.95 };
    const predictor = modelPredictor(p);
    const first = distributionOf((await predictor.predict([1], 1))[0]!, sampling);
    const pairs = new Map<string, number>();
    for (const a of first.keys()) {
      const second = distributionOf((await predictor.predict([1, a], 1))[0]!, sampling);
      for (const [b, probability] of second.entries())
        if (first[a]! * probability > 0) pairs.set([a, b].join(), first[a]! * probability);
    }
    const drafter = createDrafter({ kind: 'model', model: q }, p, sampling);
    const every = choices(9);
    const n = 2000;
    const counts = new Map<string, number>();
    for (let i = 0; i < n; i++) {
      const run = { sampling, maxTokens: 2, draftLength: 2 };
      const text = (await speculate(predictor, drafter, [1], run, every)).tokens.join();
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
    let chiSquare = 0;
    for (const [text, probability] of pairs)
      chiSquare += ((counts.get(text) ?? 0) - n * probability) ** 2 / (n * probability);
    for (const text of counts.keys()) expect(pairs.has(text), text).toBe(true);
    // At most 15 degrees of freedom: 37.7 is exceeded with probability 0.001.
    expect(pairs.size).toBeGreaterThan(6);
    expect(chiSquare).toBeLessThan(37.7);
    await predictor.release();
    await drafter.release();
  });

  it('ends inside a draft', async () => {
    const predictor = markov([
      [0, 1, 0],
      [0, 0, 1],
      [1, 0, 0],
    ]);
    const drafter = modelDrafter(predictor, PLAIN_SAMPLING);
    const told: number[] = [];
    const onTokens = (fresh: readonly number[]) => told.push(...fresh);
    const run = { sampling: PLAIN_SAMPLING, maxTokens: 50, draftLength: 4, endToken: 2, onTokens };
    const { tokens, counts } = await speculate(predictor, drafter, [0], run, choices(1));
    expect(tokens).toEqual([1, 2]);
    expect(told).toEqual(tokens);
    expect(counts).toMatchObject({ rounds: 1, tokens: 2, tested: 2, accepted: 2, drafted: 4 });
  });

  it('tells of no token beyond those that were asked for', async () => {
    const predictor = modelPredictor(target);
    const drafter = createDrafter({ kind: 'self', nLayers: 2 }, target, GREEDY);
    const told: number[] = [];
    const onTokens = (fresh: readonly number[]) => told.push(...fresh);
    const run = { sampling: GREEDY, maxTokens: 11, draftLength: 3, onTokens };
    const { tokens } = await speculate(predictor, drafter, [3], run, choices(4));
    expect(tokens).toHaveLength(11);
    expect(told).toEqual(tokens);
    await predictor.release();
    await drafter.release();
  });

  it('refuses a draft of another vocabulary', () => {
    const other = randomModel({ ...TIED, vocabSize: 7 }, 1);
    expect(() => createDrafter({ kind: 'model', model: other }, target, GREEDY)).toThrow(
      'a draft of 7 tokens for a target of 19',
    );
  });
});

describe('lookupDrafter', () => {
  const drafter = lookupDrafter(10, { longest: 3, shortest: 2 });
  const propose = async (text: number[], most: number) =>
    (await drafter.propose(text, most, choices(1))).tokens;

  it('continues as after the most recent match of the longest run', async () => {
    expect(await propose([1, 2, 3, 9, 4, 2, 3, 8, 1, 2, 3], 2)).toEqual([9, 4]);
    expect(await propose([4, 2, 3, 8, 5, 2, 3, 7, 6, 2, 3], 3)).toEqual([7, 6, 2]);
  });

  it('repeats itself as far as the text goes, and proposes nothing without a match', async () => {
    expect(await propose([5, 5, 5], 4)).toEqual([5]);
    expect(await propose([1, 2, 3, 4], 4)).toEqual([]);
    expect(await propose([1], 4)).toEqual([]);
  });
});
