// What a student reads: windows of the corpus, texts that the teacher wrote, or both.
import type { Rng } from '../../space/random.ts';
import { sampleBatch } from '../data/windows.ts';
import type { Engine } from '../engine/program.ts';
import { CachedModel } from '../generation/cached-model.ts';
import type { LanguageModel } from '../generation/language-model.ts';
import { distributionOf, randomChoices, type SamplingSettings } from '../generation/sampling.ts';

/** Fills inputs and targets, (B, T) row-major each, for one step. */
export type BatchSource = (rng: Rng, inputs: Int32Array, targets: Int32Array) => void;

/** Windows at uniform positions of a long text. */
export function corpusBatches(tokens: Uint16Array, contextLength: number): BatchSource {
  return (rng, inputs, targets) =>
    sampleBatch(tokens, inputs.length / contextLength, contextLength, rng, inputs, targets);
}

/** Whole short texts, each of at least `contextLength` + 1 tokens, of which the first are used. */
export function textBatches(texts: readonly Uint16Array[], contextLength: number): BatchSource {
  return (rng, inputs, targets) => {
    for (let at = 0; at < inputs.length; at += contextLength) {
      const text = rng.pick(texts);
      inputs.set(text.subarray(0, contextLength), at);
      targets.set(text.subarray(1, contextLength + 1), at);
    }
  };
}

/** Each step reads the second source with probability `share`, else the first. */
export function mixedBatches(first: BatchSource, second: BatchSource, share: number): BatchSource {
  return (rng, inputs, targets) => (rng.uniform() < share ? second : first)(rng, inputs, targets);
}

export interface WritingSettings {
  readonly nTexts: number;
  /** Tokens of each text, its prompt included; at most the writer's context and one more. */
  readonly length: number;
  /** Tokens of the corpus that each text starts with. */
  readonly promptTokens: number;
  readonly sampling: SamplingSettings;
  /** Texts that are written in step. */
  readonly batch: number;
}

/** Texts by `writer` that start at random places of `corpus`. */
export async function writeTexts(
  writer: LanguageModel,
  corpus: Uint16Array,
  { nTexts, length, promptTokens, sampling, batch }: WritingSettings,
  rng: Rng,
  engine?: Engine,
): Promise<Uint16Array[]> {
  const { vocabSize } = writer.architecture;
  const cached = new CachedModel(writer, { batch, ...(engine === undefined ? {} : { engine }) });
  const choices = randomChoices(rng);
  const texts: Uint16Array[] = [];
  try {
    while (texts.length < nTexts) {
      const group = Array.from({ length: batch }, () => {
        const start = rng.below(corpus.length - promptTokens + 1);
        const text = new Uint16Array(length);
        text.set(corpus.subarray(start, start + promptTokens));
        return text;
      });
      cached.truncate(0);
      let fresh = group.flatMap((text) => [...text.subarray(0, promptTokens)]);
      for (let at = promptTokens; at < length; at++) {
        const logits = await cached.append(fresh, 1);
        fresh = group.map((text, row) => {
          const own = logits.subarray(row * vocabSize, (row + 1) * vocabSize);
          text[at] = choices.draw(distributionOf(own, sampling));
          return text[at]!;
        });
      }
      texts.push(...group);
    }
  } finally {
    await cached.release();
  }
  return texts.slice(0, nTexts);
}
