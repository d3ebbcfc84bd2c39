// How much of a draft a target accepts, measured from both models' logits on text, without generating.
import type * as tf from '@tensorflow/tfjs';
import { bufferOf, type CompiledProgram, type Engine, type InputSpec } from '../engine/program.ts';
import { onnxEngine } from '../engine/session.ts';
import { cacheHooks, type LanguageModel } from '../generation/language-model.ts';
import { distributionOf, type SamplingSettings } from '../generation/sampling.ts';
import { parameterSpecs } from '../model/parameters.ts';
import { forward } from '../model/transformer.ts';
import type { PairLength } from '../outcome.ts';
import { confidenceOf } from './drafter.ts';
import { keepProbability, overlap } from './rule.ts';

/** Probabilities of acceptance at every position of some texts, (texts, T) row-major. */
export interface AcceptanceTrace {
  readonly length: number;
  /** Sum of min(p, q): the acceptance of a fresh draft token there. */
  readonly overlaps: Float64Array;
  /**
   * min(1, p/q read backwards): given that the target wrote this text, the probability that the token which stands
   * there was drafted and kept. Exact for text that the target sampled, see `tokensPerRound`.
   */
  readonly kept: Float64Array;
  /** Probability that the draft, at temperature 1, gives its likeliest token: what early stopping goes by. */
  readonly confidences: Float64Array;
}

interface LogitsProgram {
  run(tokens: Int32Array): Promise<Float32Array>;
  release(): Promise<void>;
}

async function compileLogits(
  model: LanguageModel,
  batch: number,
  length: number,
  engine: Engine,
): Promise<LogitsProgram> {
  const { architecture, weights } = model;
  const specs = parameterSpecs(architecture);
  const inputs: Record<string, InputSpec> = { tokens: { shape: [batch, length], dtype: 'int32' } };
  for (const { name, shape } of specs) inputs[name] = { shape, dtype: 'float32' };
  const program: CompiledProgram = await engine.compile(inputs, (tensors) => ({
    logits: forward(architecture, tensors, tensors.tokens as tf.Tensor2D, cacheHooks(model)),
  }));
  const feeds = Object.fromEntries(
    specs.map(({ name, shape }) => [name, bufferOf(shape, 'float32', weights[name]!)]),
  );
  const logits = new Float32Array(batch * length * architecture.vocabSize);
  const fetches = { logits: bufferOf([batch * length, architecture.vocabSize], 'float32', logits) };
  return {
    async run(tokens) {
      await program.run({ ...feeds, tokens: bufferOf([batch, length], 'int32', tokens) }, fetches);
      return logits;
    },
    release: () => program.release(),
  };
}

/** Texts that go through both models in one pass. */
const BATCH = 4;

/**
 * Reads `texts`, all of T + 1 tokens, with both models: position t holds what they say of token t + 1 after the first
 * t + 1 ones. T may exceed neither context.
 * @throws RangeError where vocabularies differ or a text is too long.
 */
export async function measureAcceptance(
  target: LanguageModel,
  draft: LanguageModel,
  texts: readonly Uint16Array[],
  sampling: SamplingSettings,
  engine: Engine = onnxEngine(),
): Promise<AcceptanceTrace> {
  const length = texts[0]!.length - 1;
  const { vocabSize } = target.architecture;
  for (const { architecture } of [target, draft]) {
    if (architecture.vocabSize !== vocabSize)
      throw new RangeError(`a draft of ${architecture.vocabSize} tokens for a target of ${vocabSize}`);
    if (length > architecture.contextLength)
      throw new RangeError(`texts of ${length} tokens in a context of ${architecture.contextLength}`);
  }
  const programs = [
    await compileLogits(target, BATCH, length, engine),
    await compileLogits(draft, BATCH, length, engine),
  ] as const;
  const overlaps = new Float64Array(texts.length * length);
  const kept = new Float64Array(texts.length * length);
  const confidences = new Float64Array(texts.length * length);
  const tokens = new Int32Array(BATCH * length);
  for (let first = 0; first < texts.length; first += BATCH) {
    const group = texts.slice(first, first + BATCH);
    for (const [row, text] of group.entries()) tokens.set(text.subarray(0, length), row * length);
    const [pLogits, qLogits] = [await programs[0].run(tokens), await programs[1].run(tokens)];
    for (let i = 0; i < group.length * length; i++) {
      const p = distributionOf(pLogits.subarray(i * vocabSize, (i + 1) * vocabSize), sampling);
      const draftLogits = qLogits.subarray(i * vocabSize, (i + 1) * vocabSize);
      const q = distributionOf(draftLogits, sampling);
      const next = group[Math.floor(i / length)]![(i % length) + 1]!;
      overlaps[first * length + i] = overlap(p, q);
      // The two swap places: min(p, q) / p.
      kept[first * length + i] = keepProbability(q, p, next);
      confidences[first * length + i] = confidenceOf(draftLogits);
    }
  }
  for (const program of programs) await program.release();
  return { length, overlaps, kept, confidences };
}

export interface MeanAcceptance {
  readonly acceptance: number;
  /** Of the mean over texts: positions of one text are not independent. */
  readonly standardError: number;
}

/** Mean acceptance over positions from `firstPosition` on. */
export function meanAcceptance({ length, overlaps }: AcceptanceTrace, firstPosition = 0): MeanAcceptance {
  const nTexts = overlaps.length / length;
  const means = Array.from({ length: nTexts }, (_, row) => {
    const part = overlaps.subarray(row * length + firstPosition, (row + 1) * length);
    return part.reduce((a, b) => a + b, 0) / part.length;
  });
  const acceptance = means.reduce((a, b) => a + b, 0) / nTexts;
  const squares = means.reduce((sum, mean) => sum + (mean - acceptance) ** 2, 0);
  return { acceptance, standardError: Math.sqrt(squares / Math.max(1, nTexts - 1) / nTexts) };
}

export interface ForecastSettings {
  /** Where the first round starts. */
  readonly firstPosition?: number;
  /** The draft stops where the product of its confidences falls below; 0 never stops. */
  readonly confidence?: number;
}

/** Tokens that are drafted, at most `draftLength`, where confidences are `confidences` from the start of the round on. */
function draftedUntil(confidences: Float64Array, start: number, draftLength: number, least: number): number {
  let certainty = 1;
  for (let drafted = 0; drafted < draftLength; drafted++) {
    certainty *= confidences[start + drafted]!;
    if (certainty < least) return drafted;
  }
  return draftLength;
}

/**
 * Rounds of at most `draftLength` drafted tokens, by following all rounds that may start along a text: from a start
 * at t, j tokens are kept with probability a[t] ... a[t+j-1], and the next round starts behind the corrected token.
 * With the `kept` of a text that the target sampled this is the exact expectation given the text, because the rule is
 * lossless; with the overlaps of other text it is an estimate that heeds how acceptance clusters. Where drafting stops
 * early, tokens beyond the first rejected one are taken to be as sure as the text's own.
 */
export function forecastRounds(
  { length, confidences }: Pick<AcceptanceTrace, 'length' | 'confidences'>,
  acceptance: Float64Array,
  draftLength: number,
  { firstPosition = 0, confidence = 0 }: ForecastSettings = {},
): PairLength {
  let rounds = 0;
  let tested = 0;
  let accepted = 0;
  let passes = 0;
  const drafted = Array.from({ length: draftLength + 1 }, () => 0);
  for (let row = 0; row < acceptance.length / length; row++) {
    const a = acceptance.subarray(row * length, (row + 1) * length);
    const starts = new Float64Array(length);
    starts[firstPosition] = 1;
    // Rounds that reach beyond the text are left out.
    for (let t = firstPosition; t + draftLength < length; t++) {
      let reached = starts[t]!;
      const most =
        confidence === 0 ? draftLength : draftedUntil(confidences, row * length + t, draftLength, confidence);
      rounds += reached;
      drafted[most]! += reached;
      passes += reached * Math.min(draftLength, most + 1);
      for (let j = 0; j < most; j++) {
        tested += reached;
        starts[t + j + 1]! += reached * (1 - a[t + j]!);
        reached *= a[t + j]!;
        accepted += reached;
      }
      if (t + most + 1 < length) starts[t + most + 1]! += reached;
    }
  }
  return {
    draftLength,
    tokensPerRound: 1 + accepted / rounds,
    acceptedOverTested: tested === 0 ? 0 : accepted / tested,
    drafted: drafted.map((share) => share / rounds),
    draftPasses: passes / rounds,
  };
}
