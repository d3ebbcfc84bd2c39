// Running and timing pairs on this machine.
import { generate } from '../../evaluators/generation/generate.ts';
import type { LanguageModel } from '../../evaluators/generation/language-model.ts';
import { modelPredictor, type Predictor } from '../../evaluators/generation/predictor.ts';
import {
  distributionOf,
  randomChoices,
  type SamplingSettings,
} from '../../evaluators/generation/sampling.ts';
import { createDrafter, type DraftSource } from '../../evaluators/speculation/drafter.ts';
import { addCounts, NO_ROUNDS, type RoundCounts, speculate } from '../../evaluators/speculation/speculate.ts';
import { deriveRng } from '../../space/random.ts';

export interface RunSettings {
  readonly sampling: SamplingSettings;
  readonly draftLength: number;
  readonly confidence?: number;
  readonly maxTokens: number;
}

/** Really runs a pair on every prompt and adds up what happened. */
export async function runPair(
  target: LanguageModel,
  source: DraftSource,
  prompts: readonly (readonly number[])[],
  { sampling, draftLength, confidence = 0, maxTokens }: RunSettings,
): Promise<RoundCounts> {
  const predictor = modelPredictor(target);
  const drafter = createDrafter(source, target, sampling, confidence);
  let counts = NO_ROUNDS;
  for (const [i, prompt] of prompts.entries()) {
    const choices = randomChoices(deriveRng(2, i, 'bench run'));
    const result = await speculate(predictor, drafter, prompt, { sampling, maxTokens, draftLength }, choices);
    counts = addCounts(counts, result.counts);
  }
  await predictor.release();
  await drafter.release();
  return counts;
}

/** Processor time of this process so far: equals wall-clock time on an idle machine, and is fair on a busy one. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Seconds of one pass that gives `width` distributions in the middle of a context, the mean of some. */
async function passSeconds(predictor: Predictor, width: number, sampling: SamplingSettings): Promise<number> {
  const text = Array.from({ length: 64 }, (_, i) => (7 * i) % predictor.vocabSize);
  await predictor.predict(text, 1);
  const nPasses = 60;
  const start = cpuSeconds();
  for (let i = 1; i <= nPasses; i++) {
    // Other last tokens each time, so that the cache is cut back and the pass is really run.
    const next = text.map((token, at) =>
      at < text.length - width ? token : (token + i) % predictor.vocabSize,
    );
    for (const row of await predictor.predict(next, width)) distributionOf(row, sampling);
  }
  return (cpuSeconds() - start) / nPasses;
}

/**
 * Seconds of one round as generation runs it, the draft's passes and the target's by turns, with fixed tokens instead
 * of accepted ones: two of them go on from each round. Without a draft, of one plain step.
 */
async function roundSeconds(
  target: Predictor,
  draft: Predictor,
  draftLength: number,
  sampling: SamplingSettings,
): Promise<number> {
  const text = Array.from({ length: 32 }, (_, i) => (7 * i) % target.vocabSize);
  await target.predict(text, 1);
  await draft.predict(text, 1);
  let nRounds = 0;
  const start = cpuSeconds();
  for (; text.length < 110; nRounds++) {
    const drafted: number[] = [];
    for (let i = 0; i < draftLength; i++) {
      const [logits] = await draft.predict([...text, ...drafted], 1);
      distributionOf(logits!, sampling);
      drafted.push((11 * text.length + i) % target.vocabSize);
    }
    const rows = await target.predict([...text, ...drafted], draftLength + 1);
    for (const row of rows) distributionOf(row, sampling);
    text.push(...drafted.slice(0, 1), (13 * text.length) % target.vocabSize);
  }
  return (cpuSeconds() - start) / nRounds;
}

export interface RaceTimes {
  /** Processor seconds a token of really generating. */
  readonly plain: number;
  readonly speculative: number;
  /** Processor seconds of one pass, each timed alone. */
  readonly targetStep: number;
  readonly draftStep: number;
  readonly verify: number;
  /** Processor seconds of a plain step and of a round, passes by turns. */
  readonly plainRound: number;
  readonly round: number;
}

export interface RaceSettings {
  readonly sampling: SamplingSettings;
  readonly maxTokens: number;
  readonly draftLength: number;
}

/** Times generation with and without the draft, and single passes, by turns, so that all meet the same load. */
export async function race(
  target: LanguageModel,
  draft: LanguageModel,
  prompts: readonly (readonly number[])[],
  settings: RaceSettings,
): Promise<RaceTimes> {
  const { sampling, draftLength } = settings;
  const predictor = modelPredictor(target);
  const alone = modelPredictor(draft);
  const drafter = createDrafter({ kind: 'model', model: draft }, target, sampling);
  const rows: RaceTimes[] = [];
  for (const [i, prompt] of prompts.entries()) {
    const choices = () => randomChoices(deriveRng(3, i, 'race'));
    const start = cpuSeconds();
    const tokens = await generate(predictor, prompt, settings, choices());
    const middle = cpuSeconds();
    const { counts } = await speculate(predictor, drafter, prompt, settings, choices());
    const end = cpuSeconds();
    rows.push({
      plain: (middle - start) / tokens.length,
      // Tokens beyond the last one asked for were paid for, too.
      speculative: (end - middle) / counts.tokens,
      targetStep: await passSeconds(predictor, 1, sampling),
      draftStep: await passSeconds(alone, 1, sampling),
      verify: await passSeconds(predictor, draftLength + 1, sampling),
      plainRound: await roundSeconds(predictor, alone, 0, sampling),
      round: await roundSeconds(predictor, alone, draftLength, sampling),
    });
  }
  for (const each of [predictor, alone, drafter]) await each.release();
  // The first prompts compiled everything.
  const kept = rows.slice(3);
  const of = (key: keyof RaceTimes) => kept.reduce((sum, row) => sum + row[key], 0) / kept.length;
  return {
    plain: of('plain'),
    speculative: of('speculative'),
    targetStep: of('targetStep'),
    draftStep: of('draftStep'),
    verify: of('verify'),
    plainRound: of('plainRound'),
    round: of('round'),
  };
}
