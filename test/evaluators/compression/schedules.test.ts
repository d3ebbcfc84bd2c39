import fc from 'fast-check';
import { expect, test } from 'vitest';
import { outlierAwareSparsities, outlierShare } from '../../../evaluators/compression/layer-sparsity.ts';
import {
  isPruningStep,
  type PruningSchedule,
  scheduledSparsity,
} from '../../../evaluators/compression/pruning-schedule.ts';

const SCHEDULE: PruningSchedule = {
  initialSparsity: 0,
  finalSparsity: 0.8,
  firstStep: 11,
  lastStep: 51,
  everySteps: 10,
};

test('the cubic schedule at its published points', () => {
  expect(scheduledSparsity(SCHEDULE, 10)).toBeUndefined();
  expect(scheduledSparsity(SCHEDULE, 11)).toBe(0);
  // A quarter and a half of the way: 0.8 (1 - 0.75^3) and 0.8 (1 - 0.5^3).
  expect(scheduledSparsity(SCHEDULE, 21)).toBeCloseTo(0.4625, 12);
  expect(scheduledSparsity(SCHEDULE, 30)).toBeCloseTo(0.4625, 12);
  expect(scheduledSparsity(SCHEDULE, 31)).toBeCloseTo(0.7, 12);
  expect(scheduledSparsity(SCHEDULE, 51)).toBe(0.8);
  expect(scheduledSparsity(SCHEDULE, 500)).toBe(0.8);
  const steps = Array.from({ length: 100 }, (_, i) => i).filter((step) => isPruningStep(SCHEDULE, step));
  expect(steps).toEqual([11, 21, 31, 41, 51]);
});

test('the schedule never falls, whatever its steps', () => {
  const schedules = fc.record({
    initialSparsity: fc.constant(0),
    finalSparsity: fc.double({ min: 0, max: 1, noNaN: true }),
    firstStep: fc.integer({ min: 1, max: 20 }),
    lastStep: fc.integer({ min: 20, max: 60 }),
    everySteps: fc.integer({ min: 1, max: 15 }),
  });
  fc.assert(
    fc.property(schedules, (schedule) => {
      let last = 0;
      for (let step = 1; step < 70; step++) {
        const sparsity = scheduledSparsity(schedule, step) ?? 0;
        expect(sparsity).toBeGreaterThanOrEqual(last);
        last = sparsity;
      }
      expect(last).toBe(schedule.finalSparsity);
    }),
  );
});

test('a share of outliers is counted against the mean of the whole layer', () => {
  const scores = [Float32Array.of(1, 1, 1), Float32Array.of(1, 1, 1, 1, 1, 1, 91)];
  // Mean 10: one of ten scores is above five times that.
  expect(outlierShare(scores)).toBe(0.1);
  expect(outlierShare(scores, 10)).toBe(0);
});

test('layers with more outliers keep more; the mean over all weights is exact and every layer is in range', () => {
  const layers = fc.array(
    fc.record({ share: fc.double({ min: 0, max: 0.2, noNaN: true }), count: fc.nat(1000) }),
    {
      minLength: 1,
      maxLength: 12,
    },
  );
  fc.assert(
    fc.property(layers, fc.double({ min: 0, max: 1, noNaN: true }), (list, sparsity) => {
      const counts = list.map(({ count }) => count + 1);
      const shares = list.map(({ share }) => share);
      const sparsities = outlierAwareSparsities(shares, counts, sparsity);
      const total = counts.reduce((a, b) => a + b);
      const mean = sparsities.reduce((sum, s, i) => sum + (s * counts[i]!) / total, 0);
      expect(mean).toBeCloseTo(sparsity, 9);
      for (const s of sparsities) {
        expect(s).toBeGreaterThanOrEqual(-1e-12);
        expect(s).toBeLessThanOrEqual(1 + 1e-12);
        expect(Math.abs(s - sparsity)).toBeLessThanOrEqual(0.16 + 1e-12);
      }
      const order = [...shares.keys()].sort((a, b) => shares[a]! - shares[b]!);
      for (let i = 1; i < order.length; i++) {
        expect(sparsities[order[i]!]).toBeLessThanOrEqual(sparsities[order[i - 1]!]! + 1e-12);
      }
    }),
  );
});
