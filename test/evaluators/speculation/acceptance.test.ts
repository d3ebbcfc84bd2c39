import { describe, expect, it } from 'vitest';
import { modelPredictor } from '../../../evaluators/generation/predictor.ts';
import { distributionOf, PLAIN_SAMPLING, randomChoices } from '../../../evaluators/generation/sampling.ts';
import {
  forecastRounds,
  meanAcceptance,
  measureAcceptance,
} from '../../../evaluators/speculation/acceptance.ts';
import { createDrafter } from '../../../evaluators/speculation/drafter.ts';
import { judge, keepProbability, overlap } from '../../../evaluators/speculation/rule.ts';
import { addCounts, NO_ROUNDS, speculate } from '../../../evaluators/speculation/speculate.ts';
import { deriveRng } from '../../../space/random.ts';
import { fullLogits, MIXED, randomModel, randomTokens, TIED } from '../generation/models.ts';

const target = randomModel(MIXED, 1);
const draft = randomModel({ ...MIXED, layers: MIXED.layers.slice(0, 1), dModel: 12 }, 2);
const texts = [0, 1, 2, 3, 4].map((seed) => Uint16Array.from(randomTokens(MIXED.vocabSize, 13, seed)));

describe('measureAcceptance', () => {
  it('is the overlap of both distributions at every position', async () => {
    for (const sampling of [PLAIN_SAMPLING, { temperature: 0.7, topP: 0.9 }, { temperature: 0, topP: 1 }]) {
      const trace = await measureAcceptance(target, draft, texts, sampling);
      expect([trace.length, trace.overlaps.length]).toEqual([12, 60]);
      for (const [row, text] of texts.entries()) {
        const before = [...text.subarray(0, 12)];
        const [p, q] = [await fullLogits(target, before), await fullLogits(draft, before)];
        for (let i = 0; i < 12; i++) {
          const [pi, qi] = [distributionOf(p[i]!, sampling), distributionOf(q[i]!, sampling)];
          expect(trace.overlaps[row * 12 + i]).toBeCloseTo(overlap(pi, qi), 4);
          const next = text[i + 1]!;
          if (pi[next]! > 0)
            expect(trace.kept[row * 12 + i]).toBeCloseTo(Math.min(1, qi[next]! / pi[next]!), 4);
        }
      }
    }
  });

  it('is 1 for a model and itself', async () => {
    const trace = await measureAcceptance(target, target, texts, PLAIN_SAMPLING);
    expect(meanAcceptance(trace).acceptance).toBeCloseTo(1, 6);
    expect(forecastRounds(trace, trace.kept, 3).tokensPerRound).toBeCloseTo(4, 5);
  });

  it('refuses texts longer than a context and other vocabularies', async () => {
    const short = randomModel({ ...TIED, contextLength: 8 }, 1);
    await expect(measureAcceptance(target, short, texts, PLAIN_SAMPLING)).rejects.toThrow(
      'texts of 12 tokens in a context of 8',
    );
    const other = randomModel({ ...TIED, vocabSize: 5 }, 1);
    await expect(measureAcceptance(target, other, texts, PLAIN_SAMPLING)).rejects.toThrow(
      'a draft of 5 tokens',
    );
  });
});

/** A trace of one length; nothing stops early. */
const sized = (length: number) => ({ length, confidences: new Float64Array(0) });

describe('forecastRounds', () => {
  it('is the closed form where acceptance is the same everywhere', () => {
    for (const [a, k] of [
      [0.6, 3],
      [0.9, 5],
      [0, 2],
    ] as const) {
      const forecast = forecastRounds(sized(400), new Float64Array(800).fill(a), k);
      expect(forecast.tokensPerRound).toBeCloseTo((1 - a ** (k + 1)) / (1 - a), 2);
      expect(forecast.acceptedOverTested).toBeCloseTo(a, 2);
    }
  });

  it('follows rounds exactly on a short text', () => {
    // From 0: 1 token with 1/2, 2 with 1/2 * 3/4, 3 with 1/2 * 1/4. Later rounds leave the text.
    const { tokensPerRound, acceptedOverTested } = forecastRounds(sized(3), Float64Array.of(0.5, 0.25, 1), 2);
    expect(tokensPerRound).toBeCloseTo(1 + 0.5 + 0.125, 12);
    expect(acceptedOverTested).toBeCloseTo(0.625 / 1.5, 12);
  });

  it('is exact for text that speculation wrote', () => {
    // An order-1 pair whose acceptance depends strongly on the context.
    const p = [
      Float64Array.of(0.7, 0.2, 0.1),
      Float64Array.of(0.1, 0.1, 0.8),
      Float64Array.of(0.3, 0.4, 0.3),
    ];
    const q = [
      Float64Array.of(0.6, 0.3, 0.1),
      Float64Array.of(0.6, 0.2, 0.2),
      Float64Array.of(0.3, 0.3, 0.4),
    ];
    const choices = randomChoices(deriveRng(8, 0, 'markov forecast'));
    for (const draftLength of [1, 4, 7]) {
      const text = [0];
      let rounds = 0;
      for (; text.length < 100_000; rounds++) {
        const tokens: number[] = [];
        for (let i = 0; i < draftLength; i++) tokens.push(choices.draw(q[tokens.at(-1) ?? text.at(-1)!]!));
        const before = [text.at(-1)!, ...tokens];
        const distributions = tokens.map((_, i) => q[before[i]!]!);
        text.push(...judge({ tokens, distributions }, (i) => p[before[i]!]!, choices).tokens);
      }
      const kept = Float64Array.from(text.slice(1), (token, i) =>
        keepProbability(q[text[i]!]!, p[text[i]!]!, token),
      );
      const { tokensPerRound } = forecastRounds(sized(kept.length), kept, draftLength);
      expect(tokensPerRound / ((text.length - 1) / rounds)).toBeCloseTo(1, 2);
    }
  });

  it('foretells what really running gives, from text that the target wrote', async () => {
    const sampling = { temperature: 0.9, topP: 1 };
    const draftLength = 2;
    const predictor = modelPredictor(target);
    const drafter = createDrafter({ kind: 'model', model: draft }, target, sampling);
    const choices = randomChoices(deriveRng(5, 0, 'acceptance test'));
    const settings = { sampling, maxTokens: MIXED.contextLength - 1, draftLength };
    let counts = NO_ROUNDS;
    const written: Uint16Array[] = [];
    for (let i = 0; i < 60; i++) {
      const result = await speculate(predictor, drafter, [i % MIXED.vocabSize], settings, choices);
      counts = addCounts(counts, result.counts);
      written.push(Uint16Array.from([i % MIXED.vocabSize, ...result.tokens]));
    }
    const trace = await measureAcceptance(target, draft, written, sampling);
    const forecast = forecastRounds(trace, trace.kept, draftLength);
    expect(forecast.tokensPerRound / (counts.tokens / counts.rounds)).toBeCloseTo(1, 1);
    expect(Math.abs(forecast.acceptedOverTested - counts.accepted / counts.tested)).toBeLessThan(0.03);
    await predictor.release();
    await drafter.release();
  });
});
