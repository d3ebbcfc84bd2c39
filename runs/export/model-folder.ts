// A folder that Hugging Face's libraries load: configuration, weights, tokenizer; written, and read back.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  readSafetensors,
  type StoredTensor,
  writeSafetensors,
} from '../../evaluators/checkpoint/safetensors.ts';
import { type TokenizerJson, tokenizerFromJson } from '../../evaluators/data/tokenizer.ts';
import type { LanguageModel } from '../../evaluators/generation/language-model.ts';
import { type LlamaTensor, toLlamaTensors } from '../../evaluators/interchange/llama-tensors.ts';
import {
  huggingFaceTokenizer,
  huggingFaceTokenizerConfig,
  readHuggingFaceTokenizer,
} from '../../evaluators/interchange/tokenizer-json.ts';
import { parameterSpecs, type Weights } from '../../evaluators/model/parameters.ts';
import {
  countModelParameters,
  decodeFloat,
  encodeFloat,
  isPlainLlama,
  llamaConfig,
  modelFromHuggingFace,
} from '../../hardware/index.ts';
import { type Architecture, countParameters } from '../../space/architecture.ts';
import { canonicalJson } from '../../space/candidate.ts';
import { mustHold } from './failed-check.ts';

/** Types of the weights in `model.safetensors`. */
export const EXPORT_DTYPES = ['float32', 'float16', 'bfloat16'] as const;
export type ExportDtype = (typeof EXPORT_DTYPES)[number];

const STORED = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' } as const;
const FLOATS = { float16: 'fp16', bfloat16: 'bf16' } as const;

/** Python code that loads the per-layer form. */
const MODEL_CODE = 'modeling_paretoformer.py';

/** Weights as a file of `dtype` holds them. */
export function roundWeights(weights: Weights, dtype: ExportDtype): Weights {
  if (dtype === 'float32') return weights;
  const rounded = Object.entries(weights).map(([name, values]) => [
    name,
    decodeFloat(encodeFloat(values, FLOATS[dtype])),
  ]);
  return Object.fromEntries(rounded) as Weights;
}

function storedTensor({ shape, data }: LlamaTensor, dtype: ExportDtype): StoredTensor {
  const values = dtype === 'float32' ? data : encodeFloat(data, FLOATS[dtype]).packed;
  return { dtype: STORED[dtype], shape, data: values };
}

const writeJson = (path: string, value: unknown): void =>
  writeFileSync(path, `${JSON.stringify(value, undefined, 2)}\n`);
const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));

/** `config.json` and, where layers are unlike, the Python code that it names; made and read back. */
export function writeConfig(folder: string, architecture: Architecture, dtype: ExportDtype): void {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'config.json');
  writeJson(path, llamaConfig(architecture, { dtype }));
  if (!isPlainLlama(architecture))
    copyFileSync(new URL(`./python/${MODEL_CODE}`, import.meta.url), join(folder, MODEL_CODE));
  const found = modelFromHuggingFace(readJson(path));
  mustHold(canonicalJson(found) === canonicalJson(architecture), 'config.json', 'it describes another model');
  mustHold(
    countModelParameters(found) === countParameters(architecture),
    'config.json',
    'its model has another number of parameters',
  );
}

/** The tokenizer's files, read back; text that was once encoded as `tokens` has the same ids again. */
export function writeTokenizer(
  folder: string,
  tokenizer: TokenizerJson,
  contextLength: number,
  tokens: Uint16Array,
): void {
  const path = join(folder, 'tokenizer.json');
  writeJson(path, huggingFaceTokenizer(tokenizer));
  writeJson(join(folder, 'tokenizer_config.json'), huggingFaceTokenizerConfig(contextLength));
  const found = readHuggingFaceTokenizer(readJson(path));
  mustHold(canonicalJson(found) === canonicalJson(tokenizer), 'tokenizer.json', 'it is another tokenizer');
  const again = tokenizerFromJson(found);
  const ids = again.encode(again.decode(tokens));
  mustHold(bytesEqual(ids, tokens), 'tokenizer.json', 'text has other ids than in training');
}

/** Sampling that suits small models; a text ends with the context. */
const generationConfig = (contextLength: number) => ({
  max_length: contextLength,
  do_sample: true,
  temperature: 0.8,
  top_p: 0.95,
  bos_token_id: null,
  eos_token_id: null,
  pad_token_id: null,
});

/** `model.safetensors` and its configurations, read back tensor by tensor. */
export function writeModel(
  folder: string,
  { architecture, weights }: LanguageModel,
  dtype: ExportDtype,
): void {
  writeConfig(folder, architecture, dtype);
  writeJson(join(folder, 'generation_config.json'), generationConfig(architecture.contextLength));
  const path = join(folder, 'model.safetensors');
  const tensors = new Map(
    toLlamaTensors(architecture, weights).map((tensor) => [tensor.name, storedTensor(tensor, dtype)]),
  );
  writeSafetensors(path, { tensors, metadata: new Map([['format', 'pt']]) });
  const found = readSafetensors(path).tensors;
  mustHold(found.size === parameterSpecs(architecture).length, 'model.safetensors', 'tensors are missing');
  let nParameters = 0;
  for (const [name, { dtype: type, shape, data }] of tensors) {
    const tensor = found.get(name);
    const isEqual =
      tensor?.dtype === type && tensor.shape.join() === shape.join() && bytesEqual(tensor.data, data);
    mustHold(isEqual, 'model.safetensors', `${name} does not read back as it was written`);
    nParameters += shape.reduce((a, b) => a * b, 1);
  }
  mustHold(
    nParameters === countParameters(architecture),
    'model.safetensors',
    'it has another number of parameters',
  );
}

function bytesEqual(a: ArrayBufferView, b: ArrayBufferView): boolean {
  const bytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView) =>
    new Uint8Array(buffer, byteOffset, byteLength);
  return Buffer.compare(bytes(a), bytes(b)) === 0;
}
