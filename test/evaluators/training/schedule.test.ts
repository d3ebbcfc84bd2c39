import fc from 'fast-check';
import { expect, test } from 'vitest';
import { learningRateAt } from '../../../evaluators/training/schedule.ts';

const settings = { learningRate: 0.01, warmupSteps: 10 };

test('warms up in a straight line, then falls along a cosine to a tenth', () => {
  expect(learningRateAt(settings, 1, 0, 110)).toBeCloseTo(0.001, 12);
  expect(learningRateAt(settings, 10, 0, 110)).toBeCloseTo(0.01, 12);
  expect(learningRateAt(settings, 60, 0, 110)).toBeCloseTo(0.0055, 12);
  expect(learningRateAt(settings, 110, 0, 110)).toBeCloseTo(0.001, 12);
});

test('a leg that continues from a lower rung looks like one that starts there', () => {
  for (let step = 1; step <= 50; step++) {
    expect(learningRateAt(settings, 100 + step, 100, 150)).toBe(learningRateAt(settings, step, 0, 50));
  }
});

test('never above the peak, never at or below 0, never rising after the warm-up', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 1, max: 200 }), (warmupSteps, steps) => {
      let last = Number.POSITIVE_INFINITY;
      for (let step = 1; step <= steps; step++) {
        const rate = learningRateAt({ learningRate: 0.01, warmupSteps }, step, 0, steps);
        expect(rate).toBeGreaterThan(0);
        expect(rate).toBeLessThanOrEqual(0.01);
        if (step > warmupSteps) expect(rate).toBeLessThanOrEqual(last);
        last = rate;
      }
    }),
  );
});
