// What every engine offers: a tfjs function turned into a program over caller-owned memory.

import type * as tf from '@tensorflow/tfjs';
import { Tensor } from 'onnxruntime-node';
import { sizeOf } from './graph.ts';

export type FeedArray = Float32Array | Int32Array;

/** A tensor in memory that programs read as input and write as output. */
export type Buffer = Tensor;

export interface InputSpec {
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
}

/** A tfjs function from named tensors to named tensors. It never reads a tensor's values. */
export type TensorFunction = (inputs: Record<string, tf.Tensor>) => Record<string, tf.Tensor>;

export type Feeds = Readonly<Record<string, Buffer>>;

export interface CompiledProgram {
  /**
   * Computes the outputs named in `fetches` straight into the buffers given there.
   * A buffer may be input of one call and output of the next, never both in one call.
   */
  run(feeds: Feeds, fetches: Feeds): Promise<void>;
  release(): Promise<void>;
}

/** Turns tfjs functions into programs. */
export interface Engine {
  compile(inputs: Readonly<Record<string, InputSpec>>, body: TensorFunction): Promise<CompiledProgram>;
}

/** `data` (memory is allocated when absent) seen as a tensor of `shape`. */
export function bufferOf(
  shape: readonly number[],
  dtype: 'float32' | 'int32' = 'float32',
  data?: FeedArray,
): Buffer {
  const length = sizeOf(shape);
  if (data !== undefined && data.length !== length)
    throw new RangeError(`${data.length} values for shape [${shape.join(', ')}]`);
  return dtype === 'float32'
    ? new Tensor('float32', (data as Float32Array | undefined) ?? new Float32Array(length), shape)
    : new Tensor('int32', (data as Int32Array | undefined) ?? new Int32Array(length), shape);
}
