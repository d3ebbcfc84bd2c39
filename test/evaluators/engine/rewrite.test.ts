import * as tf from '@tensorflow/tfjs';
import { expect, test } from 'vitest';
import type { Graph } from '../../../evaluators/engine/graph.ts';
import { GraphBuilder } from '../../../evaluators/engine/graph.ts';
import { addIntoProducts, addIntoScatters } from '../../../evaluators/engine/rewrite/accumulate.ts';
import { dropDeadNodes, shareCommonSubexpressions } from '../../../evaluators/engine/rewrite/eliminate.ts';
import { foldReshapes } from '../../../evaluators/engine/rewrite/reshapes.ts';
import { trace } from '../../../evaluators/engine/trace.ts';
import { expectClose, floats, type Given, integers, runGraph } from './compare.ts';

const given = { x: floats([3, 4]) };

/** exp(x) computed twice and used, sqrt(exp(x)) computed and not used. */
function wasteful(): Graph {
  const builder = new GraphBuilder();
  const out = { shape: [3, 4], dtype: 'float32' as const };
  const x = builder.input('x', [3, 4], 'float32');
  const once = builder.node('Exp', [x], out);
  const again = builder.node('Exp', [x], out);
  builder.node('Sqrt', [once], out);
  const [left, right] = builder.nodeWithOutputs(
    'Split',
    [again, builder.shapeConstant([1, 3])],
    [
      { shape: [3, 1], dtype: 'float32' },
      { shape: [3, 3], dtype: 'float32' },
    ],
    { axis: 1 },
  );
  const [twin] = builder.nodeWithOutputs(
    'Split',
    [once, builder.shapeConstant([1, 3])],
    [
      { shape: [3, 1], dtype: 'float32' },
      { shape: [3, 3], dtype: 'float32' },
    ],
    { axis: 1 },
  );
  const sum = builder.node('Add', [left!, twin!], { shape: [3, 1], dtype: 'float32' });
  return builder.build(
    new Map([
      ['sum', builder.node('Mul', [sum, right!], { shape: [3, 3], dtype: 'float32' })],
      ['again', again],
    ]),
  );
}

const operators = (graph: Graph) => graph.nodes.map(({ op }) => op);

test('equal nodes are computed once and every value stays', async () => {
  const before = wasteful();
  const after = shareCommonSubexpressions(before);
  expect(operators(after)).toEqual(['Exp', 'Sqrt', 'Split', 'Add', 'Mul']);
  expectClose(await runGraph(after, given), await runGraph(before, given), 0);
});

test('nodes nobody reads are dropped and every value stays', async () => {
  const before = wasteful();
  const after = dropDeadNodes(before);
  expect(operators(after)).toEqual(['Exp', 'Exp', 'Split', 'Split', 'Add', 'Mul']);
  expectClose(await runGraph(after, given), await runGraph(before, given), 0);
});

test('constants that no node reads are not written, inputs stay', () => {
  const builder = new GraphBuilder();
  const x = builder.input('x', [2], 'float32');
  builder.input('unread', [2], 'float32');
  const unused = builder.constant(new Float32Array(1000), [1000], 'float32');
  const y = builder.node('Exp', [x], { shape: [2], dtype: 'float32' });
  const graph = dropDeadNodes(builder.build(new Map([['y', y]])));
  expect(graph.values[unused]!.data).toBeUndefined();
  expect([...graph.inputs.keys()]).toEqual(['x', 'unread']);
});

test('a trace shares what the program computes twice', () => {
  const graph = trace(given, ({ x }) => ({ y: tf.add(tf.exp(x!), tf.exp(x!)), z: tf.exp(x!) }));
  expect(operators(graph)).toEqual(['Exp', 'Add']);
});

const f32 = (shape: readonly number[]) => ({ shape, dtype: 'float32' as const });

async function expectSame(
  before: Graph,
  rewrite: (graph: Graph) => Graph,
  inputs: Readonly<Record<string, Given>>,
  expected: readonly string[],
): Promise<void> {
  const after = rewrite(before);
  expect(operators(after)).toEqual(expected);
  expectClose(await runGraph(after, inputs), await runGraph(before, inputs), 1e-6);
}

test('reshapes of reshapes read the original, and those that change nothing go', async () => {
  const builder = new GraphBuilder();
  const x = builder.input('x', [3, 4], 'float32');
  const reshape = (id: number, shape: number[]) =>
    builder.node('Reshape', [id, builder.shapeConstant(shape)], f32(shape));
  const there = reshape(reshape(x, [2, 6]), [12]);
  const back = reshape(there, [3, 4]);
  const power = builder.node('Exp', [back], f32([3, 4]));
  const outputs = new Map([
    ['there', there],
    ['back', back],
    ['power', power],
  ]);
  const graph = builder.build(outputs);
  const after = dropDeadNodes(foldReshapes(graph));
  expect(operators(after)).toEqual(['Reshape', 'Exp']);
  expectClose(await runGraph(after, given), await runGraph(graph, given), 0);
});

const matrices = {
  a: floats([3, 4], 'a'),
  b: floats([4, 5], 'b'),
  c: floats([3, 5], 'c'),
  row: floats([5], 'row'),
};

/** Adds up in a chain what `terms` builds, from the left. */
function sumGraph(terms: (builder: GraphBuilder, ids: Record<string, number>) => number[]): Graph {
  const builder = new GraphBuilder();
  const ids = Object.fromEntries(
    Object.entries(matrices).map(([name, { shape }]) => [name, builder.input(name, shape, 'float32')]),
  );
  const y = terms(builder, ids).reduce((sum, term) => builder.node('Add', [sum, term], f32([3, 5])));
  return builder.build(new Map([['y', y]]));
}

const product = (builder: GraphBuilder, { a, b }: Record<string, number>) =>
  builder.node('MatMul', [a!, b!], f32([3, 5]));

test('a sum of products and a matrix becomes products that add into it', async () => {
  const chain = sumGraph((builder, ids) => [ids.c!, product(builder, ids), product(builder, ids)]);
  await expectSame(chain, addIntoProducts, matrices, ['Gemm', 'Gemm']);
  const swapped = sumGraph((builder, ids) => [product(builder, ids), ids.c!]);
  await expectSame(swapped, addIntoProducts, matrices, ['Gemm']);
});

test('a product that others read, a sum that broadcasts and a batched product stay as they are', async () => {
  const readTwice = sumGraph((builder, ids) => {
    const both = product(builder, ids);
    return [ids.c!, both, builder.node('Exp', [both], f32([3, 5]))];
  });
  await expectSame(readTwice, addIntoProducts, matrices, ['MatMul', 'Exp', 'Add', 'Add']);
  const broadcast = sumGraph((builder, ids) => [product(builder, ids), ids.row!]);
  await expectSame(broadcast, addIntoProducts, matrices, ['MatMul', 'Add']);
  const builder = new GraphBuilder();
  const x = builder.input('x', [2, 3, 4], 'float32');
  const w = builder.input('w', [2, 4, 5], 'float32');
  const c = builder.input('c', [2, 3, 5], 'float32');
  const y = builder.node('Add', [builder.node('MatMul', [x, w], f32([2, 3, 5])), c], f32([2, 3, 5]));
  const batched = builder.build(new Map([['y', y]]));
  const inputs = { x: floats([2, 3, 4]), w: floats([2, 4, 5]), c: floats([2, 3, 5]) };
  await expectSame(batched, addIntoProducts, inputs, ['MatMul', 'Add']);
});

test('a product that is itself an output keeps its name and value', async () => {
  const builder = new GraphBuilder();
  const a = builder.input('a', [3, 4], 'float32');
  const b = builder.input('b', [4, 5], 'float32');
  const c = builder.input('c', [3, 5], 'float32');
  const ab = builder.node('MatMul', [a, b], f32([3, 5]));
  const sum = builder.node('Add', [ab, c], f32([3, 5]));
  const graph = builder.build(
    new Map([
      ['ab', ab],
      ['sum', sum],
    ]),
  );
  const { row, ...inputs } = matrices;
  expect(row.shape).toEqual([5]);
  await expectSame(graph, addIntoProducts, inputs, ['MatMul', 'Add']);
});

test('a sum with scattered rows becomes a scatter into the other operand', async () => {
  const builder = new GraphBuilder();
  const rows = builder.input('rows', [6, 3], 'float32');
  const places = builder.input('places', [6], 'int32');
  const table = builder.input('table', [4, 3], 'float32');
  const zeros = builder.node('ConstantOfShape', [builder.shapeConstant([4, 3])], f32([4, 3]));
  const wide = builder.node('Cast', [places], { shape: [6], dtype: 'int64' }, { to: 7 });
  const indices = builder.node('Reshape', [wide, builder.shapeConstant([6, 1])], {
    shape: [6, 1],
    dtype: 'int64',
  });
  const scattered = builder.node('ScatterND', [zeros, indices, rows], f32([4, 3]), { reduction: 'add' });
  const graph = builder.build(new Map([['y', builder.node('Add', [scattered, table], f32([4, 3]))]]));
  const inputs = { rows: floats([6, 3], 'rows'), places: integers([6], 4), table: floats([4, 3], 'table') };
  const rewrite = (before: Graph) => dropDeadNodes(addIntoScatters(before));
  await expectSame(graph, rewrite, inputs, ['Cast', 'Reshape', 'ScatterND']);
});
