import { expect, test } from 'vitest';
import { fitLossChange, type LossObservation } from '../../../evaluators/compression/loss-change.ts';
import { createNoiseProfile, outputNoise } from '../../../evaluators/compression/noise.ts';
import { initialWeights } from '../../../evaluators/model/parameters.ts';
import { deriveRng } from '../../../space/random.ts';
import { deploymentOf, TINY } from './tiny.ts';

const COEFFICIENTS = [0.5, 2, 0, 1, 4, 0.2];

/** Disturbances over four decades, and the loss they cause by a law with this power. */
function observations(count: number, power: number, seed: number): LossObservation[] {
  const rng = deriveRng(seed, count, 'observations');
  return Array.from({ length: count }, () => {
    const features = Float64Array.from(COEFFICIENTS, () => 10 ** (-4 + 4 * rng.uniform()));
    const sum = COEFFICIENTS.reduce((total, c, j) => total + c * (features[j]! + 2 * features[j]! ** 2), 0);
    return { features, lossChange: sum ** power };
  });
}

test('the law behind the measurements is found, and holds for deployments that were not measured', () => {
  for (const power of [0.8, 1.25]) {
    const predictor = fitLossChange(observations(30, power, 1));
    expect(predictor.power).toBe(power);
    let [error, total] = [0, 0];
    for (const { features, lossChange } of observations(50, power, 2)) {
      error += Math.abs(predictor.predict(features) - lossChange);
      total += lossChange;
    }
    expect(error).toBeLessThan(0.1 * total);
    expect(predictor.leftOutError).toBeGreaterThan(0);
  }
});

test('more disturbance never predicts less loss', () => {
  const measured = observations(12, 1.25, 3).map(({ features, lossChange }, i) => ({
    features,
    // Noise of the measurement, below zero too.
    lossChange: lossChange + (i % 2 === 0 ? 0.02 : -0.02),
  }));
  const predictor = fitLossChange(measured);
  for (const { features } of observations(20, 1, 4)) {
    const louder = features.map((x) => 2 * x);
    expect(predictor.predict(louder)).toBeGreaterThanOrEqual(predictor.predict(features));
  }
});

test('two observations are too few', () => {
  expect(() => fitLossChange(observations(2, 1, 1))).toThrow(/at least 3/);
});

test('output noise is that of the outputs on real inputs', () => {
  const [rows, cols, nSamples] = [5, 3, 40];
  const rng = deriveRng(1, 1, 'noise');
  const draw = (length: number) => Float32Array.from({ length }, () => rng.normal());
  const [before, after, inputs] = [draw(rows * cols), draw(rows * cols), draw(nSamples * rows)];
  const moments = new Float64Array(rows * rows);
  let [signal, noise] = [0, 0];
  for (let s = 0; s < nSamples; s++) {
    const x = inputs.subarray(s * rows, (s + 1) * rows);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < rows; j++) moments[i * rows + j] = moments[i * rows + j]! + x[i]! * x[j]!;
    }
    for (let col = 0; col < cols; col++) {
      let [y, change] = [0, 0];
      for (let i = 0; i < rows; i++) {
        y += x[i]! * before[i * cols + col]!;
        change += x[i]! * (after[i * cols + col]! - before[i * cols + col]!);
      }
      signal += y * y;
      noise += change * change;
    }
  }
  expect(outputNoise(before, after, { rows, cols }, moments)).toBeCloseTo(noise / signal, 6);
  expect(outputNoise(before, before, { rows, cols }, moments)).toBe(0);
});

test('a profile tells which part is disturbed', () => {
  const weights = initialWeights(TINY, deriveRng(1, 0, 'profile'));
  const profile = createNoiseProfile(TINY, weights, {});
  const exact = { weightFormat: 'fp32', sparsity: 0 } as const;
  const plain = profile({ ...deploymentOf('fp32'), embedding: exact });
  expect([...plain]).toEqual(Array(8).fill(0));
  const mixed = deploymentOf('fp32');
  const rough = { weightFormat: 'mxfp4-e2m1', sparsity: 0.5 } as const;
  const features = profile({
    ...mixed,
    embedding: exact,
    layers: [mixed.layers[0]!, { attention: exact, feedForward: rough }],
    kvCacheFormat: 'int8',
  });
  expect([...features].map((x) => x > 0)).toEqual([false, false, false, true, false, false, false, true]);
  const eight = profile({ ...deploymentOf('mxint8'), embedding: exact });
  expect(eight[3]).toBeLessThan(features[3]! / 10);
});
