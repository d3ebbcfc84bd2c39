import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unpackBits } from '../../../hardware/formats/bit-pack.ts';
import { decodeDense } from '../../../hardware/formats/dense.ts';
import {
  denseBits,
  encodedBits,
  expectedDummies,
  expectedStorageBits,
  expectedWeightBits,
} from '../../../hardware/formats/sizes.ts';
import {
  type DeltaCscTensor,
  decodeBitmask,
  decodeDeltaCsc,
  encodeBitmask,
  encodeDeltaCsc,
} from '../../../hardware/formats/sparse.ts';
import { deriveRng } from '../../../space/random.ts';

const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../fixtures/formats/${name}`, import.meta.url), 'utf8'));

interface GoldenColumn {
  readonly name: string;
  readonly delta_bits: number;
  readonly column: number[];
  readonly values: number[];
  readonly deltas: number[];
  readonly count: number;
}
const golden: GoldenColumn[] = fixture('delta-csc-golden.json').cases;

const deltasOf = ({ deltas, deltaBits, values }: DeltaCscTensor) =>
  Array.from(unpackBits(deltas, deltaBits, values.length));

/** The rule, entry by entry: a dummy for each 2^deltaBits zeros before a non-zero, nothing for those at the end. */
function slowColumn(column: ArrayLike<number>, deltaBits: number) {
  const values: number[] = [];
  const deltas: number[] = [];
  let zeros = 0;
  for (const value of Array.from(column)) {
    if (value === 0) {
      zeros += 1;
      continue;
    }
    while (zeros > 2 ** deltaBits - 1) {
      values.push(0);
      deltas.push(2 ** deltaBits - 1);
      zeros -= 2 ** deltaBits;
    }
    values.push(value);
    deltas.push(zeros);
    zeros = 0;
  }
  return { values, deltas };
}

/** A matrix of small whole numbers, exact in every format, zero with a drawn probability. */
const matrix = fc
  .record({
    rows: fc.integer({ min: 1, max: 70 }),
    cols: fc.integer({ min: 1, max: 40 }),
    seed: fc.integer(),
    sparsity: fc.constantFrom(0, 0.3, 0.8, 0.97, 1),
  })
  .map(({ rows, cols, seed, sparsity }) => {
    const rng = deriveRng(seed, 0, 'test');
    const draw = () =>
      rng.uniform() < sparsity ? 0 : rng.below(2) === 0 ? 1 + rng.below(6) : -1 - rng.below(6);
    return { rows, cols, dense: Float32Array.from({ length: rows * cols }, draw) };
  });

function columnOf(dense: Float32Array, rows: number, cols: number, col: number): number[] {
  return Array.from({ length: rows }, (_, row) => dense[row * cols + col]!);
}

describe('delta CSC', () => {
  it.each(golden)('golden column: $name', ({ delta_bits: deltaBits, column, values, deltas, count }) => {
    const tensor = encodeDeltaCsc(Float32Array.from(column), {
      rows: column.length,
      cols: 1,
      deltaBits,
      valueFormat: 'fp16',
    });
    expect(deltasOf(tensor)).toEqual(deltas);
    expect(Array.from(decodeDense(tensor.values))).toEqual(values);
    expect(Array.from(tensor.counts)).toEqual([count]);
    expect(Array.from(decodeDeltaCsc(tensor))).toEqual(column);
  });

  it('equals the rule applied column by column, for every width, and decodes to the matrix', () => {
    fc.assert(
      fc.property(matrix, fc.integer({ min: 2, max: 8 }), ({ rows, cols, dense }, deltaBits) => {
        const tensor = encodeDeltaCsc(dense, { rows, cols, deltaBits, valueFormat: 'fp16' });
        const columns = Array.from({ length: cols }, (_, col) =>
          slowColumn(columnOf(dense, rows, cols, col), deltaBits),
        );
        expect(deltasOf(tensor)).toEqual(columns.flatMap(({ deltas }) => deltas));
        expect(Array.from(decodeDense(tensor.values))).toEqual(columns.flatMap(({ values }) => values));
        expect(Array.from(tensor.counts)).toEqual(columns.map(({ values }) => values.length));
        expect(decodeDeltaCsc(tensor)).toEqual(dense);
      }),
    );
  });

  it('stores MX values in blocks of 32 consecutive entries', () => {
    const dense = Float32Array.from({ length: 4 * 40 }, (_, i) => (i % 4 === 1 ? 0 : 1 + (i % 3)));
    const tensor = encodeDeltaCsc(dense, { rows: 40, cols: 4, deltaBits: 4, valueFormat: 'mxfp6-e2m3' });
    expect(tensor.values).toMatchObject({ format: 'mxfp6-e2m3', length: 120, scales: { length: 4 } });
    expect(decodeDeltaCsc(tensor)).toEqual(dense);
  });

  it('takes the sign of zero for a zero and keeps tiny values as entries', () => {
    const dense = Float32Array.of(0, -0, 1e-30, -1);
    const tensor = encodeDeltaCsc(dense, { rows: 4, cols: 1, deltaBits: 2, valueFormat: 'fp16' });
    expect(deltasOf(tensor)).toEqual([2, 0]);
    expect(Array.from(decodeDeltaCsc(tensor))).toEqual([0, 0, 0, -1]);
  });

  it('counts in 32 bits where a column is too long for 16', () => {
    const dense = new Float32Array(70_000).fill(1);
    const tensor = encodeDeltaCsc(dense, { rows: 70_000, cols: 1, deltaBits: 2, valueFormat: 'mxfp4-e2m1' });
    expect(tensor.counts).toEqual(Uint32Array.of(70_000));
  });

  it('refuses wrong shapes, widths, vector codebooks, and damaged tensors', () => {
    const options = { rows: 4, cols: 2, deltaBits: 4, valueFormat: 'fp16' } as const;
    const dense = Float32Array.of(0, 0, 0, 0, 0, 0, 1, 1);
    expect(() => encodeDeltaCsc(dense, { ...options, cols: 3 })).toThrow(
      '8 values do not fill 4 rows x 3 columns',
    );
    expect(() => encodeDeltaCsc(dense, { ...options, deltaBits: 9 })).toThrow(
      'deltaBits must be a whole number from 2 to 8, got 9',
    );
    expect(() => encodeDeltaCsc(dense, { ...options, valueFormat: 'codebook-8x2' })).toThrow('use a bitmask');
    const tensor = encodeDeltaCsc(dense, options);
    expect(() => decodeDeltaCsc({ ...tensor, deltas: Uint8Array.of(0xff) })).toThrow(
      'an entry lies at row 15 of 4',
    );
    expect(() => decodeDeltaCsc({ ...tensor, counts: Uint16Array.of(1, 2) })).toThrow(
      '2 counts of 3 entries',
    );
    expect(() => decodeDeltaCsc({ ...tensor, deltas: new Uint8Array(9) })).toThrow(
      '2 codes of 4 bits need 1 bytes, got 9',
    );
  });
});

describe('bitmask', () => {
  it('decodes to the matrix and has one bit a position', () => {
    fc.assert(
      fc.property(matrix, ({ rows, cols, dense }) => {
        const tensor = encodeBitmask(dense, { rows, cols, valueFormat: 'fp16' });
        const nonZeros = dense.filter((x) => x !== 0).length;
        expect(decodeBitmask(tensor)).toEqual(dense);
        expect(encodedBits(tensor)).toBe(8 * Math.ceil((rows * cols) / 8) + 16 * nonZeros);
      }),
    );
  });

  it('holds vectors of a codebook', () => {
    const dense = Float32Array.from({ length: 64 }, (_, i) => (i % 3 === 0 ? 0 : (i % 5) - 6));
    const tensor = encodeBitmask(dense, { rows: 8, cols: 8, valueFormat: 'codebook-8x2' });
    expect(decodeBitmask(tensor)).toEqual(dense);
  });

  it('refuses a mask that does not fit its values', () => {
    const tensor = encodeBitmask(Float32Array.of(1, 0, 2), { rows: 3, cols: 1, valueFormat: 'fp16' });
    expect(() => decodeBitmask({ ...tensor, mask: Uint8Array.of(7) })).toThrow(
      'the mask has 3 bits for 2 values',
    );
  });
});

const ROWS = 4096;

function ratioOf(dense: Float32Array, cols: number): number {
  const tensor = encodeDeltaCsc(dense, { rows: ROWS, cols, deltaBits: 4, valueFormat: 'fp16' });
  return (16 * dense.length) / encodedBits(tensor);
}

describe('compression at 80 % sparsity, FP16, 4-bit deltas, columns of 4,096', () => {
  it('is 3.88 for random zeros', () => {
    const rng = deriveRng(5, 0, 'test');
    const cols = 256;
    const dense = Float32Array.from({ length: ROWS * cols }, () => (rng.uniform() < 0.8 ? 0 : 1));
    expect(ratioOf(dense, cols)).toBeCloseTo(3.884, 2);
  });

  it('is 4.0 within 0.1 % for evenly spread zeros', () => {
    const ratio = ratioOf(
      Float32Array.from({ length: ROWS }, (_, row) => Number(row % 5 === 4)),
      1,
    );
    expect(Math.abs(ratio / 4 - 1)).toBeLessThan(0.001);
  });

  it('is 3.2 in the worst case, whole runs of 16 zeros', () => {
    const dense = Float32Array.from({ length: ROWS }, (_, row) =>
      Number(row < 204 * 17 ? row % 17 === 16 : row < 204 * 17 + 615),
    );
    expect(dense.filter((x) => x !== 0).length).toBe(819);
    expect(ratioOf(dense, 1)).toBeCloseTo(3.2, 2);
  });
});

describe('expected sizes', () => {
  it('equal the exact table: dummies and ratios by sparsity', () => {
    interface Row {
      readonly sparsity: number;
      readonly dummies: number;
      readonly ratios: Record<'v16/dense16' | 'mxfp6 6.25/dense16', number>;
      readonly bitmask: Record<'16', number>;
    }
    const rows: Row[] = fixture('delta-csc-ratios.json');
    expect(rows.length).toBeGreaterThan(8);
    for (const { sparsity, dummies, ratios, bitmask } of rows) {
      const shape = { rows: ROWS, cols: 1 };
      const ratio = (format: 'fp16' | 'mxfp6-e2m3', kind: 'delta-csc' | 'bitmask') =>
        (16 * ROWS) / expectedStorageBits(format, shape, sparsity, { kind, deltaBits: 4 });
      expect(expectedDummies(ROWS, sparsity, 4)).toBeCloseTo(dummies, 6);
      expect(ratio('fp16', 'delta-csc')).toBeCloseTo(ratios['v16/dense16'], 9);
      expect(ratio('mxfp6-e2m3', 'delta-csc')).toBeCloseTo(ratios['mxfp6 6.25/dense16'], 9);
      expect(ratio('fp16', 'bitmask')).toBeCloseTo(bitmask['16'], 9);
    }
  });

  it('agree with brute force: the mean over every column of a short matrix, by its probability', () => {
    const rows = 11;
    for (const deltaBits of [2, 3]) {
      for (const sparsity of [0.3, 0.8]) {
        let mean = 0;
        for (let pattern = 0; pattern < 2 ** rows; pattern += 1) {
          const column = Array.from({ length: rows }, (_, row) => (pattern >> row) & 1);
          const nonZeros = column.filter((x) => x === 1).length;
          const dummies = slowColumn(column, deltaBits).values.length - nonZeros;
          mean += dummies * (1 - sparsity) ** nonZeros * sparsity ** (rows - nonZeros);
        }
        expect(expectedDummies(rows, sparsity, deltaBits)).toBeCloseTo(mean, 10);
      }
    }
  });

  it('cross from bitmask to 4-bit deltas where the theory puts it, and back', () => {
    const crossing = (format: 'fp16' | 'fp8' | 'mxfp6-e2m3', low: number, high: number): number => {
      const saved = (sparsity: number) =>
        expectedStorageBits(format, { rows: ROWS, cols: 1 }, sparsity, { kind: 'bitmask' }) -
        expectedStorageBits(format, { rows: ROWS, cols: 1 }, sparsity, { kind: 'delta-csc', deltaBits: 4 });
      const rising = saved(high) > saved(low);
      for (let i = 0; i < 40; i += 1) {
        const middle = (low + high) / 2;
        if (saved(middle) > 0 === rising) high = middle;
        else low = middle;
      }
      return low;
    };
    expect(crossing('fp16', 0.6, 0.85)).toBeCloseTo(0.7685, 3);
    expect(crossing('fp8', 0.6, 0.85)).toBeCloseTo(0.76, 3);
    expect(crossing('mxfp6-e2m3', 0.6, 0.85)).toBeCloseTo(0.7585, 3);
    expect(crossing('fp16', 0.9, 0.98)).toBeCloseTo(0.954, 2);
  });

  it('are exact for dense matrices and never above them', () => {
    expect(expectedWeightBits('mxfp6-e2m3', { rows: 64, cols: 3 }, 0)).toBe(192 * 6 + 6 * 8);
    expect(denseBits('mxfp6-e2m3', 33, 1)).toBe(8 * Math.ceil((33 * 6) / 8) + 2 * 8);
    expect(expectedWeightBits('fp16', { rows: 64, cols: 3 }, 0.01)).toBe(16 * 192);
    expect(() => expectedWeightBits('fp16', { rows: 1, cols: 1 }, 1.2)).toThrow(
      'sparsity must be from 0 to 1, got 1.2',
    );
  });
});
