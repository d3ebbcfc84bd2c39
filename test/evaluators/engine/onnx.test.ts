import fc from 'fast-check';
import { expect, test } from 'vitest';
import { float, GraphBuilder } from '../../../evaluators/engine/graph.ts';
import { toOnnx } from '../../../evaluators/engine/onnx.ts';
import { runGraph } from './compare.ts';

/** Protobuf read back: every field of one message, varints as bigint, the rest as bytes. */
function fieldsOf(bytes: Uint8Array): [number, bigint | Uint8Array][] {
  const fields: [number, bigint | Uint8Array][] = [];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const [field, wire] = [key >> 3, key & 7];
    if (wire === 0) fields.push([field, varint()]);
    else {
      const length = wire === 5 ? 4 : Number(varint());
      fields.push([field, bytes.subarray(at, at + length)]);
      at += length;
    }
  }
  return fields;
}

function child(bytes: Uint8Array, ...path: number[]): Uint8Array {
  let found = bytes;
  for (const field of path) found = fieldsOf(found).find(([n]) => n === field)![1] as Uint8Array;
  return found;
}

const [GRAPH, NODE, ATTRIBUTE, INTEGER, INTEGERS] = [7, 1, 5, 3, 8];

test('integer attributes of any sign and size read back', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), fc.array(fc.maxSafeInteger(), { minLength: 1 }), (one, many) => {
      const attributes = (value: number | number[]) => {
        const builder = new GraphBuilder();
        const x = builder.input('x', [1], 'float32');
        const y = builder.node('Any', [x], { shape: [1], dtype: 'float32' }, { value });
        return fieldsOf(child(toOnnx(builder.build(new Map([['y', y]]))), GRAPH, NODE, ATTRIBUTE)) as [
          number,
          bigint,
        ][];
      };
      const read = (field: number, fields: [number, bigint][]) =>
        fields.filter(([n]) => n === field).map(([, value]) => Number(BigInt.asIntN(64, value)));
      expect(read(INTEGER, attributes(one))).toEqual([one]);
      expect(read(INTEGERS, attributes(many))).toEqual(many);
    }),
  );
});

test('ONNX Runtime reads negative axes, 64-bit constants, floats and tensors longer than two varint bytes', async () => {
  const n = 40_000;
  const builder = new GraphBuilder();
  const x = builder.input('x', [n, 2], 'float32');
  const ramp = builder.constant(
    Float32Array.from({ length: n }, (_, i) => i),
    [n, 1],
    'float32',
  );
  const added = builder.node('Add', [x, ramp], { shape: [n, 2], dtype: 'float32' });
  const starts = builder.constant(BigInt64Array.of(-1n), [1], 'int64');
  const ends = builder.constant(BigInt64Array.of(-(2n ** 62n)), [1], 'int64');
  const steps = builder.constant(BigInt64Array.of(-1n), [1], 'int64');
  const axes = builder.constant(BigInt64Array.of(-2n), [1], 'int64');
  const reversed = builder.node('Slice', [added, starts, ends, axes, steps], {
    shape: [n, 2],
    dtype: 'float32',
  });
  const most = builder.node(
    'ReduceMax',
    [reversed],
    { shape: [n, 1], dtype: 'float32' },
    { axes: [-1], keepdims: 1 },
  );
  const leaky = builder.node('LeakyRelu', [most], { shape: [n, 1], dtype: 'float32' }, { alpha: float(0.5) });
  const data = Float32Array.from({ length: 2 * n }, (_, i) => (i % 2 === 0 ? -3 : -2));
  const { y } = await runGraph(builder.build(new Map([['y', leaky]])), {
    x: { shape: [n, 2], dtype: 'float32', data },
  });
  expect([y![0], y![n - 2], y![n - 1]]).toEqual([n - 3, -0.5, -1]);
});

test('an output that is an input or a constant arrives', async () => {
  const builder = new GraphBuilder();
  const x = builder.input('x', [2], 'float32');
  const c = builder.constant(Float32Array.of(7, 8), [2], 'float32');
  const graph = builder.build(
    new Map([
      ['x', x],
      ['same', x],
      ['c', c],
    ]),
  );
  const data = Float32Array.of(1, 2);
  const {
    x: first,
    same,
    c: constant,
  } = await runGraph(graph, { x: { shape: [2], dtype: 'float32', data } });
  expect([[...first!], [...same!], [...constant!]]).toEqual([
    [1, 2],
    [1, 2],
    [7, 8],
  ]);
});

test('equal small constants are one value', () => {
  const builder = new GraphBuilder();
  const a = builder.constant(Float32Array.of(1, 2), [2], 'float32');
  expect(builder.constant(Float32Array.of(1, 2), [2], 'float32')).toBe(a);
  expect(builder.constant(Float32Array.of(1, 2), [1, 2], 'float32')).not.toBe(a);
  expect(builder.constant(Int32Array.of(1, 2), [2], 'int32')).not.toBe(a);
  expect(builder.constant(Float32Array.of(-0, 0), [2], 'float32')).not.toBe(
    builder.constant(Float32Array.of(0, 0), [2], 'float32'),
  );
});
