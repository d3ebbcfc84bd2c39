import * as tf from '@tensorflow/tfjs';
import { expect, test } from 'vitest';
import { bufferOf } from '../../../evaluators/engine/program.ts';
import { onnxEngine } from '../../../evaluators/engine/session.ts';

const SHAPE = [1024, 1024];
const BYTES = 4 * 1024 * 1024;
const input = { shape: SHAPE, dtype: 'float32' as const };

test('outputs are written where they are wanted, and nowhere else', async () => {
  const program = await onnxEngine().compile({ x: input }, ({ x }) => ({
    twice: tf.add(x!, x!),
    square: tf.mul(x!, x!),
  }));
  const feeds = { x: bufferOf(SHAPE, 'float32', new Float32Array(BYTES / 4).fill(3)) };
  const fetches = { twice: bufferOf(SHAPE), square: bufferOf(SHAPE) };
  await program.run(feeds, fetches);
  const before = process.memoryUsage().arrayBuffers;
  for (let run = 0; run < 3; run++) await program.run(feeds, fetches);
  // Copies of one run alone would be two matrices.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(BYTES);
  expect((fetches.twice.data as Float32Array).every((value) => value === 6)).toBe(true);
  expect((fetches.square.data as Float32Array).every((value) => value === 9)).toBe(true);
  await program.release();
});

test('a part of the outputs may be asked for', async () => {
  const shape = [2];
  const program = await onnxEngine().compile({ x: { ...input, shape } }, ({ x }) => ({
    twice: tf.add(x!, x!),
    square: tf.mul(x!, x!),
  }));
  const square = bufferOf(shape);
  await program.run({ x: bufferOf(shape, 'float32', Float32Array.of(3, 4)) }, { square });
  expect([...(square.data as Float32Array)]).toEqual([9, 16]);
  await program.release();
});

test('a run that fails says so', async () => {
  const program = await onnxEngine().compile({ x: input }, ({ x }) => ({ y: tf.exp(x!) }));
  await expect(program.run({ x: bufferOf([2, 2]) }, { y: bufferOf(SHAPE) })).rejects.toThrow(
    /Got invalid dimensions/,
  );
  await expect(program.run({}, { y: bufferOf(SHAPE) })).rejects.toThrow(/x/);
  await program.release();
});
