import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson, hashOf } from '../../space/candidate.ts';
import { deriveRng } from '../../space/random.ts';

describe('derived generators', () => {
  test('the same arguments give the same numbers on every machine', () => {
    const rng = deriveRng(1, 2, 'golden');
    expect([rng.uint32(), rng.uint32(), rng.below(10), rng.uniform(), rng.normal()]).toMatchInlineSnapshot(`
      [
        2211849206,
        3611887670,
        8,
        0.09204000856217953,
        -0.4050267606746436,
      ]
    `);
  });

  test('seed, number and purpose each give other numbers', () => {
    const first = (...key: [number, number, string]) => deriveRng(...key).uint32();
    const draws = [first(1, 2, 'a'), first(2, 2, 'a'), first(1, 3, 'a'), first(1, 2, 'b'), first(12, 2, 'a')];
    expect(new Set(draws).size).toBe(draws.length);
  });

  test('below(n) is uniform: chi-squared within 5 standard deviations', () => {
    for (const n of [2, 3, 7, 10, 100]) {
      const rng = deriveRng(5, n, 'chi');
      const counts = Array.from({ length: n }, () => 0);
      const nDraws = 20_000;
      for (let draw = 0; draw < nDraws; draw++) counts[rng.below(n)]!++;
      const expected = nDraws / n;
      const chi = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
      expect(Math.abs(chi - (n - 1))).toBeLessThan(5 * Math.sqrt(2 * (n - 1)));
    }
  });

  test('normal draws have mean 0 and variance 1, uniform ones lie in [0, 1)', () => {
    const rng = deriveRng(6, 0, 'moments');
    const draws = Array.from({ length: 50_000 }, () => rng.normal());
    const mean = draws.reduce((sum, draw) => sum + draw, 0) / draws.length;
    const variance = draws.reduce((sum, draw) => sum + (draw - mean) ** 2, 0) / draws.length;
    expect(Math.abs(mean)).toBeLessThan(0.02);
    expect(Math.abs(variance - 1)).toBeLessThan(0.03);
    for (let draw = 0; draw < 1000; draw++) {
      const value = rng.uniform();
      expect(value >= 0 && value < 1).toBe(true);
    }
  });

  test('pick refuses an empty list; chance is exact at its ends', () => {
    const rng = deriveRng(7, 0, 'ends');
    expect(() => rng.pick([])).toThrow(RangeError);
    for (let draw = 0; draw < 100; draw++) {
      expect(rng.chance(0, 5)).toBe(false);
      expect(rng.chance(5, 5)).toBe(true);
    }
  });
});

describe('canonical JSON', () => {
  test('does not depend on the order of keys, and is JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(reversed)).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('an absent key and an undefined one are the same; what is not JSON is refused', () => {
    expect(hashOf({ a: 1, b: undefined })).toBe(hashOf({ a: 1 }));
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, [undefined], () => 1, 1n]) {
      expect(() => canonicalJson(value)).toThrow(TypeError);
    }
  });
});
