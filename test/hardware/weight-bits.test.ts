import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readFixtureJson } from '../../bench/hardware/csv.ts';
import { expectedDummies, expectedStorageBits } from '../../hardware/formats/index.ts';
import { weightBits } from '../../hardware/weight-bits.ts';
import { WEIGHT_FORMATS } from '../../space/number-formats.ts';

const perWeight = (format: (typeof WEIGHT_FORMATS)[number], rows: number, cols: number): number =>
  weightBits(format, { rows, cols }) / (rows * cols);

describe('dense sizes', () => {
  it('counts scales, tables and zero points', () => {
    expect(perWeight('fp16', 64, 8)).toBe(16);
    expect(perWeight('mxfp8-e4m3', 4096, 4096)).toBe(8.25);
    expect(perWeight('mxfp6-e3m2', 4096, 4096)).toBe(6.25);
    expect(perWeight('mxfp4-e2m1', 4096, 4096)).toBe(4.25);
    expect(perWeight('mxint8', 4096, 4096)).toBe(8.25);
    expect(perWeight('int4-g32', 4096, 4096)).toBe(4.5);
    expect(perWeight('int4-g128', 4096, 4096)).toBe(4.125);
    expect(weightBits('nvfp4', { rows: 64, cols: 2 })).toBe(2 * 64 * 4.5 + 32);
    expect(weightBits('codebook-8x4', { rows: 64, cols: 2 })).toBe(2 * 16 * 8 + 256 * 4 * 16);
  });

  it('pays a whole scale for a block that is not full', () => {
    expect(weightBits('mxfp4-e2m1', { rows: 34, cols: 2 })).toBe(2 * (34 * 4 + 2 * 8));
  });
});

describe('sparse sizes', () => {
  interface Ratio {
    sparsity: number;
    dummies: number;
    ratios: Record<string, number>;
    bitmask: Record<string, number>;
  }
  const golden = readFixtureJson('delta_csc_ratios.json') as Ratio[];
  const shape = { rows: 4096, cols: 5 };
  const delta = { kind: 'delta-csc', deltaBits: 4 } as const;

  it('reproduces the exact expectations', () => {
    for (const { sparsity, dummies, ratios, bitmask } of golden) {
      expect(expectedDummies(4096, sparsity, 4)).toBeCloseTo(dummies, 6);
      const dense = 16 * 4096 * 5;
      expect(dense / expectedStorageBits('fp16', shape, sparsity, delta)).toBeCloseTo(
        ratios['v16/dense16']!,
        9,
      );
      expect(dense / expectedStorageBits('mxfp6-e2m3', shape, sparsity, delta)).toBeCloseTo(
        ratios['mxfp6 6.25/dense16']!,
        9,
      );
      expect(dense / expectedStorageBits('fp16', shape, sparsity, { kind: 'bitmask' })).toBeCloseTo(
        bitmask['16']!,
        9,
      );
    }
  });

  it('agrees with a simulation of the encoder', () => {
    let state = 12345;
    const random = () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) / 2 ** 24;
    };
    let dummies = 0;
    const columns = 4000;
    for (let c = 0; c < columns; c += 1) {
      let zeros = 0;
      for (let i = 0; i < 200; i += 1) {
        if (random() < 0.9) zeros += 1;
        else {
          dummies += Math.floor(zeros / 16);
          zeros = 0;
        }
      }
    }
    expect(dummies / columns / expectedDummies(200, 0.9, 4)).toBeCloseTo(1, 1);
  });

  it('takes the smallest form and never exceeds the dense one', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...WEIGHT_FORMATS),
        fc.integer({ min: 1, max: 2000 }),
        fc.integer({ min: 1, max: 40 }),
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        (format, rows, cols, sparsity) => {
          const bits = weightBits(format, { rows, cols }, sparsity);
          expect(bits).toBeLessThanOrEqual(weightBits(format, { rows, cols }) + 1e-6);
          expect(bits).toBeGreaterThan(0);
        },
      ),
    );
  });

  it('shrinks as zeros are added', () => {
    for (const format of WEIGHT_FORMATS) {
      let last = Number.POSITIVE_INFINITY;
      for (let s = 0; s < 1; s += 0.01) {
        const bits = weightBits(format, shape, s);
        expect(bits, `${format} ${s}`).toBeLessThanOrEqual(last + 1e-6);
        last = bits;
      }
    }
  });
});
