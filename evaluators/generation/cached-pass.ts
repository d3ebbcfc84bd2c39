// The generation graph: a forward pass over a few new tokens that reads the KV cache of those before. The same
// transformer code as in training, with its weights as constants, so that the runtime may pack them once.
// Shapes: B sequences, T new tokens, C cache positions, K kv heads, d head size, V vocabulary.
import * as tf from '@tensorflow/tfjs';
import type { Architecture } from '../../space/architecture.ts';
import {
  type Buffer,
  bufferOf,
  type CompiledProgram,
  type Engine,
  type InputSpec,
} from '../engine/program.ts';
import { rotaryTables } from '../model/operations.ts';
import { parameterSpecs } from '../model/parameters.ts';
import { forward, type Past, type WeightTensors } from '../model/transformer.ts';
import { cacheHooks, type LanguageModel } from './language-model.ts';

/** Layers that attend, by number, with their kv heads. */
export function attendingLayers({
  architecture,
}: LanguageModel): readonly { layer: number; nKvHeads: number }[] {
  return architecture.layers.flatMap(({ nHeads, nKvHeads }, layer) =>
    nHeads > 0 ? [{ layer, nKvHeads }] : [],
  );
}

/** Names of the cache tensors of a layer, as inputs and, after `new/`, as outputs. */
export const keysName = (layer: number): string => `keys.${layer}`;
export const valuesName = (layer: number): string => `values.${layer}`;
const newName = (name: string): string => `new/${name}`;

/** A compiled pass of one width, with the memory it reads and writes. */
export interface CachedPass {
  readonly width: number;
  /** (B, T) token ids. */
  readonly tokens: Int32Array;
  /** (T): where the new tokens stand. */
  readonly positions: Int32Array;
  /** (T, C + T): 0 where a new token may look. */
  readonly mask: Float32Array;
  /** (B, T, V), or `undefined` for a pass that only fills the cache. */
  readonly logits: Float32Array | undefined;
  /** (B*K, T, d) by cache tensor name. */
  readonly fresh: ReadonlyMap<string, Float32Array>;
  run(): Promise<void>;
  release(): Promise<void>;
}

export interface CachedPassShape {
  readonly batch: number;
  readonly width: number;
  readonly hasLogits: boolean;
}

function passInputs(model: LanguageModel, { batch, width }: CachedPassShape): Record<string, InputSpec> {
  const { contextLength, headDim } = model.architecture;
  const inputs: Record<string, InputSpec> = {
    tokens: { shape: [batch, width], dtype: 'int32' },
    positions: { shape: [width], dtype: 'int32' },
    mask: { shape: [width, contextLength + width], dtype: 'float32' },
  };
  for (const { layer, nKvHeads } of attendingLayers(model)) {
    const spec = { shape: [batch * nKvHeads, contextLength, headDim], dtype: 'float32' as const };
    inputs[keysName(layer)] = spec;
    inputs[valuesName(layer)] = spec;
  }
  return inputs;
}

/** The cache as the forward pass reads it; new keys and values become `outputs`. */
function pastOf(
  { contextLength, headDim, ropeTheta, layers }: Architecture,
  width: number,
  inputs: Record<string, tf.Tensor>,
  outputs: Record<string, tf.Tensor>,
): Past {
  // Padding may stand beyond the context: the table reaches as far.
  const all = rotaryTables(contextLength + width, headDim, ropeTheta);
  const at = (table: tf.Tensor2D) => tf.gather(table, inputs.positions as tf.Tensor1D);
  const keys: Record<number, tf.Tensor3D> = {};
  const values: Record<number, tf.Tensor3D> = {};
  layers.forEach(({ nHeads }, layer) => {
    if (nHeads === 0) return;
    keys[layer] = inputs[keysName(layer)] as tf.Tensor3D;
    values[layer] = inputs[valuesName(layer)] as tf.Tensor3D;
  });
  return {
    tables: { cos: at(all.cos), sin: at(all.sin) },
    mask: inputs.mask as tf.Tensor2D,
    keys,
    values,
    onNew(layer, newKeys, newValues) {
      outputs[newName(keysName(layer))] = newKeys;
      outputs[newName(valuesName(layer))] = newValues;
    },
  };
}

/** Logits (unless left out) and the new tokens' keys and values. */
function passBody(
  model: LanguageModel,
  { width, hasLogits }: CachedPassShape,
  inputs: Record<string, tf.Tensor>,
): Record<string, tf.Tensor> {
  const { architecture, weights } = model;
  const constants: WeightTensors = Object.fromEntries(
    parameterSpecs(architecture).map(({ name, shape }) => [name, tf.tensor(weights[name]!, [...shape])]),
  );
  const outputs: Record<string, tf.Tensor> = {};
  const past = pastOf(architecture, width, inputs, outputs);
  const logits = forward(architecture, constants, inputs.tokens as tf.Tensor2D, {
    past,
    ...cacheHooks(model),
  });
  return hasLogits ? { ...outputs, logits } : outputs;
}

function blankMask(width: number, contextLength: number): Float32Array {
  const columns = contextLength + width;
  const mask = new Float32Array(width * columns).fill(-1e9);
  for (let row = 0; row < width; row++)
    mask.fill(0, row * columns + contextLength, row * columns + contextLength + row + 1);
  return mask;
}

/** Compiles a pass that reads `cache`, the tensors named by `keysName` and `valuesName`, (B*K, C, d). */
export async function compileCachedPass(
  model: LanguageModel,
  shape: CachedPassShape,
  cache: Readonly<Record<string, Buffer>>,
  engine: Engine,
): Promise<CachedPass> {
  const { batch, width, hasLogits } = shape;
  const { contextLength, headDim, vocabSize } = model.architecture;
  const program: CompiledProgram = await engine.compile(passInputs(model, shape), (inputs) =>
    passBody(model, shape, inputs),
  );
  const tokens = new Int32Array(batch * width);
  const positions = new Int32Array(width);
  const mask = blankMask(width, contextLength);
  const feeds = {
    tokens: bufferOf([batch, width], 'int32', tokens),
    positions: bufferOf([width], 'int32', positions),
    mask: bufferOf([width, contextLength + width], 'float32', mask),
    ...cache,
  };
  const fetches: Record<string, Buffer> = {};
  const fresh = new Map<string, Float32Array>();
  for (const { layer, nKvHeads } of attendingLayers(model)) {
    for (const name of [keysName(layer), valuesName(layer)]) {
      const data = new Float32Array(batch * nKvHeads * width * headDim);
      fresh.set(name, data);
      fetches[newName(name)] = bufferOf([batch * nKvHeads, width, headDim], 'float32', data);
    }
  }
  const logits = hasLogits ? new Float32Array(batch * width * vocabSize) : undefined;
  if (logits !== undefined) fetches.logits = bufferOf([batch * width, vocabSize], 'float32', logits);
  return {
    width,
    tokens,
    positions,
    mask,
    logits,
    fresh,
    run: () => program.run(feeds, fetches),
    release: () => program.release(),
  };
}
