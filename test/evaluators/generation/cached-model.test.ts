import { describe, expect, it } from 'vitest';
import { eagerEngine } from '../../../evaluators/engine/eager.ts';
import { CachedModel, WIDEST_PASS } from '../../../evaluators/generation/cached-model.ts';
import type { Architecture } from '../../../space/architecture.ts';
import { KV_CACHE_FORMATS } from '../../../space/number-formats.ts';
import { fullLogits, largestDifference, MIXED, randomModel, randomTokens, TIED } from './models.ts';

/** Logits of a text read in pieces of the given sizes. */
async function piecewise(cached: CachedModel, tokens: readonly number[], sizes: readonly number[]) {
  const { vocabSize } = cached.model.architecture;
  const rows: Float32Array[] = [];
  let at = 0;
  for (const size of sizes) {
    const logits = await cached.append(tokens.slice(at, at + size), size);
    for (let i = 0; i < size; i++) rows.push(logits.slice(i * vocabSize, (i + 1) * vocabSize));
    at += size;
  }
  return rows;
}

describe('CachedModel', () => {
  const shapes: readonly [string, Architecture][] = [
    ['per-layer grouped heads, a layer without attention, one without feed-forward', MIXED],
    ['tied embeddings', TIED],
  ];
  for (const [name, architecture] of shapes) {
    it(`gives the logits of the full forward pass: ${name}`, async () => {
      const model = randomModel(architecture, 3);
      const tokens = randomTokens(architecture.vocabSize, architecture.contextLength, 1);
      const expected = await fullLogits(model, tokens);
      const cached = new CachedModel(model);
      for (const sizes of [[1, 1, 1, 4, 5, 1], [7, 1, 1], [architecture.contextLength]]) {
        cached.truncate(0);
        const rows = await piecewise(cached, tokens, sizes);
        expect(largestDifference(rows, expected)).toBeLessThan(1e-4);
      }
      await cached.release();
    });
  }

  it('reads keys and values as a cache of its format gives them back', async () => {
    const plain = randomModel(MIXED, 3);
    const tokens = randomTokens(MIXED.vocabSize, MIXED.contextLength, 1);
    const unrounded = await fullLogits(plain, tokens);
    for (const kvCacheFormat of KV_CACHE_FORMATS) {
      const model = { ...plain, kvCacheFormat };
      const expected = await fullLogits(model, tokens);
      const cached = new CachedModel(model);
      const rows = await piecewise(cached, tokens, [7, 1, 1, 3]);
      expect(largestDifference(rows, expected)).toBeLessThan(kvCacheFormat === 'fp16' ? 2e-3 : 5e-2);
      const coarse = kvCacheFormat === 'fp8' ? 0.05 : 1e-4;
      expect(largestDifference(expected, unrounded)).toBeGreaterThan(coarse);
      await cached.release();
    }
  });

  it('gives the same logits on the eager engine', async () => {
    const model = randomModel(MIXED, 5);
    const tokens = randomTokens(MIXED.vocabSize, 9, 2);
    const traced = new CachedModel(model);
    const eager = new CachedModel(model, { engine: eagerEngine('cpu') });
    const sizes = [5, 1, 3];
    const difference = largestDifference(
      await piecewise(traced, tokens, sizes),
      await piecewise(eager, tokens, sizes),
    );
    expect(difference).toBeLessThan(1e-4);
    await traced.release();
  });

  it('fills the cache without logits and gives those of the last tokens', async () => {
    const long: Architecture = { ...MIXED, contextLength: 2 * WIDEST_PASS + 20 };
    const model = randomModel(long, 4);
    const tokens = randomTokens(long.vocabSize, long.contextLength, 3);
    const expected = await fullLogits(model, tokens);
    const cached = new CachedModel(model);
    const last = await cached.append(tokens, 2);
    const rows = [last.slice(0, long.vocabSize), last.slice(long.vocabSize)];
    expect(largestDifference(rows, expected.slice(-2))).toBeLessThan(1e-4);
    await cached.release();
  });

  it('forgets what is rolled back', async () => {
    const model = randomModel(MIXED, 6);
    const tokens = randomTokens(MIXED.vocabSize, 20, 4);
    const wrong = randomTokens(MIXED.vocabSize, 12, 5);
    const cached = new CachedModel(model);
    await cached.append(tokens.slice(0, 8), 1);
    await cached.append(wrong, 12);
    cached.truncate(10);
    cached.truncate(8);
    const rest = await piecewise(cached, tokens.slice(8), [4, 1, 7]);
    const expected = (await fullLogits(model, tokens)).slice(8);
    expect(largestDifference(rest, expected)).toBeLessThan(1e-4);
    await cached.release();
  });

  it('grows several sequences in step', async () => {
    const model = randomModel(MIXED, 7);
    const texts = [0, 1, 2].map((i) => randomTokens(MIXED.vocabSize, 14, 10 + i));
    const cached = new CachedModel(model, { batch: 3 });
    await cached.append(
      texts.flatMap((text) => text.slice(0, 7)),
      1,
    );
    await cached.append(
      texts.flatMap((text) => text.slice(7, 10)),
      0,
    );
    const logits = await cached.append(
      texts.flatMap((text) => text.slice(10)),
      2,
    );
    const { vocabSize } = MIXED;
    for (const [row, text] of texts.entries()) {
      const expected = (await fullLogits(model, text)).slice(-2);
      const rows = [0, 1].map((i) => logits.slice((row * 2 + i) * vocabSize, (row * 2 + i + 1) * vocabSize));
      expect(largestDifference(rows, expected)).toBeLessThan(1e-4);
    }
    await cached.release();
  });

  it('refuses more than the context, and a roll-back forwards', async () => {
    const cached = new CachedModel(randomModel(TIED, 8));
    await expect(cached.append(randomTokens(TIED.vocabSize, 17, 1), 1)).rejects.toThrow(
      '0 + 17 tokens in a context of 16',
    );
    expect(() => cached.truncate(1)).toThrow('a cache of 0 tokens cannot be cut to 1');
  });
});
