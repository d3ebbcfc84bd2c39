import { describe, expect, it } from 'vitest';
import {
  fitAcceptance,
  type MeasuredPair,
  type PairFacts,
} from '../../../evaluators/speculation/predict-acceptance.ts';
import { deriveRng } from '../../../space/random.ts';

/** A law of the assumed form, and pairs that follow it up to noise. */
function law({ targetBitsPerByte, draftBitsPerByte, targetParameters, draftParameters }: PairFacts): number {
  const z =
    2 - 3 * (draftBitsPerByte - targetBitsPerByte) + 0.2 * Math.log(draftParameters / targetParameters);
  return 1 / (1 + Math.exp(-z));
}

function pairs(n: number, noise: number): MeasuredPair[] {
  const rng = deriveRng(1, n, 'pairs');
  return Array.from({ length: n }, (_, i) => {
    const targetBitsPerByte = 1.5 + rng.uniform();
    const facts = {
      targetBitsPerByte,
      draftBitsPerByte: targetBitsPerByte + rng.uniform(),
      targetParameters: 1e6,
      draftParameters: 10 ** (4 + 2 * rng.uniform()),
    };
    return { ...facts, acceptance: law(facts) + noise * rng.normal(), group: `draft ${i % 5}` };
  });
}

describe('fitAcceptance', () => {
  it('recovers a law and says how well', () => {
    const model = fitAcceptance(pairs(40, 0.01));
    expect(model.expectedError).toBeLessThan(0.02);
    for (const pair of pairs(17, 0))
      expect(Math.abs(model.predict(pair) - pair.acceptance)).toBeLessThan(0.02);
  });

  it('reports a larger error where acceptance follows no law', () => {
    const rng = deriveRng(2, 0, 'noise');
    const noisy = pairs(40, 0).map((pair) => ({ ...pair, acceptance: rng.uniform() }));
    expect(fitAcceptance(noisy).expectedError).toBeGreaterThan(0.15);
  });

  it('promises nothing from one group, and predicts its level', () => {
    const one = pairs(3, 0).map((pair) => ({ ...pair, group: 'a', acceptance: 0.7 }));
    const model = fitAcceptance(one);
    expect(model.expectedError).toBe(Number.POSITIVE_INFINITY);
    expect(model.predict(one[0]!)).toBeCloseTo(0.7, 6);
    expect(() => fitAcceptance([])).toThrow('no measured pair');
  });

  it('takes acceptances of 0 and 1', () => {
    const extreme = pairs(6, 0).map((pair, i) => ({ ...pair, acceptance: i % 2 }));
    expect(Number.isFinite(fitAcceptance(extreme).predict(extreme[0]!))).toBe(true);
  });
});
