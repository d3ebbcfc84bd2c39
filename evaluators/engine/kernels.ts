// One recorder per tfjs kernel: the ONNX nodes that compute the same values. Shapes follow tfjs's rules.
import { type DType, float, type GraphBuilder, sameShape } from './graph.ts';

export interface KernelContext {
  readonly builder: GraphBuilder;
  /** Value of a named input. */
  readonly id: (name: string) => number;
  readonly shape: (name: string) => readonly number[];
  /** Values of a variadic kernel's inputs. */
  readonly list: () => number[];
  readonly attributes: Readonly<Record<string, unknown>>;
}

export type Recorder = (context: KernelContext) => number | number[];

function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    return x === 1 ? y : x;
  });
}

const unary =
  (op: string): Recorder =>
  ({ builder, id }) => {
    const { shape, dtype } = builder.values[id('x')]!;
    return builder.node(op, [id('x')], { shape, dtype });
  };

const binary =
  (op: string): Recorder =>
  ({ builder, id, shape }) => {
    const dtype = builder.values[id('a')]!.dtype;
    return builder.node(op, [id('a'), id('b')], { shape: broadcast(shape('a'), shape('b')), dtype });
  };

function reshape(builder: GraphBuilder, id: number, shape: readonly number[]): number {
  const value = builder.values[id]!;
  if (sameShape(value.shape, shape)) return id;
  if (value.data !== undefined) return builder.constant(value.data, shape, value.dtype);
  return builder.node('Reshape', [id, builder.shapeConstant(shape)], { shape, dtype: value.dtype });
}

function axesOf(attribute: unknown, rank: number): number[] {
  const axes =
    attribute === undefined || attribute === null
      ? Array.from({ length: rank }, (_, i) => i)
      : [attribute].flat();
  return (axes as number[]).map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
}

/** ReduceSum takes its axes as an input in opset 17, the other reductions as an attribute. */
const reduction =
  (op: 'ReduceSum' | 'ReduceMean' | 'ReduceMax'): Recorder =>
  ({ builder, id, shape, attributes }) => {
    // Max calls its axes by another name than Sum and Mean do.
    const axes = axesOf(attributes.axis ?? attributes.reductionIndices, shape('x').length);
    const keep = attributes.keepDims === true;
    const out = keep
      ? shape('x').map((n, i) => (axes.includes(i) ? 1 : n))
      : shape('x').filter((_, i) => !axes.includes(i));
    const result = { shape: out, dtype: builder.values[id('x')]!.dtype };
    const keepdims = keep ? 1 : 0;
    if (op === 'ReduceSum')
      return builder.node(op, [id('x'), builder.shapeConstant(axes)], result, { keepdims });
    return builder.node(op, [id('x')], result, { axes, keepdims });
  };

/** Operands that are read transposed stay where they are: Gemm and FusedMatMul take them as they lie. */
const matMul: Recorder = ({ builder, id, shape, attributes }) => {
  const transA = attributes.transposeA === true;
  const transB = attributes.transposeB === true;
  const a = shape('a');
  const b = shape('b');
  const rows = a.at(transA ? -1 : -2)!;
  const columns = b.at(transB ? -2 : -1)!;
  const out = {
    shape: [...broadcast(a.slice(0, -2), b.slice(0, -2)), rows, columns],
    dtype: 'float32' as const,
  };
  if (!transA && !transB) return builder.node('MatMul', [id('a'), id('b')], out);
  const flags = { transA: transA ? 1 : 0, transB: transB ? 1 : 0 };
  if (a.length === 2 && b.length === 2) return builder.node('Gemm', [id('a'), id('b')], out, flags);
  return builder.node('FusedMatMul', [id('a'), id('b')], out, flags, 'com.microsoft');
};

const transpose: Recorder = ({ builder, id, shape, attributes }) => {
  const perm = attributes.perm as number[];
  if (perm.every((axis, i) => axis === i)) return id('x');
  const out = perm.map((axis) => shape('x')[axis]!);
  return builder.node(
    'Transpose',
    [id('x')],
    { shape: out, dtype: builder.values[id('x')]!.dtype },
    { perm },
  );
};

const gather: Recorder = ({ builder, id, shape, attributes }) => {
  const axis = (attributes.axis as number | undefined) ?? 0;
  if (((attributes.batchDims as number | undefined) ?? 0) !== 0)
    throw new Error('gather with batchDims is not traced');
  const x = shape('x');
  const out = [...x.slice(0, axis), ...shape('indices'), ...x.slice(axis + 1)];
  return builder.node(
    'Gather',
    [id('x'), id('indices')],
    { shape: out, dtype: builder.values[id('x')]!.dtype },
    { axis },
  );
};

/** The gradient of a row look-up: rows added into a table of zeros. */
const segmentSum: Recorder = ({ builder, id, shape, attributes }) => {
  const rows = attributes.numSegments as number;
  const out = [rows, ...shape('x').slice(shape('segmentIds').length)];
  const zeros = builder.node('ConstantOfShape', [builder.shapeConstant(out)], {
    shape: out,
    dtype: 'float32',
  });
  const wide = builder.node(
    'Cast',
    [id('segmentIds')],
    { shape: shape('segmentIds'), dtype: 'int64' },
    { to: 7 },
  );
  const indices = reshape(builder, wide, [...shape('segmentIds'), 1]);
  return builder.node(
    'ScatterND',
    [zeros, indices, id('x')],
    { shape: out, dtype: 'float32' },
    { reduction: 'add' },
  );
};

const oneHot: Recorder = ({ builder, id, shape, attributes }) => {
  const depth = builder.constant(Int32Array.of(attributes.depth as number), [1], 'int32');
  const off = (attributes.offValue as number | undefined) ?? 0;
  const on = (attributes.onValue as number | undefined) ?? 1;
  const values = builder.constant(Float32Array.of(off, on), [2], 'float32');
  const out = { shape: [...shape('indices'), attributes.depth as number], dtype: 'float32' as const };
  return builder.node('OneHot', [id('indices'), depth, values], out, { axis: -1 });
};

const cast: Recorder = ({ builder, id, shape, attributes }) => {
  const dtype: DType = attributes.dtype === 'float32' ? 'float32' : 'int32';
  if (builder.values[id('x')]!.dtype === dtype) return id('x');
  return builder.node('Cast', [id('x')], { shape: shape('x'), dtype }, { to: dtype === 'float32' ? 1 : 6 });
};

const slice: Recorder = ({ builder, id, shape, attributes }) => {
  const begin = attributes.begin as number[];
  const size = (attributes.size as number[]).map((n, i) => (n < 0 ? shape('x')[i]! - begin[i]! : n));
  if (sameShape(size, shape('x'))) return id('x');
  const starts = builder.shapeConstant(begin);
  const ends = builder.shapeConstant(begin.map((b, i) => b + size[i]!));
  return builder.node('Slice', [id('x'), starts, ends], {
    shape: size,
    dtype: builder.values[id('x')]!.dtype,
  });
};

const concat: Recorder = ({ builder, list, attributes }) => {
  const ids = list();
  const shapes = ids.map((id) => builder.values[id]!.shape);
  const rank = shapes[0]!.length;
  const axis = ((attributes.axis as number) + rank) % rank;
  const out = shapes[0]!.map((n, i) => (i === axis ? shapes.reduce((sum, s) => sum + s[i]!, 0) : n));
  return builder.node('Concat', ids, { shape: out, dtype: builder.values[ids[0]!]!.dtype }, { axis });
};

/** Pieces of the given sizes along one axis. */
const split: Recorder = ({ builder, id, shape, attributes }) => {
  const rank = shape('x').length;
  const axis = ((attributes.axis as number) + rank) % rank;
  const sizes = attributes.numOrSizeSplits as number | number[];
  const whole = shape('x')[axis]!;
  const pieces = Array.isArray(sizes) ? sizes : Array<number>(sizes).fill(whole / sizes);
  const dtype = builder.values[id('x')]!.dtype;
  return builder.nodeWithOutputs(
    'Split',
    [id('x'), builder.shapeConstant(pieces)],
    pieces.map((n) => ({ shape: shape('x').map((m, i) => (i === axis ? n : m)), dtype })),
    { axis },
  );
};

const pad: Recorder = ({ builder, id, shape, attributes }) => {
  const paddings = attributes.paddings as [number, number][];
  const pads = builder.shapeConstant([
    ...paddings.map(([before]) => before),
    ...paddings.map(([, after]) => after),
  ]);
  const value = builder.constant(Float32Array.of(attributes.constantValue as number), [], 'float32');
  const out = shape('x').map((n, i) => n + paddings[i]![0] + paddings[i]![1]);
  return builder.node('Pad', [id('x'), pads, value], { shape: out, dtype: 'float32' });
};

const filled =
  (fill: number): Recorder =>
  ({ builder, shape }) =>
    builder.node(
      'Expand',
      [builder.constant(Float32Array.of(fill), [], 'float32'), builder.shapeConstant(shape('x'))],
      {
        shape: shape('x'),
        dtype: 'float32',
      },
    );

const tile: Recorder = ({ builder, id, shape, attributes }) => {
  const reps = attributes.reps as number[];
  const out = shape('x').map((n, i) => n * reps[i]!);
  return builder.node('Tile', [id('x'), builder.shapeConstant(reps)], { shape: out, dtype: 'float32' });
};

const softmax =
  (op: 'Softmax' | 'LogSoftmax', input: string): Recorder =>
  ({ builder, id, shape }) =>
    builder.node(op, [id(input)], { shape: shape(input), dtype: 'float32' }, { axis: -1 });

const rmsNorm: Recorder = ({ builder, id, shape, attributes }) =>
  builder.nodeWithOutputs(
    'SimplifiedLayerNormalization',
    [id('x'), id('gain')],
    [
      { shape: shape('x'), dtype: 'float32' },
      { shape: [...shape('x').slice(0, -1), 1], dtype: 'float32' },
    ],
    { axis: -1, epsilon: float(attributes.epsilon as number) },
  );

const rotary: Recorder = ({ builder, id, shape }) => {
  const first = builder.constant(BigInt64Array.of(0n), [1], 'int64');
  const numHeads = shape('x')[2]! / (2 * shape('cos')[1]!);
  return builder.node(
    'RotaryEmbedding',
    [id('x'), first, id('cos'), id('sin')],
    { shape: shape('x'), dtype: 'float32' },
    { num_heads: numHeads, rotary_embedding_dim: shape('cos')[1]! * 2 },
    'com.microsoft',
  );
};

/** `x * sigmoid(x)` in one pass. */
const silu: Recorder = ({ builder, id, shape }) =>
  builder.node(
    'QuickGelu',
    [id('x')],
    { shape: shape('x'), dtype: 'float32' },
    { alpha: float(1) },
    'com.microsoft',
  );

/** Recorders by tfjs kernel name; the last three are this project's own (`fused.ts`). */
export const KERNELS: Readonly<Record<string, Recorder>> = {
  Add: binary('Add'),
  Sub: binary('Sub'),
  Multiply: binary('Mul'),
  RealDiv: binary('Div'),
  Maximum: binary('Max'),
  Minimum: binary('Min'),
  Neg: unary('Neg'),
  Abs: unary('Abs'),
  Floor: unary('Floor'),
  // Ties to even on both sides.
  Round: unary('Round'),
  Exp: unary('Exp'),
  Log: unary('Log'),
  Sqrt: unary('Sqrt'),
  Sigmoid: unary('Sigmoid'),
  Reciprocal: unary('Reciprocal'),
  Rsqrt: ({ builder, id, shape }) => {
    const out = { shape: shape('x'), dtype: 'float32' as const };
    return builder.node('Reciprocal', [builder.node('Sqrt', [id('x')], out)], out);
  },
  Square: ({ builder, id, shape }) =>
    builder.node('Mul', [id('x'), id('x')], { shape: shape('x'), dtype: 'float32' }),
  Sum: reduction('ReduceSum'),
  Mean: reduction('ReduceMean'),
  Max: reduction('ReduceMax'),
  Identity: ({ id }) => id('x'),
  Reshape: ({ builder, id, attributes }) => {
    const wanted = attributes.shape as number[];
    const total = builder.values[id('x')]!.shape.reduce((a, b) => a * b, 1);
    const known = wanted.reduce((a, b) => (b < 0 ? a : a * b), 1);
    return reshape(
      builder,
      id('x'),
      wanted.map((n) => (n < 0 ? total / known : n)),
    );
  },
  ExpandDims: ({ builder, id, shape, attributes }) => {
    const out = [...shape('input')];
    const dim = attributes.dim as number;
    out.splice(dim < 0 ? out.length + 1 + dim : dim, 0, 1);
    return reshape(builder, id('input'), out);
  },
  BatchMatMul: matMul,
  Transpose: transpose,
  GatherV2: gather,
  UnsortedSegmentSum: segmentSum,
  OneHot: oneHot,
  Cast: cast,
  Slice: slice,
  Concat: concat,
  SplitV: split,
  PadV2: pad,
  ZerosLike: filled(0),
  OnesLike: filled(1),
  Tile: tile,
  Softmax: softmax('Softmax', 'logits'),
  LogSoftmax: softmax('LogSoftmax', 'logits'),
  RmsNorm: rmsNorm,
  Rotary: rotary,
  Silu: silu,
};
