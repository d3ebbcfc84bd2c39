import type * as tf from '@tensorflow/tfjs';
import { expect } from 'vitest';
import { type EagerBackend, eagerEngine } from '../../../evaluators/engine/eager.ts';
import { type Graph, sizeOf } from '../../../evaluators/engine/graph.ts';
import { type Buffer, bufferOf, type TensorFunction } from '../../../evaluators/engine/program.ts';
import { compileGraph } from '../../../evaluators/engine/session.ts';
import { trace } from '../../../evaluators/engine/trace.ts';
import { deriveRng } from '../../../space/random.ts';

export interface Given {
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
  readonly data: Float32Array | Int32Array;
}

export type Results = Record<string, Float32Array | Int32Array>;

/** Normal numbers, the same for the same name and shape. */
export function floats(shape: readonly number[], name = 'x'): Given {
  const rng = deriveRng(1, sizeOf(shape), name);
  return { shape, dtype: 'float32', data: Float32Array.from({ length: sizeOf(shape) }, () => rng.normal()) };
}

export function integers(shape: readonly number[], below: number): Given {
  const rng = deriveRng(2, sizeOf(shape), 'integers');
  return { shape, dtype: 'int32', data: Int32Array.from({ length: sizeOf(shape) }, () => rng.below(below)) };
}

const buffersOf = (given: Readonly<Record<string, Given>>): Record<string, Buffer> =>
  Object.fromEntries(
    Object.entries(given).map(([name, { shape, dtype, data }]) => [name, bufferOf(shape, dtype, data)]),
  );

function fetchesOf(graph: Graph): Record<string, Buffer> {
  return Object.fromEntries(
    [...graph.outputs].map(([name, id]) => {
      const { shape, dtype } = graph.values[id]!;
      return [name, bufferOf(shape, dtype === 'int32' ? 'int32' : 'float32')];
    }),
  );
}

const dataOf = (buffers: Record<string, Buffer>): Results =>
  Object.fromEntries(
    Object.entries(buffers).map(([name, { data }]) => [name, data as Float32Array | Int32Array]),
  );

export async function runGraph(graph: Graph, given: Readonly<Record<string, Given>>): Promise<Results> {
  const program = await compileGraph(graph);
  const fetches = fetchesOf(graph);
  try {
    await program.run(buffersOf(given), fetches);
  } finally {
    await program.release();
  }
  return dataOf(fetches);
}

/** What one of tfjs's backends makes of `f`, as `y`. */
export async function runEager(
  backend: EagerBackend,
  given: Readonly<Record<string, Given>>,
  f: (inputs: Record<string, tf.Tensor>) => tf.Tensor,
): Promise<Results> {
  const graph = trace(given, single(f));
  const fetches = fetchesOf(graph);
  const program = await eagerEngine(backend).compile(given, single(f));
  await program.run(buffersOf(given), fetches);
  return dataOf(fetches);
}

/** What ONNX Runtime makes of the traced function and what tfjs's own cpu backend makes of it. */
export async function runBoth(
  given: Readonly<Record<string, Given>>,
  body: TensorFunction,
): Promise<{ readonly traced: Results; readonly eager: Results; readonly graph: Graph }> {
  const graph = trace(given, body);
  const traced = await runGraph(graph, given);
  const fetches = fetchesOf(graph);
  const program = await eagerEngine('cpu').compile(given, body);
  await program.run(buffersOf(given), fetches);
  return { traced, eager: dataOf(fetches), graph };
}

/** Every value of `actual` within `relative` of `expected`, measured against the largest of the tensor. */
export function expectClose(actual: Results, expected: Results, relative: number): void {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, values] of Object.entries(expected)) {
    let scale = 1e-3;
    for (const value of values) scale = Math.max(scale, Math.abs(value));
    expect(actual[name]!.length, name).toBe(values.length);
    for (let i = 0; i < values.length; i++) {
      const error = Math.abs(actual[name]![i]! - values[i]!) / scale;
      if (!(error <= relative))
        expect.fail(`${name}[${i}]: ${actual[name]![i]} against ${values[i]}, off by ${error} of ${scale}`);
    }
  }
}

export const single =
  (f: (inputs: Record<string, tf.Tensor>) => tf.Tensor): TensorFunction =>
  (inputs) => ({ y: f(inputs) });
