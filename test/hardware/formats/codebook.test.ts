import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unpackBits } from '../../../hardware/formats/bit-pack.ts';
import { type CodebookOptions, decodeCodebook, encodeCodebook } from '../../../hardware/formats/codebook.ts';
import { fromHalf } from '../../../hardware/formats/float-cast.ts';
import { clusterMeans, nearest, sortedCentres } from '../../../hardware/formats/k-means.ts';
import { encodedBits } from '../../../hardware/formats/sizes.ts';
import { deriveRng } from '../../../space/random.ts';

const rng = deriveRng(3, 0, 'test');
const normal = Float32Array.from({ length: 20_000 }, () => rng.normal());

function signalToNoise(values: Float32Array, options: CodebookOptions): number {
  const decoded = decodeCodebook(encodeCodebook(values, options));
  let error = 0;
  let power = 0;
  for (const [i, value] of values.entries()) {
    error += (value - decoded[i]!) ** 2;
    power += value ** 2;
  }
  return 10 * Math.log10(power / error);
}

describe('scalar k-means', () => {
  it('reaches the optimum known for a normal distribution: 9.30 dB at 4 entries, 20.22 dB at 16', () => {
    expect(signalToNoise(normal, { indexBits: 2 })).toBeCloseTo(9.3, 0);
    expect(signalToNoise(normal, { indexBits: 4 })).toBeGreaterThan(20);
    expect(signalToNoise(normal, { indexBits: 4 })).toBeLessThan(20.6);
  });

  it('is exact where the table has room for every value', () => {
    const values = Float32Array.from({ length: 500 }, (_, i) => (i * 7) % 16);
    expect(decodeCodebook(encodeCodebook(values, { indexBits: 4 }))).toEqual(values);
  });

  it('reserves entry 0 for zero where asked', () => {
    const tensor = encodeCodebook(normal.subarray(0, 999), { indexBits: 3, zeroEntry: true });
    expect(fromHalf(tensor.table)[0]).toBe(0);
    const withZeros = Float32Array.of(0, 5, 0, -5, 0);
    expect(decodeCodebook(encodeCodebook(withZeros, { indexBits: 3, zeroEntry: true }))).toEqual(withZeros);
    const plain = decodeCodebook(encodeCodebook(normal.subarray(0, 999), { indexBits: 3 }));
    expect(plain.includes(0)).toBe(false);
  });
});

describe('vectors', () => {
  it('beat single weights at the same index bits a weight', () => {
    const scalar = signalToNoise(normal, { indexBits: 3 });
    const pairs = signalToNoise(normal, { indexBits: 6, vectorLength: 2 });
    expect(pairs).toBeGreaterThan(scalar);
  });

  it('add up: two tables are better than one, and refitting them better than the residual alone', () => {
    const one = signalToNoise(normal, { indexBits: 4, vectorLength: 2 });
    const two = signalToNoise(normal, { indexBits: 4, vectorLength: 2, codebooks: 2 });
    expect(two).toBeGreaterThan(one + 5);
  });

  it('store a last vector that is not full', () => {
    const values = normal.subarray(0, 101);
    const tensor = encodeCodebook(values, { indexBits: 8, vectorLength: 4 });
    expect(decodeCodebook(tensor).length).toBe(101);
    expect(encodedBits(tensor)).toBe(26 * 8 + 16 * 256 * 4);
  });
});

it('gives the same bytes for the same seed, and others for another', () => {
  const options = { indexBits: 4, vectorLength: 2, codebooks: 2, seed: 11 };
  const few = normal.subarray(0, 3000);
  expect(encodeCodebook(few, options)).toEqual(encodeCodebook(few, options));
  expect(encodeCodebook(few, options)).not.toEqual(encodeCodebook(few, { ...options, seed: 12 }));
});

it('spends M b / g + M K g 16 / N bits a weight', () => {
  const { length } = normal;
  for (const [indexBits, vectorLength, codebooks] of [
    [4, 1, 1],
    [5, 2, 1],
    [4, 4, 2],
  ] as const) {
    const tensor = encodeCodebook(normal, { indexBits, vectorLength, codebooks, iterations: 1 });
    const perWeight =
      (codebooks * indexBits) / vectorLength + (codebooks * 2 ** indexBits * vectorLength * 16) / length;
    expect(encodedBits(tensor) / length).toBeCloseTo(perWeight, 9);
  }
});

it('trains on a sample and still fits all values', () => {
  const sampled = signalToNoise(normal, { indexBits: 4, trainingVectors: 2000 });
  expect(sampled).toBeGreaterThan(19.5);
});

it('finds the nearest centre, the lowest index of equals, like a full search', () => {
  const coordinate = fc.integer({ min: -8, max: 8 });
  const vectors = (dims: number, max: number) =>
    fc.array(fc.array(coordinate, { minLength: dims, maxLength: dims }), { minLength: 1, maxLength: max });
  fc.assert(
    fc.property(
      fc
        .integer({ min: 1, max: 4 })
        .chain((dims) => fc.tuple(fc.constant(dims), vectors(dims, 20), vectors(dims, 20))),
      ([dims, points, centres]) => {
        const table = sortedCentres(Float32Array.from(centres.flat()), dims);
        const found = nearest(
          { values: Float32Array.from(points.flat()), dims, count: points.length },
          table,
        );
        for (const [i, point] of points.entries()) {
          const distances = Array.from(centres, (_, k) =>
            point.reduce((sum, x, d) => sum + (x - table[k * dims + d]!) ** 2, 0),
          );
          expect(found[i]).toBe(distances.indexOf(Math.min(...distances)));
        }
      },
    ),
  );
});

it('restarts an empty cluster at the farthest point', () => {
  const points = { values: Float32Array.of(0, 1, 2, 30), dims: 1, count: 4 };
  const means = clusterMeans(points, Float32Array.of(1, 99), Uint16Array.of(0, 0, 0, 0));
  expect(Array.from(means)).toEqual([8.25, 30]);
});

it('refuses options out of range, values that are not finite, and damaged tensors', () => {
  expect(() => encodeCodebook(normal, { indexBits: 13 })).toThrow(
    'indexBits must be a whole number from 1 to 12, got 13',
  );
  expect(() => encodeCodebook(normal, { indexBits: 4, codebooks: 2, zeroEntry: true })).toThrow(
    'single codebook',
  );
  expect(() => encodeCodebook(Float32Array.of(Infinity), { indexBits: 4 })).toThrow('value 0 is Infinity');
  const tensor = encodeCodebook(normal.subarray(0, 10), { indexBits: 4 });
  expect(() => decodeCodebook({ ...tensor, table: tensor.table.slice(1) })).toThrow(
    'the table needs 16 entries, got 15',
  );
  expect(unpackBits(tensor.indices, 4, 10).length).toBe(10);
  expect(decodeCodebook(encodeCodebook(new Float32Array(0), { indexBits: 4 })).length).toBe(0);
});
