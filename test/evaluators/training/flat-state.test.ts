import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ParameterSpec } from '../../../evaluators/model/parameters.ts';
import { FlatState } from '../../../evaluators/training/flat-state.ts';
import { deriveRng } from '../../../space/random.ts';
import { ADAMW, updateInPlace } from './reference.ts';

const specOf = (size: number, i: number, decays: boolean): ParameterSpec => ({
  name: `p${i}`,
  shape: [size],
  decays,
  rateFactor: [1, 0.5, 3][i % 3]!,
  initialDeviation: 1,
});

function randomTensors(specs: readonly ParameterSpec[], seed: number, scale: number) {
  const rng = deriveRng(seed, 0, 'tensors');
  return Object.fromEntries(
    specs.map(({ name, shape }) => [
      name,
      Float32Array.from({ length: shape[0]! }, () => scale * rng.normal()),
    ]),
  );
}

const shapes = fc.array(fc.tuple(fc.integer({ min: 1, max: 70 }), fc.boolean()), {
  minLength: 1,
  maxLength: 6,
});

test('updates as AdamW in float64 does, whatever the sizes', () => {
  fc.assert(
    fc.property(shapes, fc.nat(1000), fc.constantFrom(0, 0.5, 1e6), (sizes, seed, gradientClip) => {
      const specs = sizes.map(([size, decays], i) => specOf(size, i, decays));
      const weights = randomTensors(specs, seed, 1);
      const zeros = randomTensors(specs, seed, 0);
      const state = new FlatState(specs, weights, zeros, zeros);
      const expected = { weight: weights, first: { ...zeros }, second: { ...zeros } };
      for (const { name, shape } of specs) {
        expected.first[name] = new Float32Array(shape[0]!);
        expected.second[name] = new Float32Array(shape[0]!);
      }
      for (let step = 1; step <= 3; step++) {
        const gradients = randomTensors(specs, seed + step, 0.1 * step);
        for (const { name } of specs) state.gradients[name]!.set(gradients[name]!);
        const norm = Math.hypot(...specs.flatMap(({ name }) => [...gradients[name]!]));
        expect(Math.abs(state.gradientNorm() - norm) / norm).toBeLessThan(1e-6);
        const settings = { ...ADAMW, gradientClip };
        state.update(settings, 0.01, step, state.gradientNorm());
        for (const { name, decays, rateFactor } of specs) {
          const tensors = {
            weight: expected.weight[name]!,
            first: expected.first[name]!,
            second: expected.second[name]!,
            gradient: gradients[name]!,
          };
          updateInPlace(tensors, decays, settings, 0.01 * rateFactor, step, norm);
        }
      }
      for (const { name } of specs) {
        const error = expected.weight[name]!.map((w, i) => Math.abs(state.weights[name]![i]! - w));
        expect(Math.max(...error)).toBeLessThan(1e-5);
      }
      state.release();
    }),
    { numRuns: 60 },
  );
});

test('memory that comes back is used again, larger if need be, and starts clean', () => {
  const small = [specOf(5, 0, true)];
  const ones = { p0: new Float32Array(5).fill(1) };
  const first = new FlatState(small, ones, ones, ones);
  first.gradients.p0!.fill(3);
  first.release();
  const large = [specOf(100_000, 0, true)];
  const zeros = { p0: new Float32Array(100_000) };
  const second = new FlatState(large, zeros, zeros, zeros);
  expect(second.gradientNorm()).toBe(0);
  expect(second.gradients.p0!.length).toBe(100_000);
  const third = new FlatState(small, ones, ones, ones);
  third.gradients.p0!.fill(2);
  expect(second.gradientNorm()).toBe(0);
  expect(third.gradientNorm()).toBe(Math.sqrt(20));
  second.release();
  third.release();
});

test('a gradient that is no number shows in the norm', () => {
  const specs = [specOf(40, 0, true)];
  const values = { p0: new Float32Array(40) };
  const state = new FlatState(specs, values, values, values);
  state.gradients.p0![37] = Number.NaN;
  expect(state.gradientNorm()).toBeNaN();
  state.gradients.p0![37] = 1e30;
  expect(state.gradientNorm()).toBe(Number.POSITIVE_INFINITY);
  state.release();
});
