// A model with its KV cache: takes new tokens, gives their logits, and forgets the last ones at no cost.
import { type Buffer, bufferOf, type Engine } from '../engine/program.ts';
import { onnxEngine } from '../engine/session.ts';
import { attendingLayers, type CachedPass, compileCachedPass, keysName, valuesName } from './cached-pass.ts';
import type { LanguageModel } from './language-model.ts';

/** Tokens of a pass that only fills the cache, and the most that one pass gives logits for. */
export const WIDEST_PASS = 32;
/** Up to so many tokens go through one pass of exactly their number, also where fewer logits are asked. */
const NARROW_PASS = 8;

export interface CachedModelOptions {
  /** Sequences that grow in step. 1 by default. */
  readonly batch?: number;
  readonly engine?: Engine;
}

/** B sequences that grow in step, each with its keys and values. Every width is compiled when it is first needed. */
export class CachedModel {
  readonly model: LanguageModel;
  readonly batch: number;
  readonly #engine: Engine;
  readonly #cache: Record<string, Buffer> = {};
  readonly #passes = new Map<string, CachedPass>();
  #length = 0;

  constructor(model: LanguageModel, { batch = 1, engine = onnxEngine() }: CachedModelOptions = {}) {
    this.model = model;
    this.batch = batch;
    this.#engine = engine;
    const { contextLength, headDim } = model.architecture;
    for (const { layer, nKvHeads } of attendingLayers(model)) {
      for (const name of [keysName(layer), valuesName(layer)])
        this.#cache[name] = bufferOf([batch * nKvHeads, contextLength, headDim]);
    }
  }

  /** Tokens in the cache, of each sequence. */
  get length(): number {
    return this.#length;
  }

  /** Forgets everything after the first `length` tokens: what lies behind is masked, then written over. */
  truncate(length: number): void {
    if (!(length >= 0 && length <= this.#length))
      throw new RangeError(`a cache of ${this.#length} tokens cannot be cut to ${length}`);
    this.#length = length;
  }

  /**
   * Takes `tokens` (B, n) after those in the cache. The logits (B, `nLogits`, V) that follow the last `nLogits` of
   * them are in memory that the next call writes over.
   * @throws RangeError where the context is full.
   */
  async append(tokens: ArrayLike<number>, nLogits: number): Promise<Float32Array> {
    const n = tokens.length / this.batch;
    if (nLogits > n) throw new RangeError(`${nLogits} logits asked of ${n} tokens`);
    const { contextLength, vocabSize } = this.model.architecture;
    if (this.#length + n > contextLength)
      throw new RangeError(`${this.#length} + ${n} tokens in a context of ${contextLength}`);
    if (n <= NARROW_PASS && nLogits > 0) return this.#lastLogits(tokens, n, nLogits);
    const silent = n - nLogits;
    for (let at = 0; at < silent; at += WIDEST_PASS)
      await this.#pass(tokens, n, at, Math.min(WIDEST_PASS, silent - at), WIDEST_PASS, false);
    if (nLogits === 0) return new Float32Array(0);
    if (nLogits <= WIDEST_PASS) return (await this.#pass(tokens, n, silent, nLogits, nLogits, true))!;
    const all = new Float32Array(this.batch * nLogits * vocabSize);
    for (let at = silent; at < n; at += WIDEST_PASS) {
      const count = Math.min(WIDEST_PASS, n - at);
      const logits = (await this.#pass(tokens, n, at, count, WIDEST_PASS, true))!;
      for (let row = 0; row < this.batch; row++) {
        const part = logits.subarray(row * WIDEST_PASS * vocabSize).subarray(0, count * vocabSize);
        all.set(part, (row * nLogits + at - silent) * vocabSize);
      }
    }
    return all;
  }

  /** One pass of width n, and of its logits those of the last tokens. */
  async #lastLogits(tokens: ArrayLike<number>, n: number, nLogits: number): Promise<Float32Array> {
    const logits = (await this.#pass(tokens, n, 0, n, n, true))!;
    const { vocabSize } = this.model.architecture;
    const size = nLogits * vocabSize;
    for (let row = 0; row < this.batch; row++) {
      const end = (row + 1) * n * vocabSize;
      logits.copyWithin(row * size, end - size, end);
    }
    return logits.subarray(0, this.batch * size);
  }

  async release(): Promise<void> {
    for (const pass of this.#passes.values()) await pass.release();
    this.#passes.clear();
  }

  /** Runs `count` tokens from column `at` of `tokens` (B, n) through the pass of `width`, padded on the right. */
  async #pass(
    tokens: ArrayLike<number>,
    n: number,
    at: number,
    count: number,
    width: number,
    hasLogits: boolean,
  ): Promise<Float32Array | undefined> {
    const pass = await this.#compiled(width, hasLogits);
    for (let row = 0; row < this.batch; row++) {
      for (let i = 0; i < width; i++)
        pass.tokens[row * width + i] = i < count ? tokens[row * n + at + i]! : 0;
    }
    for (let i = 0; i < width; i++) pass.positions[i] = this.#length + i;
    const columns = this.model.architecture.contextLength + width;
    for (let i = 0; i < width; i++) {
      const start = i * columns;
      pass.mask.fill(0, start, start + this.#length);
      pass.mask.fill(-1e9, start + this.#length, start + columns - width);
    }
    await pass.run();
    this.#store(pass, count);
    this.#length += count;
    return pass.logits;
  }

  #store({ fresh, width }: CachedPass, count: number): void {
    const { contextLength, headDim } = this.model.architecture;
    for (const [name, data] of fresh) {
      const cache = this.#cache[name]!.data as Float32Array;
      const rows = data.length / (width * headDim);
      for (let row = 0; row < rows; row++) {
        const from = row * width * headDim;
        cache.set(
          data.subarray(from, from + count * headDim),
          (row * contextLength + this.#length) * headDim,
        );
      }
    }
  }

  async #compiled(width: number, hasLogits: boolean): Promise<CachedPass> {
    const key = `${width}${hasLogits ? '' : ' silent'}`;
    let pass = this.#passes.get(key);
    if (pass === undefined) {
      const shape = { batch: this.batch, width, hasLogits };
      pass = await compileCachedPass(this.model, shape, this.#cache, this.#engine);
      this.#passes.set(key, pass);
    }
    return pass;
  }
}
