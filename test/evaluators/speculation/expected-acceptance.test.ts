// The law that stands in for unmeasured pairs, against the measured ones of docs/speculation.md.
import { expect, test } from 'vitest';
import {
  expectedLookup,
  expectedModelAcceptance,
  expectedSelfAcceptance,
} from '../../../evaluators/speculation/expected-acceptance.ts';

const TARGET = 1_099_392;

test.each([
  [270_976, false, 0.754],
  [110_880, false, 0.667],
  [36_448, false, 0.568],
  [270_976, true, 0.802],
  [110_880, true, 0.72],
  [36_448, true, 0.633],
])('a draft of %d parameters, aligned %s, has acceptance %d', (parameters, isAligned, measured) => {
  expect(Math.abs(expectedModelAcceptance(parameters / TARGET, isAligned) - measured)).toBeLessThan(0.012);
});

test('first layers, and look-up between the temperatures that were measured', () => {
  expect(expectedSelfAcceptance(1 / 6)).toBeCloseTo(0.436, 2);
  expect(expectedSelfAcceptance(3 / 6)).toBeCloseTo(0.496, 2);
  expect(expectedLookup(0)).toEqual({ proposalRatio: 0.38, acceptance: 0.87 });
  expect(expectedLookup(0.7).acceptance).toBeCloseTo(0.29, 12);
  expect(expectedLookup(5)).toEqual(expectedLookup(1));
  const between = [0, 0.1, 0.35, 0.7, 0.8, 1].map((temperature) => expectedLookup(temperature).acceptance);
  expect(between).toEqual(between.toSorted((a, b) => b - a));
});

test('it grows with the draft and stays a share', () => {
  let last = 0;
  for (const ratio of [1e-6, 1e-3, 0.1, 1, 10]) {
    const expected = expectedModelAcceptance(ratio, false);
    expect(expected).toBeGreaterThan(last);
    expect(expected).toBeLessThan(1);
    last = expected;
  }
});
