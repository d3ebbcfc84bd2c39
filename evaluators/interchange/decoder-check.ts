// Runs exported graphs in ONNX Runtime, as anyone would, and compares their logits with those of the model here.
import type * as tf from '@tensorflow/tfjs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { bufferOf, type Engine } from '../engine/program.ts';
import { onnxEngine } from '../engine/session.ts';
import type { LanguageModel } from '../generation/language-model.ts';
import { parameterSpecs } from '../model/parameters.ts';
import { forward } from '../model/transformer.ts';
import { type DecoderPass, pastNames, presentNames } from './decoder-graph.ts';

/** Tokens of sequences of equal length, (B, T) row-major. */
export interface TokenBatch {
  readonly tokens: Int32Array;
  readonly batch: number;
}

/** The model's own logits (B, T, V). */
export async function logitsOf(
  { architecture, weights }: LanguageModel,
  { tokens, batch }: TokenBatch,
  engine: Engine = onnxEngine(),
): Promise<Float32Array> {
  const shape = [batch, tokens.length / batch];
  const specs = parameterSpecs(architecture);
  const inputs = Object.fromEntries(specs.map(({ name, shape: size }) => [name, floats(size)]));
  const program = await engine.compile({ tokens: { shape, dtype: 'int32' }, ...inputs }, (given) => ({
    logits: forward(architecture, given, given.tokens as tf.Tensor2D),
  }));
  try {
    const logits = new Float32Array(tokens.length * architecture.vocabSize);
    const feeds = Object.fromEntries(
      specs.map(({ name, shape: size }) => [name, bufferOf(size, 'float32', weights[name]!)]),
    );
    await program.run(
      { tokens: bufferOf(shape, 'int32', tokens), ...feeds },
      { logits: bufferOf([tokens.length, architecture.vocabSize], 'float32', logits) },
    );
    return logits;
  } finally {
    await program.release();
  }
}

const floats = (shape: readonly number[]) => ({ shape, dtype: 'float32' as const });

/** The largest absolute difference; NaN where one is no number. */
export function largestDifference(a: Float32Array, b: Float32Array): number {
  let largest = 0;
  // Math.max keeps NaN, where a comparison would pass over it.
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return a.length === b.length ? largest : Number.NaN;
}

type Values = Record<string, Tensor>;

const integers = (values: readonly number[], shape: readonly number[]): Tensor =>
  new Tensor('int64', BigInt64Array.from(values, BigInt), shape);

/** What a pass reads beside the cache: columns `from` to `to` of the tokens (B, T), nothing padded. */
function textInputs({ tokens, batch }: TokenBatch, from: number, to: number): Values {
  const length = tokens.length / batch;
  const columns = Array.from({ length: to - from }, (_, i) => from + i);
  const rows = Array.from({ length: batch }, (_, row) => row);
  return {
    input_ids: integers(
      rows.flatMap((row) => columns.map((column) => tokens[row * length + column]!)),
      [batch, to - from],
    ),
    attention_mask: integers(
      Array.from({ length: batch * to }, () => 1),
      [batch, to],
    ),
    position_ids: integers(
      rows.flatMap(() => columns),
      [batch, to - from],
    ),
  };
}

/** The cache that a pass gives, under the names that the next pass reads it by. */
function cacheOf({ architecture }: LanguageModel, outputs: InferenceSession.OnnxValueMapType): Values {
  const attending = architecture.layers.flatMap(({ nHeads }, layer) => (nHeads > 0 ? [layer] : []));
  return Object.fromEntries(
    attending.flatMap((layer) =>
      pastNames(layer).map((name, i) => [name, outputs[presentNames(layer)[i]!] as Tensor]),
    ),
  );
}

/** Columns `from` to `to` of logits (B, T, V). */
function columnsOf(logits: Float32Array, { tokens, batch }: TokenBatch, from: number, to: number) {
  const length = tokens.length / batch;
  const vocabSize = logits.length / tokens.length;
  const part = new Float32Array(batch * (to - from) * vocabSize);
  for (let row = 0; row < batch; row++) {
    const start = (row * length + from) * vocabSize;
    part.set(logits.subarray(start, start + (to - from) * vocabSize), row * (to - from) * vocabSize);
  }
  return part;
}

/** Largest differences of logits from those of the model itself. */
export interface DecoderCheck {
  /** Over all positions of the text in one pass. */
  readonly prefill: number;
  /** Over the positions of the second half, one pass each after a prefill of the first half. */
  readonly decode: number;
}

/** Loads the graphs from their files and runs them on `text`. @throws what ONNX Runtime throws. */
export async function checkDecoder(
  model: LanguageModel,
  text: TokenBatch,
  files: Readonly<Record<DecoderPass, string>>,
): Promise<DecoderCheck> {
  const expected = await logitsOf(model, text);
  const open = (file: string) => InferenceSession.create(file, { logSeverityLevel: 3 });
  const [prefill, decode] = [await open(files.prefill), await open(files.decode)];
  try {
    const length = text.tokens.length / text.batch;
    const differenceOf = ({ logits }: InferenceSession.OnnxValueMapType, from: number, to: number) =>
      largestDifference((logits as Tensor).data as Float32Array, columnsOf(expected, text, from, to));
    const whole = differenceOf(await prefill.run(textInputs(text, 0, length)), 0, length);
    const half = Math.max(1, length >> 1);
    let cache = cacheOf(model, await prefill.run(textInputs(text, 0, half)));
    const steps = [0];
    for (let at = half; at < length; at++) {
      const outputs = await decode.run({ ...textInputs(text, at, at + 1), ...cache });
      steps.push(differenceOf(outputs, at, at + 1));
      cache = cacheOf(model, outputs);
    }
    return { prefill: whole, decode: Math.max(...steps) };
  } finally {
    await prefill.release();
    await decode.release();
  }
}
