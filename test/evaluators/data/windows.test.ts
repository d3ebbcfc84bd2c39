import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  countTargetBytes,
  readWindows,
  sampleBatch,
  validationWindows,
} from '../../../evaluators/data/windows.ts';
import { deriveRng } from '../../../space/random.ts';

const ascending = (length: number) => Uint16Array.from({ length }, (_, i) => i);

test('a batch holds windows of the text and the same one later, reproducibly', () => {
  const tokens = ascending(1000);
  const draw = (seed: number) => {
    const inputs = new Int32Array(8 * 16).fill(-1);
    const targets = new Int32Array(8 * 16).fill(-1);
    sampleBatch(tokens, 8, 16, deriveRng(seed, 3, 'batch'), inputs, targets);
    return { inputs, targets };
  };
  const { inputs, targets } = draw(1);
  for (let row = 0; row < 8; row++) {
    for (let t = 0; t < 16; t++) {
      expect(inputs[row * 16 + t]).toBe(inputs[row * 16]! + t);
      expect(targets[row * 16 + t]).toBe(inputs[row * 16]! + t + 1);
    }
  }
  expect(draw(1)).toEqual({ inputs, targets });
  expect(draw(2).inputs).not.toEqual(inputs);
});

test('every position is drawn, the first and the last included', () => {
  const seen = new Set<number>();
  const rng = deriveRng(1, 0, 'batch');
  for (let i = 0; i < 200; i++) {
    const inputs = new Int32Array(4);
    sampleBatch(ascending(8), 1, 4, rng, inputs, new Int32Array(4));
    seen.add(inputs[0]!);
  }
  expect([...seen].sort((a, b) => a - b)).toEqual([0, 1, 2, 3]);
});

test('validation windows fit, do not overlap, reach both ends, and keep to the limit', () => {
  const arguments_ = fc.record({
    length: fc.integer({ min: 2, max: 3000 }),
    context: fc.integer({ min: 1, max: 64 }),
    maxTokens: fc.integer({ min: 1, max: 4000 }),
    batch: fc.integer({ min: 1, max: 9 }),
  });
  fc.assert(
    fc.property(arguments_, ({ length, context, maxTokens, batch }) => {
      fc.pre(length > context);
      const offsets = validationWindows(ascending(length), context, maxTokens, batch);
      expect(offsets.length % batch).toBe(0);
      expect(offsets.length).toBeGreaterThan(0);
      expect(offsets[0]).toBe(0);
      if (offsets.length > 1) expect(offsets.at(-1)).toBe(length - 1 - context);
      const isOneForcedBatch = offsets.length === batch;
      if (!isOneForcedBatch) {
        expect(offsets.length * context).toBeLessThanOrEqual(maxTokens);
        for (let i = 1; i < offsets.length; i++) {
          expect(offsets[i]! - offsets[i - 1]!).toBeGreaterThanOrEqual(context);
        }
      }
      const buffers = [
        new Int32Array(offsets.length * context),
        new Int32Array(offsets.length * context),
      ] as const;
      readWindows(ascending(length), offsets, context, ...buffers);
      for (const [row, offset] of offsets.entries()) expect(buffers[1][row * context]).toBe(offset + 1);
    }),
  );
});

test('bytes of the targets are those of the tokens after each input', () => {
  const tokens = Uint16Array.of(0, 1, 2, 1, 0, 2, 2);
  const bytesPerToken = Int32Array.of(1, 10, 100);
  expect(countTargetBytes(tokens, [0, 3], 2, bytesPerToken)).toBe(10 + 100 + 1 + 100);
});

test('a text that is too short is refused', () => {
  const [inputs, targets] = [new Int32Array(8), new Int32Array(8)];
  expect(() => sampleBatch(ascending(4), 1, 4, deriveRng(1, 0, ''), inputs, targets)).toThrow(RangeError);
  expect(() => validationWindows(ascending(4), 4, 100)).toThrow(RangeError);
  expect(() => readWindows(ascending(4), [1], 3, inputs, targets)).toThrow(RangeError);
  expect(() => readWindows(ascending(4), [-1], 2, inputs, targets)).toThrow(RangeError);
});
