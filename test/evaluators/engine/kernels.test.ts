import * as tf from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import { loadEagerBackend } from '../../../evaluators/engine/eager.ts';
import { rmsNormKernel, rotaryKernel, siluKernel } from '../../../evaluators/engine/fused.ts';
import { KERNELS } from '../../../evaluators/engine/kernels.ts';
import { expectClose, floats, type Given, integers, runBoth, runEager, single } from './compare.ts';

interface Case {
  readonly name: string;
  /** The tfjs kernels that this case covers. */
  readonly kernels: readonly string[];
  readonly given: Readonly<Record<string, Given>>;
  readonly f: (inputs: Record<string, tf.Tensor>) => tf.Tensor;
  /** Inputs whose gradients are compared too. */
  readonly gradientsOf?: readonly string[];
}

const positive = (given: Given): Given => ({
  ...given,
  data: Float32Array.from(given.data, (x) => Math.abs(x) + 0.1),
});
const ab = { a: floats([3, 4], 'a'), b: positive(floats([4], 'b')) };
const x = floats([2, 3, 4]);

const binary = (kernel: string, f: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): Case[] => [
  {
    name: kernel,
    kernels: [kernel],
    given: ab,
    f: ({ a, b }) => f(a!, b!),
    gradientsOf: ['a', 'b'],
  },
  {
    name: `${kernel} with a broadcast of both sides`,
    kernels: [kernel],
    given: { a: floats([3, 1], 'a'), b: positive(floats([2, 1, 4], 'b')) },
    f: ({ a, b }) => f(a!, b!),
    gradientsOf: ['a', 'b'],
  },
];

const unary = (kernel: string, f: (x: tf.Tensor) => tf.Tensor, given = x): Case => ({
  name: kernel,
  kernels: [kernel],
  given: { x: given },
  f: (inputs) => f(inputs.x!),
  gradientsOf: ['x'],
});

const product = (
  a: readonly number[],
  b: readonly number[],
  transposeA: boolean,
  transposeB: boolean,
): Case => ({
  name: `product of [${a.join()}]${transposeA ? ' transposed' : ''} and [${b.join()}]${transposeB ? ' transposed' : ''}`,
  kernels: ['BatchMatMul'],
  given: { a: floats(a, 'a'), b: floats(b, 'b') },
  f: (inputs) => tf.matMul(inputs.a!, inputs.b!, transposeA, transposeB),
  gradientsOf: ['a', 'b'],
});

const CASES: readonly Case[] = [
  ...binary('Add', tf.add),
  ...binary('Sub', tf.sub),
  ...binary('Multiply', tf.mul),
  ...binary('RealDiv', tf.div),
  { ...binary('Maximum', tf.maximum)[0]!, gradientsOf: [] },
  { ...binary('Minimum', tf.minimum)[0]!, gradientsOf: [] },
  unary('Neg', tf.neg),
  { ...unary('Abs', tf.abs), gradientsOf: [] },
  { ...unary('Floor', tf.floor), gradientsOf: [] },
  {
    ...unary('Round', tf.round, { ...x, data: Float32Array.from(x.data, (v) => Math.round(v * 4) / 2) }),
    gradientsOf: [],
  },
  unary('Exp', tf.exp),
  unary('Log', tf.log, positive(x)),
  unary('Sqrt', tf.sqrt, positive(x)),
  // Its gradient is a power; the model never asks for it, because RMSNorm brings its own.
  { ...unary('Rsqrt', tf.rsqrt, positive(x)), gradientsOf: [] },
  unary('Reciprocal', tf.reciprocal, positive(x)),
  unary('Sigmoid', tf.sigmoid),
  unary('Square', tf.square),
  unary('Identity', (t) => tf.clone(t)),
  unary('Softmax', (t) => tf.softmax(t)),
  unary('LogSoftmax', (t) => tf.logSoftmax(t)),
  unary('Sum', (t) => tf.sum(t)),
  unary('Sum', (t) => tf.sum(t, [0, 2])),
  unary('Sum', (t) => tf.sum(t, -1, true)),
  unary('Mean', (t) => tf.mean(t, -1, true)),
  unary('Mean', (t) => tf.mean(t, 0)),
  { ...unary('Max', (t) => tf.max(t, 1)), gradientsOf: [] },
  unary('Reshape', (t) => tf.reshape(t, [4, -1])),
  unary('ExpandDims', (t) => tf.expandDims(t, 1)),
  unary('ExpandDims', (t) => tf.expandDims(t, -1)),
  unary('Transpose', (t) => tf.transpose(t, [2, 0, 1])),
  unary('Transpose', (t) => tf.transpose(t, [0, 1, 2])),
  unary('Slice', (t) => tf.slice(t, [0, 1, 2], [2, 2, -1])),
  unary('Slice', (t) => tf.slice(t, [0, 0, 0], [2, 3, 4])),
  unary('PadV2', (t) => tf.pad(t, [[0, 1], [2, 0], [1, 1]], 0.5)), // biome-ignore format: one line
  unary('Tile', (t) => tf.tile(t, [1, 2, 3])),
  unary('ZerosLike', (t) => tf.add(tf.zerosLike(t), t)),
  unary('OnesLike', (t) => tf.mul(tf.onesLike(t), t)),
  {
    name: 'Concat',
    kernels: ['Concat', 'SplitV'],
    given: { a: floats([2, 3], 'a'), b: floats([2, 1], 'b') },
    f: ({ a, b }) => tf.concat([a!, b!, a!], -1),
    gradientsOf: ['a', 'b'],
  },
  unary('SplitV', (t) => tf.split(t, 2, 2)[1]!),
  unary('SplitV', (t) => tf.split(t, [1, 2], 1)[1]!),
  product([3, 4], [4, 5], false, false),
  product([4, 3], [4, 5], true, false),
  product([3, 4], [5, 4], false, true),
  product([4, 3], [5, 4], true, true),
  product([2, 3, 4], [2, 4, 5], false, false),
  product([2, 4, 3], [2, 4, 5], true, false),
  product([2, 3, 4], [2, 5, 4], false, true),
  product([2, 4, 3], [2, 5, 4], true, true),
  {
    name: 'GatherV2 and the sum of repeated rows',
    kernels: ['GatherV2', 'UnsortedSegmentSum'],
    given: { table: floats([5, 3]), rows: integers([12], 5) },
    f: ({ table, rows }) => tf.gather(table!, rows as tf.Tensor1D),
    gradientsOf: ['table'],
  },
  {
    name: 'GatherV2 along the last axis',
    kernels: ['GatherV2'],
    given: { table: floats([2, 5, 3]), rows: integers([4], 3) },
    f: ({ table, rows }) => tf.gather(table!, rows as tf.Tensor1D, 2),
  },
  {
    name: 'OneHot',
    kernels: ['OneHot'],
    given: { rows: integers([7], 5) },
    f: ({ rows }) => tf.oneHot(rows as tf.Tensor1D, 5, 2, -1, 'float32'),
  },
  {
    name: 'Cast from integers',
    kernels: ['Cast'],
    given: { rows: integers([7], 5) },
    f: ({ rows }) => tf.cast(rows!, 'float32'),
  },
  { ...unary('Cast', (t) => tf.cast(t, 'int32')), gradientsOf: [] },
  {
    name: 'RmsNorm',
    kernels: ['RmsNorm'],
    given: { x: floats([3, 8]), gain: floats([8], 'gain') },
    f: (inputs) => tf.concat(rmsNormKernel(inputs.x as tf.Tensor2D, inputs.gain as tf.Tensor1D, 1e-3), 1),
  },
  ...[2, 4, 6, 32].map((headDim): Case => {
    const table = [5, headDim / 2];
    return {
      name: `Rotary of heads of ${headDim}`,
      kernels: ['Rotary'],
      given: {
        x: floats([2, 5, 3 * headDim]),
        cos: floats(table, 'cos'),
        sin: floats(table, 'sin'),
      },
      f: ({ x: heads, cos, sin }) =>
        rotaryKernel(heads as tf.Tensor3D, cos as tf.Tensor2D, sin as tf.Tensor2D),
    };
  }),
  { ...unary('Silu', (t) => siluKernel(t)), gradientsOf: [] },
];

test.each(CASES)('$name: traced as eager', async ({ given, f, gradientsOf = [] }) => {
  const { traced, eager } = await runBoth(given, (inputs) => {
    if (gradientsOf.length === 0) return { y: f(inputs) };
    const body = (...wanted: tf.Tensor[]) => {
      const named = { ...inputs, ...Object.fromEntries(gradientsOf.map((name, i) => [name, wanted[i]!])) };
      const y = f(named);
      // Uneven weights, so that a gradient in the wrong place shows.
      const weights = tf.tensor(
        Float32Array.from({ length: y.size }, (_, i) => Math.sin(i + 1)),
        y.shape,
      );
      return tf.sum(tf.mul(y, weights)) as tf.Scalar;
    };
    const gradients = tf.grads(body)(gradientsOf.map((name) => inputs[name]!));
    return { y: f(inputs), ...Object.fromEntries(gradientsOf.map((name, i) => [`d${name}`, gradients[i]!])) };
  });
  expectClose(traced, eager, 1e-5);
});

/** Backends that need a package of their own; one that is not here has nothing to show. */
describe.each(['wasm', 'tensorflow'] as const)('%s', (backend) => {
  test.each(CASES)('$name: as on the reference', async ({ given, f }) => {
    if ((await loadEagerBackend(backend).catch(() => 'absent')) === 'absent') return;
    const [actual, expected] = [await runEager(backend, given, f), await runEager('cpu', given, f)];
    expectClose(actual, expected, 1e-5);
  });
});

test('every recorder has a case', () => {
  const covered = new Set(CASES.flatMap(({ kernels }) => kernels));
  const own = Object.keys(KERNELS).filter((name) => !covered.has(name));
  expect(own).toEqual([]);
});

test('a kernel without a recorder is named in the error, and the backend before is active again', async () => {
  await tf.setBackend('cpu');
  await expect(
    runBoth(
      { x },
      single((inputs) => tf.erf(inputs.x!)),
    ),
  ).rejects.toThrow(/Erf/);
  expect(tf.getBackend()).toBe('cpu');
});

test('a tensor from outside a trace is refused', async () => {
  await tf.setBackend('cpu');
  const outside = tf.tensor1d([1, 2, 3, 4]);
  await expect(
    runBoth(
      { x },
      single((inputs) => tf.add(inputs.x!, outside)),
    ),
  ).rejects.toThrow();
  outside.dispose();
});
