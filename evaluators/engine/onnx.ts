// Serialises a traced graph as an ONNX model (protobuf wire format; field numbers from onnx.proto3, IR version 8).
import type { DType, FloatAttribute, Graph, GraphNode, TypedArray, Value } from './graph.ts';
import { Message } from './protobuf.ts';

const OPSET = 17;
const ELEMENT_TYPE: Record<DType, number> = { float32: 1, int32: 6, int64: 7 };

/** The bytes of a typed array. */
export const rawBytes = (data: TypedArray): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
const valueName = (id: number): string => `v${id}`;

function isFloat(value: unknown): value is FloatAttribute {
  return typeof value === 'object' && value !== null && 'float' in value;
}

/** An attribute of a node. */
export function attributeMessage(name: string, value: GraphNode['attributes'][string]): Message {
  const message = new Message().string(1, name);
  if (isFloat(value)) return message.float(2, value.float).varint(20, 1);
  if (typeof value === 'number') return message.varint(3, value).varint(20, 2);
  if (typeof value === 'string') return message.string(4, value).varint(20, 3);
  for (const item of value) message.varint(8, item);
  return message.varint(20, 7);
}

function tensorMessage(name: string, value: Value): Message {
  const message = new Message();
  for (const n of value.shape) message.varint(1, n);
  return message.varint(2, ELEMENT_TYPE[value.dtype]).string(8, name).bytes(9, rawBytes(value.data!));
}

function valueInfoMessage(name: string, value: Value): Message {
  const shape = new Message();
  for (const n of value.shape) shape.message(1, new Message().varint(1, n));
  const tensor = new Message().varint(1, ELEMENT_TYPE[value.dtype]).message(2, shape);
  return new Message().string(1, name).message(2, new Message().message(1, tensor));
}

function nodeMessage(node: GraphNode, nameOf: (id: number) => string): Message {
  const message = new Message();
  for (const id of node.inputs) message.string(1, nameOf(id));
  for (const id of node.outputs) message.string(2, nameOf(id));
  message.string(4, node.op);
  for (const [name, value] of Object.entries(node.attributes))
    message.message(5, attributeMessage(name, value));
  if (node.domain !== '') message.string(7, node.domain);
  return message;
}

/** An output's name in the ONNX model: an input may bear the same name in the trace. */
export const outputName = (name: string): string => `out/${name}`;

/** The first output of every model: an empty sequence, for the sake of `runInPlace`. */
export const SEQUENCE_OUTPUT = 'sequence';

function sequenceInfoMessage(name: string): Message {
  const ofFloats = new Message().message(1, new Message().varint(1, ELEMENT_TYPE.float32));
  const sequence = new Message().message(1, ofFloats);
  return new Message().string(1, name).message(2, new Message().message(4, sequence));
}

/**
 * The bytes of an ONNX model. Inputs carry the names they were traced with, outputs those of `outputName`.
 * An output that is itself an input or a constant is passed through an Identity node.
 */
export function toOnnx(graph: Graph): Uint8Array {
  const names = new Map<number, string>();
  for (const [name, id] of graph.inputs) names.set(id, name);
  const body = new Message();
  const tail: Message[] = [];
  const produced = new Set(graph.nodes.flatMap((node) => node.outputs));
  for (const [name, id] of graph.outputs) {
    if (produced.has(id) && !names.has(id)) names.set(id, outputName(name));
    else
      tail.push(
        new Message()
          .string(1, names.get(id) ?? valueName(id))
          .string(2, outputName(name))
          .string(4, 'Identity'),
      );
  }
  const nameOf = (id: number) => names.get(id) ?? valueName(id);
  for (const node of graph.nodes) body.message(1, nodeMessage(node, nameOf));
  for (const node of tail) body.message(1, node);
  body.message(1, new Message().string(2, SEQUENCE_OUTPUT).string(4, 'SequenceEmpty'));
  body.string(2, 'paretoformer');
  graph.values.forEach((value, id) => {
    if (value.data !== undefined) body.message(5, tensorMessage(nameOf(id), value));
  });
  for (const [name, id] of graph.inputs) body.message(11, valueInfoMessage(name, graph.values[id]!));
  body.message(12, sequenceInfoMessage(SEQUENCE_OUTPUT));
  for (const [name, id] of graph.outputs)
    body.message(12, valueInfoMessage(outputName(name), graph.values[id]!));
  return new Message()
    .varint(1, 8)
    .string(2, 'paretoformer')
    .message(7, body)
    .message(8, new Message().string(1, '').varint(2, OPSET))
    .message(8, new Message().string(1, 'com.microsoft').varint(2, 1))
    .finish();
}
