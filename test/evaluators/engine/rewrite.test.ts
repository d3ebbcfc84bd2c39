import * as tf from '@tensorflow/tfjs';
import { expect, test } from 'vitest';
import type { Graph } from '../../../evaluators/engine/graph.ts';
import { GraphBuilder } from '../../../evaluators/engine/graph.ts';
import { dropDeadNodes, shareCommonSubexpressions } from '../../../evaluators/engine/rewrite.ts';
import { trace } from '../../../evaluators/engine/trace.ts';
import { expectClose, floats, runGraph } from './compare.ts';

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
