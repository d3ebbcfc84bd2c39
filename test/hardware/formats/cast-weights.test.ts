import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { castWeights } from '../../../hardware/formats/cast-weights.ts';
import { decodeDense, encodeDense } from '../../../hardware/formats/dense.ts';
import { FormatError } from '../../../hardware/formats/format-error.ts';
import { keepLargest } from '../../../hardware/formats/magnitude.ts';
import { denseBits, encodedBits, expectedWeightBits } from '../../../hardware/formats/sizes.ts';
import { encodeBitmask, encodeDeltaCsc } from '../../../hardware/formats/sparse.ts';
import { WEIGHT_FORMATS } from '../../../space/number-formats.ts';
import { deriveRng } from '../../../space/random.ts';

const ROWS = 64;
const COLS = 24;
const rng = deriveRng(8, 0, 'test');
const weights = Float32Array.from({ length: ROWS * COLS }, () => rng.normal() * 0.02);
const shape = { rows: ROWS, cols: COLS };

function transposed(values: Float32Array, rows: number, cols: number): Float32Array {
  return Float32Array.from(values, (_, i) => values[(i % rows) * cols + Math.floor(i / rows)]!);
}

function signalToNoise(values: Float32Array, decoded: Float32Array): number {
  const error = values.reduce((sum, value, i) => sum + (value - decoded[i]!) ** 2, 0);
  return 10 * Math.log10(values.reduce((sum, value) => sum + value ** 2, 0) / error);
}

/** Least signal-to-noise in dB on normal weights, from the bits of each format. */
const LEAST_DB: Record<(typeof WEIGHT_FORMATS)[number], number> = {
  fp32: Infinity,
  fp16: 70,
  bf16: 52,
  fp8: 29,
  int8: 38,
  'int4-g32': 18,
  'int4-g128': 16,
  'mxfp8-e5m2': 23,
  'mxfp8-e4m3': 28,
  'mxfp6-e3m2': 23,
  'mxfp6-e2m3': 29,
  'mxfp4-e2m1': 16,
  mxint8: 40,
  nvfp4: 18,
  'codebook-4x1': 19,
  'codebook-8x2': 20,
  'codebook-8x4': 9,
};

describe.each(WEIGHT_FORMATS)('%s', (format) => {
  it('keeps the weights as well as its bits allow, in exactly the bits that are stated beforehand', () => {
    const cast = castWeights(weights, shape, format);
    expect(signalToNoise(weights, cast.decoded)).toBeGreaterThanOrEqual(LEAST_DB[format]);
    expect(cast.bits).toBe(denseBits(format, ROWS, COLS));
    expect(cast.bits).toBe(expectedWeightBits(format, shape, 0));
    expect(cast).toMatchObject({ storage: { kind: 'dense' }, nonZeros: weights.length, dummies: 0 });
  });

  it.each([0.5, 0.8, 0.95])('takes the smallest way of storing at sparsity %d', (sparsity) => {
    const cast = castWeights(weights, shape, format, sparsity);
    const pruned = keepLargest(weights, sparsity);
    const options = { ...shape, valueFormat: format };
    const sizes = [denseBits(format, ROWS, COLS), encodedBits(encodeBitmask(pruned, options))];
    if (!/x[24]$/.test(format)) {
      for (const deltaBits of [2, 3, 4, 5, 6, 7, 8])
        sizes.push(encodedBits(encodeDeltaCsc(pruned, { ...options, deltaBits })));
    }
    expect(cast.bits).toBe(Math.min(...sizes));
    expect(cast.bits / expectedWeightBits(format, shape, sparsity)).toBeCloseTo(1, 1);
    if (cast.storage.kind !== 'dense') {
      expect(cast.decoded.every((value, i) => pruned[i] !== 0 || value === 0)).toBe(true);
    }
    const nonZeros = weights.length - Math.round(sparsity * weights.length);
    expect(cast.nonZeros).toBe(cast.storage.kind === 'dense' ? weights.length : nonZeros);
  });

  it('gives the transposed result for an (out, in) matrix', () => {
    for (const sparsity of [0, 0.8]) {
      const straight = castWeights(weights, shape, format, sparsity);
      const turned = castWeights(
        transposed(weights, ROWS, COLS),
        { rows: COLS, cols: ROWS, reduction: 'cols' },
        format,
        sparsity,
      );
      // Ties between equal magnitudes would go by position; these weights have none.
      expect(turned.bits).toBe(straight.bits);
      expect(turned.decoded).toEqual(transposed(straight.decoded, ROWS, COLS));
    }
  });
});

it('runs blocks down the rows: an outlier spoils only its own column', () => {
  const outlier = weights.slice();
  outlier[3 * COLS + 7] = 1000;
  const { decoded } = castWeights(outlier, shape, 'mxfp4-e2m1');
  const plain = castWeights(weights, shape, 'mxfp4-e2m1').decoded;
  const changed = decoded.map((value, i) => Number(value !== plain[i]));
  const columns = new Set(Array.from(changed.entries(), ([i, c]) => (c === 1 ? i % COLS : -1)));
  const rows = Array.from(changed.entries(), ([i, c]) => (c === 1 ? Math.floor(i / COLS) : 0));
  expect(columns).toEqual(new Set([-1, 7]));
  expect(Math.max(...rows)).toBeLessThan(32);
});

it('refuses sparsity above 1, a wrong shape, NaN and an unknown format, with codes', () => {
  const codeOf = (run: () => unknown) => {
    try {
      run();
    } catch (error) {
      return error instanceof FormatError ? error.code : error;
    }
    return 'nothing thrown';
  };
  expect(codeOf(() => castWeights(weights, shape, 'fp16', 1.2))).toBe('option');
  expect(codeOf(() => castWeights(weights, { rows: 63, cols: COLS }, 'fp16'))).toBe('shape');
  expect(codeOf(() => castWeights(Float32Array.of(1, NaN), { rows: 2, cols: 1 }, 'mxfp4-e2m1'))).toBe(
    'not-finite',
  );
  expect(codeOf(() => encodeDense(weights, 'fp5' as 'fp16'))).toBe('option');
  expect(codeOf(() => castWeights(Float32Array.of(3e38, 3e38, 3e38), { rows: 3, cols: 1 }, 'fp32'))).toBe(
    'nothing thrown',
  );
});

it('casts empty and one-value matrices', () => {
  for (const format of WEIGHT_FORMATS) {
    expect(castWeights(new Float32Array(0), { rows: 0, cols: 4 }, format).decoded.length).toBe(0);
    expect(decodeDense(encodeDense(Float32Array.of(0.5), format))[0]).toBeCloseTo(0.5, 1);
  }
});

describe('keepLargest', () => {
  it('zeroes exactly round(sparsity x n) values, the smallest, the first of equals', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 1, maxLength: 60 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (list, sparsity) => {
          const order = list
            .map((_, i) => i)
            .sort((a, b) => Math.abs(list[a]!) - Math.abs(list[b]!) || a - b);
          const expected = list.slice();
          for (const i of order.slice(0, Math.round(sparsity * list.length))) expected[i] = 0;
          expect(Array.from(keepLargest(Float32Array.from(list), sparsity), (x) => x + 0)).toEqual(
            expected.map((x) => x + 0),
          );
        },
      ),
    );
  });

  it('leaves a matrix that is sparse enough as it is', () => {
    const once = keepLargest(weights, 0.8);
    expect(keepLargest(once, 0.8)).toEqual(once);
  });
});
