// The machine's own rate on one large matrix product, by the same runtime that trains.

import * as tf from '@tensorflow/tfjs';
import { bufferOf } from '../../evaluators/engine/program.ts';
import { onnxEngine } from '../../evaluators/engine/session.ts';

const SIDE = 1024;
export const LARGE_PRODUCT_OPERATIONS = 2 * SIDE ** 3;

/** One product of two 1024 x 1024 matrices on one thread. */
export async function largeProduct(): Promise<() => Promise<void>> {
  const shape = [SIDE, SIDE];
  const spec = { shape, dtype: 'float32' as const };
  const program = await onnxEngine().compile({ a: spec, b: spec }, ({ a, b }) => ({ c: tf.matMul(a!, b!) }));
  const ramp = () => Float32Array.from({ length: SIDE * SIDE }, (_, i) => Math.sin(i));
  const feeds = { a: bufferOf(shape, 'float32', ramp()), b: bufferOf(shape, 'float32', ramp()) };
  const fetches = { c: bufferOf(shape) };
  return () => program.run(feeds, fetches);
}
