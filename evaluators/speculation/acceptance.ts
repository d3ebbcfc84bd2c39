// How much of a draft a target accepts, measured from both models' logits on text, without generating.
import type * as tf from '@tensorflow/tfjs';
import { bufferOf, type CompiledProgram, type Engine, type InputSpec } from '../engine/program.ts';
import { onnxEngine } from '../engine/session.ts';
import type { LanguageModel } from '../generation/language-model.ts';
import { distributionOf, type SamplingSettings } from '../generation/sampling.ts';
import { parameterSpecs } from '../model/parameters.ts';
import { forward } from '../model/transformer.ts';
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
}

interface LogitsProgram {
  run(tokens: Int32Array): Promise<Float32Array>;
  release(): Promise<void>;
}

async function compileLogits(
  { architecture, weights }: LanguageModel,
  batch: number,
  length: number,
  engine: Engine,
): Promise<LogitsProgram> {
  const specs = parameterSpecs(architecture);
  const inputs: Record<string, InputSpec> = { tokens: { shape: [batch, length], dtype: 'int32' } };
  for (const { name, shape } of specs) inputs[name] = { shape, dtype: 'float32' };
  const program: CompiledProgram = await engine.compile(inputs, (tensors) => ({
    logits: forward(architecture, tensors, tensors.tokens as tf.Tensor2D),
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
  const tokens = new Int32Array(BATCH * length);
  for (let first = 0; first < texts.length; first += BATCH) {
    const group = texts.slice(first, first + BATCH);
    for (const [row, text] of group.entries()) tokens.set(text.subarray(0, length), row * length);
    const [pLogits, qLogits] = [await programs[0].run(tokens), await programs[1].run(tokens)];
    for (let i = 0; i < group.length * length; i++) {
      const p = distributionOf(pLogits.subarray(i * vocabSize, (i + 1) * vocabSize), sampling);
      const q = distributionOf(qLogits.subarray(i * vocabSize, (i + 1) * vocabSize), sampling);
      const next = group[Math.floor(i / length)]![(i % length) + 1]!;
      overlaps[first * length + i] = overlap(p, q);
      // The two swap places: min(p, q) / p.
      kept[first * length + i] = keepProbability(q, p, next);
    }
  }
  for (const program of programs) await program.release();
  return { length, overlaps, kept };
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

export interface RoundForecast {
  readonly tokensPerRound: number;
  /** Accepted over tested, as really running counts it. */
  readonly acceptedOverTested: number;
}

/**
 * Tokens a round of `draftLength` drafted tokens, by following all rounds that may start along a text: from a start
 * at t, j tokens are kept with probability a[t] ... a[t+j-1], and the next round starts behind the corrected token.
 * With `kept` on text that the target sampled this is the exact expectation given the text, because the rule is
 * lossless; with `overlaps` on other text it is an estimate that heeds how acceptance clusters.
 */
export function forecastRounds(
  length: number,
  acceptance: Float64Array,
  draftLength: number,
  firstPosition = 0,
): RoundForecast {
  let rounds = 0;
  let tested = 0;
  let accepted = 0;
  for (let row = 0; row < acceptance.length / length; row++) {
    const a = acceptance.subarray(row * length, (row + 1) * length);
    const starts = new Float64Array(length);
    starts[firstPosition] = 1;
    // Rounds that reach beyond the text are left out.
    for (let t = firstPosition; t + draftLength < length; t++) {
      let reached = starts[t]!;
      rounds += reached;
      for (let j = 0; j < draftLength; j++) {
        tested += reached;
        starts[t + j + 1]! += reached * (1 - a[t + j]!);
        reached *= a[t + j]!;
        accepted += reached;
      }
      if (t + draftLength + 1 < length) starts[t + draftLength + 1]! += reached;
    }
  }
  return { tokensPerRound: 1 + accepted / rounds, acceptedOverTested: tested === 0 ? 0 : accepted / tested };
}
