import { describe, expect, it } from 'vitest';
import { writeTexts } from '../../../evaluators/distillation/batches.ts';
import { modelPredictor } from '../../../evaluators/generation/predictor.ts';
import { randomChoices, type SamplingSettings } from '../../../evaluators/generation/sampling.ts';
import { createDrafter, type DraftSource } from '../../../evaluators/speculation/drafter.ts';
import { measurePair } from '../../../evaluators/speculation/measure-pair.ts';
import { addCounts, NO_ROUNDS, speculate } from '../../../evaluators/speculation/speculate.ts';
import { deriveRng } from '../../../space/random.ts';
import { MIXED, randomModel, randomTokens } from '../generation/models.ts';

const target = randomModel({ ...MIXED, vocabSize: 6 }, 1);
const draft = randomModel({ ...MIXED, vocabSize: 6, dModel: 12, layers: MIXED.layers.slice(0, 1) }, 2);
const corpus = Uint16Array.from(randomTokens(6, 500, 3));
const promptTokens = 4;
const length = MIXED.contextLength + 1;

const SOURCES: readonly [string, DraftSource, number][] = [
  ['a model', { kind: 'model', model: draft }, 0],
  ['a model that stops when unsure', { kind: 'model', model: draft }, 0.2],
  ['its first layers', { kind: 'self', nLayers: 2 }, 0],
  ['look-up', { kind: 'lookup', longest: 3, shortest: 1 }, 0],
];
const SAMPLINGS: readonly [string, SamplingSettings][] = [
  ['sampled', { temperature: 0.8, topP: 0.95 }],
  ['greedy', { temperature: 0, topP: 1 }],
];

describe('measurePair', () => {
  for (const [how, sampling] of SAMPLINGS) {
    for (const [name, source, confidence] of SOURCES) {
      it(`foretells what running with ${name} gives, ${how}`, async () => {
        const writing = { nTexts: 96, length, promptTokens, sampling, batch: 32 };
        const texts = await writeTexts(target, corpus, writing, deriveRng(1, 0, 'pair texts'));
        const predictor = modelPredictor(target);
        const drafter = createDrafter(source, target, sampling, confidence);
        const choices = randomChoices(deriveRng(2, 0, 'pair runs'));
        const settings = { sampling, draftLength: 3, maxTokens: length - promptTokens };
        let counts = NO_ROUNDS;
        let withProposal = 0;
        for (const text of texts.slice(0, how === 'greedy' ? 16 : 40)) {
          const result = await speculate(
            predictor,
            drafter,
            [...text.subarray(0, promptTokens)],
            settings,
            choices,
          );
          counts = addCounts(counts, result.counts);
          withProposal += result.counts.testedAt[0] ?? 0;
        }
        const used = how === 'greedy' ? texts.slice(0, 16) : texts;
        const { lengths } = await measurePair(target, source, used, {
          sampling,
          draftLengths: [1, 3],
          promptTokens,
          confidence,
        });
        const foretold = lengths[1]!;
        expect(lengths.map(({ draftLength }) => draftLength)).toEqual([1, 3]);
        expect(Math.abs(foretold.tokensPerRound / (counts.tokens / counts.rounds) - 1)).toBeLessThan(0.07);
        expect(Math.abs(foretold.acceptedOverTested - counts.accepted / counts.tested)).toBeLessThan(0.05);
        expect(Math.abs(1 - foretold.drafted[0]! - withProposal / counts.rounds)).toBeLessThan(0.03);
        const drafted = foretold.drafted.reduce((sum, share, j) => sum + j * share, 0);
        // Behind a rejected token a draft is as sure of its own text, which no reading of the target's shows.
        const slack = confidence > 0 || source.kind === 'lookup' ? 0.1 : 1e-2;
        expect(Math.abs(drafted / (counts.drafted / counts.rounds) - 1)).toBeLessThan(slack);
        const passes = counts.draftPasses / counts.rounds;
        expect(Math.abs(foretold.draftPasses - passes)).toBeLessThanOrEqual(slack * passes);
        await predictor.release();
        await drafter.release();
      });
    }
  }

  it('refuses rounds that do not fit into what was written', async () => {
    const settings = {
      sampling: { temperature: 1, topP: 1 },
      draftLengths: [1, length - promptTokens],
      promptTokens,
    };
    const texts = [Uint16Array.from(randomTokens(6, length, 4))];
    for (const [, source] of SOURCES) {
      await expect(measurePair(target, source, texts, settings)).rejects.toThrow(
        /does not fit into \d+ tokens/,
      );
    }
  });
});
