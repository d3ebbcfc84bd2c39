// Next-token logits of a growing text, whatever gives them: a model with a cache, or a table in a test.
import type { Engine } from '../engine/program.ts';
import { CachedModel } from './cached-model.ts';
import type { LanguageModel } from './language-model.ts';

export interface Predictor {
  readonly vocabSize: number;
  /**
   * Logits of the token after each of the last `count` beginnings of `text`: the last ones follow the whole text.
   * The rows may be written over by the next call.
   * @throws RangeError where the text has fewer than `count` tokens.
   */
  predict(text: readonly number[], count: number): Promise<readonly Float32Array[]>;
  release(): Promise<void>;
}

/**
 * Where the context begins that a model sees of the first `length` tokens of a text. It depends on nothing but the
 * length, so drafts cannot change what the target sees: the whole text while it fits, then it jumps forward by half
 * a context at a time.
 */
export function contextStart(length: number, contextLength: number): number {
  if (length <= contextLength) return 0;
  const stride = Math.max(1, contextLength >> 1);
  return Math.ceil((length - contextLength) / stride) * stride;
}

function commonPrefix(a: readonly number[], b: readonly number[], offset: number): number {
  let n = 0;
  while (n < a.length && offset + n < b.length && a[n] === b[offset + n]) n++;
  return n;
}

/** A model's predictor. Texts may differ from call to call: what the cache shares with the new one is kept. */
export function modelPredictor(model: LanguageModel, engine?: Engine): Predictor {
  const { contextLength, vocabSize } = model.architecture;
  const cached = new CachedModel(model, engine === undefined ? {} : { engine });
  let cachedText: number[] = [];
  let cachedStart = 0;

  /** Logits after the beginnings of `first` to `last` tokens, all seen from the same start. */
  async function predictFrom(start: number, text: readonly number[], first: number, last: number) {
    if (start !== cachedStart) {
      cachedStart = start;
      cachedText = [];
    }
    const known = Math.min(commonPrefix(cachedText, text, start), first - 1 - start);
    cached.truncate(known);
    const fresh = text.slice(start + known, last);
    cachedText = [...cachedText.slice(0, known), ...fresh];
    const count = last - first + 1;
    const logits = await cached.append(fresh, count);
    return Array.from({ length: count }, (_, i) => logits.subarray(i * vocabSize, (i + 1) * vocabSize));
  }

  return {
    vocabSize,
    async predict(text, count) {
      if (!(count > 0 && count <= text.length))
        throw new RangeError(`${count} predictions asked of a text of ${text.length} tokens`);
      const rows: Float32Array[] = [];
      for (let first = text.length - count + 1; first <= text.length; ) {
        const start = contextStart(first, contextLength);
        let last = first;
        while (last < text.length && contextStart(last + 1, contextLength) === start) last++;
        const part = await predictFrom(start, text, first, last);
        // A further part would write over this one.
        rows.push(...(last < text.length ? part.map((row) => row.slice()) : part));
        first = last + 1;
      }
      return rows;
    },
    release: () => cached.release(),
  };
}
