// One suite for all engines: those that do not run here must say so in one line.
import * as tf from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import { checkEngine, createEngine } from '../../../evaluators/engine/create.ts';
import {
  loadEagerBackend,
  oneHotByComparison,
  segmentSumByProduct,
} from '../../../evaluators/engine/eager.ts';
import { EngineError } from '../../../evaluators/engine/engine-error.ts';
import { bufferOf } from '../../../evaluators/engine/program.ts';
import { freshState, Trainer } from '../../../evaluators/training/program.ts';
import { DEFAULT_ENGINE, type EngineSpec } from '../../../space/engine-spec.ts';
import { ADAMW, architectureOf, batchOf, weightsOf } from '../training/reference.ts';

const ARCHITECTURE = architectureOf([
  { nHeads: 2, nKvHeads: 1, dFf: 8 },
  { nHeads: 0, nKvHeads: 0, dFf: 8 },
]);

const ENGINES: readonly EngineSpec[] = [
  DEFAULT_ENGINE,
  { ...DEFAULT_ENGINE, threads: 2 },
  { ...DEFAULT_ENGINE, provider: 'webgpu' },
  { ...DEFAULT_ENGINE, provider: 'cuda' },
  { ...DEFAULT_ENGINE, name: 'cpu' },
  { ...DEFAULT_ENGINE, name: 'wasm' },
  { ...DEFAULT_ENGINE, name: 'tensorflow' },
];

async function losses(settings: EngineSpec): Promise<number[]> {
  const engine = createEngine(settings);
  const trainer = await Trainer.create(
    ARCHITECTURE,
    ADAMW,
    2,
    freshState(ARCHITECTURE, weightsOf(ARCHITECTURE)),
    engine,
  );
  const batch = batchOf(ARCHITECTURE, 2);
  trainer.tokens.set(batch.tokens);
  trainer.targets.set(batch.targets);
  const seen: number[] = [];
  for (let step = 0; step < 3; step++) seen.push((await trainer.step(0.01)).loss);
  await trainer.release();
  return seen;
}

describe.each(ENGINES)('%o', (settings) => {
  test('runs the same training, or names what is missing', async () => {
    const problem = await checkEngine(settings).then(
      () => undefined,
      (error: Error) => error,
    );
    if (problem !== undefined) {
      expect(settings.name === 'cpu' || (settings.name === 'onnx' && settings.provider === 'cpu')).toBe(
        false,
      );
      expect(problem).toBeInstanceOf(EngineError);
      expect(problem.message).toMatch(/^engine "(onnx|wasm|tensorflow)" /);
      expect(problem.message).not.toMatch(/\n|onnxruntime_src/);
      return;
    }
    const expected = await losses(DEFAULT_ENGINE);
    (await losses(settings)).forEach((loss, i) => {
      expect(Math.abs(loss - expected[i]!)).toBeLessThan(1e-4);
    });
  });

  test('reads and writes the memory it is given, and leaves its input alone', async () => {
    if ((await checkEngine(settings).catch(() => 'absent')) === 'absent') return;
    const shape = [2, 3];
    const inputs = { x: { shape, dtype: 'float32' as const } };
    const program = await createEngine(settings).compile(inputs, ({ x }) => ({
      twice: tf.add(x!, x!),
      sum: tf.sum(x!),
    }));
    const data = Float32Array.of(1, 2, 3, 4, 5, 6);
    const feeds = { x: bufferOf(shape, 'float32', data) };
    const fetches = { twice: bufferOf(shape), sum: bufferOf([]) };
    await program.run(feeds, fetches);
    expect([...(fetches.twice.data as Float32Array)]).toEqual([2, 4, 6, 8, 10, 12]);
    data[0] = 11;
    await program.run(feeds, fetches);
    expect((fetches.sum.data as Float32Array)[0]).toBe(31);
    expect([...data]).toEqual([11, 2, 3, 4, 5, 6]);
    await program.release();
  });
});

test('one-hot floats by comparison, for the backend whose kernel writes integers', async () => {
  await loadEagerBackend('cpu');
  const ids = tf.tensor2d([2, 0, 2, 1, 5, -1], [2, 3], 'int32');
  const expected = await tf.oneHot(ids, 4, 2, -1, 'float32').data();
  expect(await oneHotByComparison(ids, 4, 2, -1).data()).toEqual(expected);
});

test('sums of rows by a product with a one-hot matrix, for the backend that lacks the kernel', async () => {
  await loadEagerBackend('cpu');
  const x = tf.randomNormal([6, 2, 3]);
  const ids = tf.tensor1d([2, 0, 2, 1, 2, 0], 'int32');
  const expected = await tf.unsortedSegmentSum(x, ids, 4).data();
  const actual = await segmentSumByProduct(x, ids, 4).data();
  actual.forEach((value, i) => {
    expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-6);
  });
});
