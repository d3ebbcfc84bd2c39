// ONNX models with named values, sizes that are known only when the model runs, and weights in a file beside the
// model (protobuf wire format; field numbers from onnx.proto3, IR version 8). Standard operators alone.
import type { FloatAttribute } from '../engine/graph.ts';
import { attributeMessage, rawBytes } from '../engine/onnx.ts';
import { Message } from '../engine/protobuf.ts';

/** The operator set that the files ask for. */
const OPSET = 17;

const ELEMENT_TYPE = { float32: 1, int64: 7, bool: 9 } as const;
export const BOOL = ELEMENT_TYPE.bool;
const EXTERNAL = 1;

/** Tensors in a weights file start at multiples of this, so that runtimes can map them into memory. */
const ALIGNMENT = 4096;

type ElementType = 'float32' | 'int64';

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, number | string | readonly number[] | FloatAttribute>>;
}

/** An input or an output; sizes that are names are known when the model runs. */
export interface OnnxValue {
  readonly name: string;
  readonly dtype: ElementType;
  readonly shape: readonly (number | string)[];
}

/** A small tensor in the model itself. */
export interface OnnxConstant {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array;
}

/** A tensor in the weights file. */
export interface OnnxWeight {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly constants: readonly OnnxConstant[];
  readonly weights: readonly OnnxWeight[];
}

/** Where float32 tensors of a weights file lie: first byte by name, and the bytes of the whole file. */
export interface WeightsLayout {
  readonly offsets: ReadonlyMap<string, number>;
  readonly totalBytes: number;
}

const lengthOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** One tensor after the other. */
export function layOutWeights(weights: readonly OnnxWeight[]): WeightsLayout {
  const offsets = new Map<string, number>();
  let totalBytes = 0;
  for (const { name, shape } of weights) {
    const offset = Math.ceil(totalBytes / ALIGNMENT) * ALIGNMENT;
    offsets.set(name, offset);
    totalBytes = offset + 4 * lengthOf(shape);
  }
  return { offsets, totalBytes };
}

/** The bytes of the weights file. */
export function encodeWeights(
  { offsets, totalBytes }: WeightsLayout,
  values: Readonly<Record<string, Float32Array>>,
): Uint8Array {
  const bytes = new Uint8Array(totalBytes);
  for (const [name, offset] of offsets) bytes.set(rawBytes(values[name]!), offset);
  return bytes;
}

function entryMessage(key: string, value: string): Message {
  return new Message().string(1, key).string(2, value);
}

function constantMessage({ name, shape, data }: OnnxConstant): Message {
  const message = new Message();
  for (const n of shape) message.varint(1, n);
  const type = data instanceof Float32Array ? ELEMENT_TYPE.float32 : ELEMENT_TYPE.int64;
  return message.varint(2, type).string(8, name).bytes(9, rawBytes(data));
}

function weightMessage({ name, shape }: OnnxWeight, file: string, { offsets }: WeightsLayout): Message {
  const message = new Message();
  for (const n of shape) message.varint(1, n);
  message.varint(2, ELEMENT_TYPE.float32).string(8, name);
  message.message(13, entryMessage('location', file));
  message.message(13, entryMessage('offset', String(offsets.get(name)!)));
  message.message(13, entryMessage('length', String(4 * lengthOf(shape))));
  return message.varint(14, EXTERNAL);
}

function valueMessage({ name, dtype, shape }: OnnxValue): Message {
  const sizes = new Message();
  for (const n of shape)
    sizes.message(1, typeof n === 'number' ? new Message().varint(1, n) : new Message().string(2, n));
  const tensor = new Message().varint(1, ELEMENT_TYPE[dtype]).message(2, sizes);
  return new Message().string(1, name).message(2, new Message().message(1, tensor));
}

function nodeMessage({ op, inputs, outputs, attributes }: OnnxNode, name: string): Message {
  const message = new Message();
  for (const input of inputs) message.string(1, input);
  for (const output of outputs) message.string(2, output);
  message.string(3, name).string(4, op);
  for (const [key, value] of Object.entries(attributes)) message.message(5, attributeMessage(key, value));
  return message;
}

/** The bytes of a model whose weights lie in `weightsFile`, beside it, as `layout` says. */
export function encodeOnnx(graph: OnnxGraph, weightsFile: string, layout: WeightsLayout): Uint8Array {
  const body = new Message();
  for (const [i, node] of graph.nodes.entries()) body.message(1, nodeMessage(node, `${node.op}_${i}`));
  body.string(2, graph.name);
  for (const constant of graph.constants) body.message(5, constantMessage(constant));
  for (const weight of graph.weights) body.message(5, weightMessage(weight, weightsFile, layout));
  for (const input of graph.inputs) body.message(11, valueMessage(input));
  for (const output of graph.outputs) body.message(12, valueMessage(output));
  return new Message()
    .varint(1, 8)
    .string(2, 'paretoformer')
    .message(7, body)
    .message(8, new Message().string(1, '').varint(2, OPSET))
    .finish();
}
