// The transformer as other runtimes take it: an ONNX graph of standard operators, any batch and any number of tokens,
// with the names of inputs and outputs that Hugging Face's exporters use.
// Shapes: B sequences, S new tokens, P cached ones, T = P + S, D width, H heads, K kv heads, G = H/K heads a group,
// d head size, V vocabulary.
import type { Architecture, Layer } from '../../space/architecture.ts';
import { float } from '../engine/graph.ts';
import { parameterSpecs } from '../model/parameters.ts';
import { BOOL, type OnnxConstant, type OnnxGraph, type OnnxNode, type OnnxValue } from './onnx-file.ts';

/** `prefill` starts a text, `decode` goes on from cached keys and values. */
export type DecoderPass = 'prefill' | 'decode';

const EPSILON = 1e-5;
const MASKED = -1e9;

/** Input names of a layer's cache; layers without attention have none. */
export const pastNames = (layer: number): readonly string[] =>
  ['key', 'value'].map((part) => `past_key_values.${layer}.${part}`);
/** Output names of a layer's cache with the new tokens in it. */
export const presentNames = (layer: number): readonly string[] =>
  ['key', 'value'].map((part) => `present.${layer}.${part}`);

type Attributes = OnnxNode['attributes'];

/** Collects nodes and constants. */
class Recorder {
  readonly nodes: OnnxNode[] = [];
  readonly #constants = new Map<string, OnnxConstant>();

  get constants(): OnnxConstant[] {
    return [...this.#constants.values()];
  }

  op(op: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.ops(op, inputs, 1, attributes)[0]!;
  }

  ops(op: string, inputs: readonly string[], nOutputs: number, attributes: Attributes = {}): string[] {
    const outputs = Array.from({ length: nOutputs }, (_, i) => `v${this.nodes.length}_${i}`);
    this.nodes.push({ op, inputs, outputs, attributes });
    return outputs;
  }

  /** Gives a value the name of an output. */
  output(value: string, name: string): void {
    this.nodes.push({ op: 'Identity', inputs: [value], outputs: [name], attributes: {} });
  }

  integers(values: readonly number[]): string {
    return this.#constant(`i${values.join(',')}`, [values.length], BigInt64Array.from(values, BigInt));
  }

  integer(value: number): string {
    return this.#constant(`i_${value}`, [], BigInt64Array.of(BigInt(value)));
  }

  number(value: number): string {
    return this.#constant(`f_${value}`, [], Float32Array.of(value));
  }

  table(name: string, shape: readonly number[], data: Float32Array): string {
    return this.#constant(name, shape, data);
  }

  #constant(name: string, shape: readonly number[], data: OnnxConstant['data']): string {
    this.#constants.set(name, { name, shape, data });
    return name;
  }
}

/** What every layer of one pass shares. */
interface Shared {
  readonly graph: Recorder;
  readonly architecture: Architecture;
  readonly pass: DecoderPass;
  /** Rotary positions, (B, 1, S, d/2). */
  readonly cos: string;
  readonly sin: string;
  /** (B, 1, S, T): 0 where a token may look, very negative elsewhere. */
  readonly bias: string;
}

/** (B, S, D) normed over D. */
function rmsNorm(graph: Recorder, x: string, gain: string): string {
  const mean = graph.op('ReduceMean', [graph.op('Mul', [x, x])], { axes: [-1], keepdims: 1 });
  const root = graph.op('Sqrt', [graph.op('Add', [mean, graph.number(EPSILON)])]);
  return graph.op('Mul', [graph.op('Div', [x, root]), gain]);
}

/** (B, S, heads*d) to (B, heads, S, d). */
function splitHeads(graph: Recorder, x: string, heads: number, headDim: number): string {
  const split = graph.op('Reshape', [x, graph.integers([0, 0, heads, headDim])]);
  return graph.op('Transpose', [split], { perm: [0, 2, 1, 3] });
}

/** Rotary positions in the half-split layout, on (B, heads, S, d). */
function rotate({ graph, cos, sin }: Shared, x: string): string {
  const [first, second] = graph.ops('Split', [x], 2, { axis: 3 }) as [string, string];
  const left = graph.op('Sub', [graph.op('Mul', [first, cos]), graph.op('Mul', [second, sin])]);
  const right = graph.op('Add', [graph.op('Mul', [second, cos]), graph.op('Mul', [first, sin])]);
  return graph.op('Concat', [left, right], { axis: 3 });
}

/** Each kv head once for every head of its group, (B, K, T, d) to (B, H, T, d). */
function repeatHeads({ graph, architecture }: Shared, x: string, { nHeads, nKvHeads }: Layer): string {
  if (nHeads === nKvHeads) return x;
  const wide = graph.op('Unsqueeze', [x, graph.integers([2])]); // (B, K, 1, T, d)
  const group = nHeads / nKvHeads;
  const copies = graph.op('Expand', [wide, graph.integers([1, 1, group, 1, 1])]); // (B, K, G, T, d)
  return graph.op('Reshape', [copies, graph.integers([0, nHeads, -1, architecture.headDim])]);
}

/** (B, S, D) to (B, S, D); writes the layer's cache outputs. */
function attention(shared: Shared, h: string, layer: Layer, number: number): string {
  const { graph, architecture, pass, bias } = shared;
  const { headDim } = architecture;
  const weight = (name: string) => `layers.${number}.attention.${name}`;
  const project = (name: string, heads: number) =>
    splitHeads(graph, graph.op('MatMul', [h, weight(name)]), heads, headDim);
  const scaled = graph.op('Mul', [rotate(shared, project('q', layer.nHeads)), graph.number(headDim ** -0.5)]);
  const fresh = [rotate(shared, project('k', layer.nKvHeads)), project('v', layer.nKvHeads)]; // (B, K, S, d)
  const [keys, values] = fresh.map((x, i) => {
    const all = pass === 'prefill' ? x : graph.op('Concat', [pastNames(number)[i]!, x], { axis: 2 });
    graph.output(all, presentNames(number)[i]!);
    return repeatHeads(shared, all, layer); // (B, H, T, d)
  }) as [string, string];
  const scores = graph.op('MatMul', [scaled, graph.op('Transpose', [keys], { perm: [0, 1, 3, 2] })]);
  const weights = graph.op('Softmax', [graph.op('Add', [scores, bias])], { axis: -1 }); // (B, H, S, T)
  const mixed = graph.op('Transpose', [graph.op('MatMul', [weights, values])], { perm: [0, 2, 1, 3] });
  const rows = graph.op('Reshape', [mixed, graph.integers([0, 0, layer.nHeads * headDim])]);
  return graph.op('MatMul', [rows, weight('o')]);
}

function feedForward({ graph }: Shared, h: string, number: number): string {
  const weight = (name: string) => `layers.${number}.feedForward.${name}`;
  const gate = graph.op('MatMul', [h, weight('gate')]); // (B, S, F)
  const up = graph.op('MatMul', [h, weight('up')]);
  const silu = graph.op('Mul', [gate, graph.op('Sigmoid', [gate])]);
  return graph.op('MatMul', [graph.op('Mul', [silu, up]), weight('down')]);
}

/** A token sees itself and what came before, except padding: (B, 1, S, T). */
function biasOf(graph: Recorder): string {
  const size = (name: string) => graph.op('Gather', [graph.op('Shape', [name]), graph.integer(1)]);
  const total = size('attention_mask');
  const past = graph.op('Sub', [total, size('input_ids')]);
  const one = graph.integer(1);
  const rows = graph.op('Range', [past, total, one]); // (S)
  const columns = graph.op('Range', [graph.integer(0), total, one]); // (T)
  const causal = graph.op('LessOrEqual', [columns, graph.op('Unsqueeze', [rows, graph.integers([1])])]); // (S, T)
  const isText = graph.op('Cast', ['attention_mask'], { to: BOOL }); // (B, T)
  const allowed = graph.op('And', [causal, graph.op('Unsqueeze', [isText, graph.integers([1, 2])])]);
  return graph.op('Where', [allowed, graph.number(0), graph.number(MASKED)]);
}

/** Cosines and sines of all positions of the context, (C, d/2) each. */
function rotaryRows({ contextLength, headDim, ropeTheta }: Architecture, of: (angle: number) => number) {
  const half = headDim / 2;
  const rows = new Float32Array(contextLength * half);
  for (let t = 0; t < contextLength; t++)
    for (let i = 0; i < half; i++) rows[t * half + i] = of(t * ropeTheta ** (-i / half));
  return rows;
}

function logitsOf(graph: Recorder, h: string, { dModel, vocabSize, tieEmbeddings }: Architecture): string {
  if (!tieEmbeddings) return graph.op('MatMul', [h, 'head']);
  const rows = graph.op('Reshape', [h, graph.integers([-1, dModel])]);
  const logits = graph.op('Gemm', [rows, 'embedding'], { transB: 1, alpha: float(1) }); // (B*S, V)
  const shape = graph.op('Concat', [graph.op('Shape', ['input_ids']), graph.integers([vocabSize])], {
    axis: 0,
  });
  return graph.op('Reshape', [logits, shape]);
}

const integerInput = (name: string, columns: string): OnnxValue => ({
  name,
  dtype: 'int64',
  shape: ['batch_size', columns],
});

/** Cache tensors (B, K, `columns`, d) of the layers that attend. */
function cacheValues(
  { layers, headDim }: Architecture,
  namesOf: (layer: number) => readonly string[],
  columns: string,
): OnnxValue[] {
  return layers.flatMap(({ nHeads, nKvHeads }, layer) =>
    nHeads === 0
      ? []
      : namesOf(layer).map((name) => ({
          name,
          dtype: 'float32' as const,
          shape: ['batch_size', nKvHeads, columns, headDim],
        })),
  );
}

/**
 * The graph of one pass. Inputs: `input_ids` and `position_ids` (B, S), `attention_mask` (B, T) with 0 for padding, all
 * int64, and in `decode` `past_key_values.N.key` and `.value` (B, K, P, d), whose P may be 0. Outputs: `logits`
 * (B, S, V), `present.N.key` and `.value` (B, K, T, d).
 */
export function decoderGraph(architecture: Architecture, pass: DecoderPass): OnnxGraph {
  const graph = new Recorder();
  const half = architecture.headDim / 2;
  const positions = (name: string, of: (angle: number) => number) => {
    const table = graph.table(name, [architecture.contextLength, half], rotaryRows(architecture, of));
    return graph.op('Unsqueeze', [graph.op('Gather', [table, 'position_ids']), graph.integers([1])]);
  };
  const shared: Shared = {
    graph,
    architecture,
    pass,
    cos: positions('rotary.cos', Math.cos),
    sin: positions('rotary.sin', Math.sin),
    bias: biasOf(graph),
  };
  let x = graph.op('Gather', ['embedding', 'input_ids']); // (B, S, D)
  architecture.layers.forEach((layer, i) => {
    const norm = (part: string) => rmsNorm(graph, x, `layers.${i}.${part}.norm`);
    if (layer.nHeads > 0) x = graph.op('Add', [x, attention(shared, norm('attention'), layer, i)]);
    if (layer.dFf > 0) x = graph.op('Add', [x, feedForward(shared, norm('feedForward'), i)]);
  });
  graph.output(logitsOf(graph, rmsNorm(graph, x, 'norm'), architecture), 'logits');
  const total = pass === 'prefill' ? 'sequence_length' : 'total_sequence_length';
  return {
    name: `paretoformer-${pass}`,
    nodes: graph.nodes,
    inputs: [
      integerInput('input_ids', 'sequence_length'),
      integerInput('attention_mask', total),
      integerInput('position_ids', 'sequence_length'),
      ...(pass === 'prefill' ? [] : cacheValues(architecture, pastNames, 'past_sequence_length')),
    ],
    outputs: [
      {
        name: 'logits',
        dtype: 'float32',
        shape: ['batch_size', 'sequence_length', architecture.vocabSize],
      },
      ...cacheValues(architecture, presentNames, total),
    ],
    constants: graph.constants,
    weights: parameterSpecs(architecture).map(({ name, shape }) => ({ name, shape })),
  };
}
