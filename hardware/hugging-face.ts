// A Hugging Face config.json as a model shape, parameters exact. Families that the cost model would misprice
// (mixtures of experts, state-space blocks) are refused by name.
import type { Layer } from '../space/architecture.ts';
import { HardwareError } from './errors.ts';
import { PER_LAYER_TYPE } from './llama-config.ts';
import { HOUSE_DETAILS, type ModelDetails, type ModelShape } from './model-shape.ts';

type Config = Readonly<Record<string, unknown>>;

function fail(message: string): never {
  throw new HardwareError('bad-model-config', message);
}

function optionalNumber(config: Config, ...keys: readonly string[]): number | undefined {
  for (const key of keys) {
    const value = config[key];
    if (value === undefined || value === null) continue;
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
      fail(`${key} must be a number, not ${JSON.stringify(value)}`);
    }
    return value;
  }
  return undefined;
}

/** A count that the family cannot do without. */
function requiredNumber(config: Config, ...keys: readonly string[]): number {
  const value = optionalNumber(config, ...keys) ?? fail(`config.json lacks ${keys.join(' or ')}`);
  return Number.isSafeInteger(value)
    ? value
    : fail(`${keys.join(' or ')} must be a whole number, not ${value}`);
}

const MAX_LAYERS = 10_000;

function flag(config: Config, key: string, otherwise: boolean): boolean {
  const value = config[key];
  if (value === undefined || value === null) return otherwise;
  return typeof value === 'boolean'
    ? value
    : fail(`${key} must be true or false, not ${JSON.stringify(value)}`);
}

/** An object under `key`, as DeciLM and Puzzletron describe half of a block. */
function partOf(block: unknown, key: string, at: number): Config {
  const part = typeof block === 'object' && block !== null ? (block as Config)[key] : undefined;
  if (typeof part !== 'object' || part === null) fail(`block_configs.${at} lacks ${key}`);
  const fields = part as Config;
  if (flag(fields, 'replace_with_linear', false)) fail(`block_configs.${at}: linear ${key} is not priced`);
  return fields;
}

/** DeciLM gives the feed-forward as a multiple of the width, rounded up to whole 256s. */
function feedForwardOf(ffn: Config, dModel: number): number {
  const size = optionalNumber(ffn, 'intermediate_size');
  if (size !== undefined || ffn.ffn_mult === undefined) return size ?? 0;
  return Math.ceil(Math.trunc((2 * (optionalNumber(ffn, 'ffn_mult') ?? 0) * dModel) / 3) / 256) * 256;
}

/** One block of `block_configs`; a half that says `no_op` is left out. */
function blockOf(block: unknown, at: number, { dModel, nHeads: usual }: Sizes): Layer {
  const attention = partOf(block, 'attention', at);
  const ffn = partOf(block, 'ffn', at);
  const dFf = flag(ffn, 'no_op', false) ? 0 : feedForwardOf(ffn, dModel);
  const nHeads = optionalNumber(attention, 'num_attention_heads') ?? usual;
  const group = optionalNumber(attention, 'n_heads_in_group');
  const nKvHeads =
    optionalNumber(attention, 'num_key_value_heads') ?? (group === undefined ? 0 : nHeads / group);
  if (flag(attention, 'no_op', false) || nKvHeads === 0) return { nHeads: 0, nKvHeads: 0, dFf };
  if (![nHeads, nKvHeads, dFf].every(Number.isSafeInteger) || nHeads % nKvHeads !== 0)
    fail(`block_configs.${at}: ${nKvHeads} kv heads do not divide ${nHeads} heads`);
  return { nHeads, nKvHeads, dFf };
}

/** The blocks that a configuration lists one by one; undefined where it does not. */
function listedBlocks(config: Config, sizes: Sizes): readonly Layer[] | undefined {
  const blocks = config.block_configs;
  if (blocks === undefined || blocks === null) return undefined;
  if (!Array.isArray(blocks) || blocks.length !== sizes.nLayers)
    fail(`block_configs must list ${sizes.nLayers} blocks`);
  return (blocks as unknown[]).map((block, at) => blockOf(block, at, sizes));
}

interface Sizes {
  readonly dModel: number;
  readonly nLayers: number;
  readonly nHeads: number;
}

function sizesOf(config: Config): Sizes {
  const nLayers = requiredNumber(config, 'num_hidden_layers', 'n_layer', 'num_layers');
  if (nLayers < 1 || nLayers > MAX_LAYERS) fail(`a model has 1 to ${MAX_LAYERS} layers, not ${nLayers}`);
  return {
    dModel: requiredNumber(config, 'hidden_size', 'n_embd', 'd_model'),
    nLayers,
    nHeads: requiredNumber(config, 'num_attention_heads', 'n_head', 'num_heads'),
  };
}

/** Kv heads of each block: a list by layer, one number, or as many as heads. */
function kvHeadsOf(config: Config, { nLayers, nHeads }: Sizes): readonly number[] {
  const listed = config.num_key_value_heads_per_layer ?? config.num_key_value_heads;
  if (Array.isArray(listed)) {
    if (listed.length !== nLayers) {
      fail(`num_key_value_heads_per_layer has ${listed.length} entries for ${nLayers} layers`);
    }
    return listed.map((count) =>
      Number.isSafeInteger(count) && count >= 0
        ? count
        : fail(`kv heads must be whole numbers, not ${count}`),
    );
  }
  const count = optionalNumber(config, 'num_key_value_heads') ?? nHeads;
  return Array.from({ length: nLayers }, () => count);
}

/** Blocks that differ in their kv heads alone. */
function alikeBlocks(kvHeads: readonly number[], nHeads: number, dFf: number): readonly Layer[] {
  return kvHeads.map((nKvHeads): Layer => {
    // A block without kv heads has no attention.
    if (nKvHeads === 0) return { nHeads: 0, nKvHeads: 0, dFf };
    if (nKvHeads > nHeads || nHeads % nKvHeads !== 0)
      fail(`${nKvHeads} kv heads do not divide ${nHeads} heads`);
    return { nHeads, nKvHeads, dFf };
  });
}

/** Transformers 5 moved the base of rotary positions into an object. */
function ropeThetaOf(config: Config): number {
  const nested = config.rope_parameters;
  const inner = typeof nested === 'object' && nested !== null ? (nested as Config) : {};
  return optionalNumber(config, 'rope_theta') ?? optionalNumber(inner, 'rope_theta') ?? 10_000;
}

function assemble(
  config: Config,
  sizes: Sizes,
  parts: {
    readonly dFf: number;
    readonly tied: boolean;
    readonly kvHeads?: readonly number[];
    /** Blocks that the configuration lists one by one. */
    readonly blocks?: readonly Layer[] | undefined;
    readonly details?: Partial<ModelDetails>;
  },
): ModelShape {
  const { dModel, nHeads } = sizes;
  const headDim = optionalNumber(config, 'head_dim', 'attention_head_size') ?? dModel / nHeads;
  if (!Number.isSafeInteger(headDim)) fail(`the width ${dModel} is not a multiple of ${nHeads} heads`);
  const layers = parts.blocks ?? alikeBlocks(parts.kvHeads ?? kvHeadsOf(config, sizes), nHeads, parts.dFf);
  return {
    dModel,
    headDim,
    vocabSize: requiredNumber(config, 'vocab_size'),
    contextLength: optionalNumber(config, 'max_position_embeddings', 'n_positions', 'n_ctx') ?? 2048,
    tieEmbeddings: flag(config, 'tie_word_embeddings', parts.tied),
    ropeTheta: ropeThetaOf(config),
    layers,
    ...(parts.details === undefined ? {} : { details: { ...HOUSE_DETAILS, ...parts.details } }),
  };
}

function readLlama(config: Config, biases: Partial<ModelDetails> = {}): ModelShape {
  const sizes = sizesOf(config);
  const attentionBias = flag(config, 'attention_bias', false);
  const details: Partial<ModelDetails> = {
    qkvBias: attentionBias,
    attentionOutputBias: attentionBias,
    feedForwardBias: flag(config, 'mlp_bias', false),
    ...biases,
  };
  const plain = Object.values(details).every((value) => value === false);
  const blocks = listedBlocks(config, sizes);
  return assemble(config, sizes, {
    dFf: blocks === undefined ? requiredNumber(config, 'intermediate_size') : 0,
    blocks,
    tied: false,
    ...(plain ? {} : { details }),
  });
}

const LAYER_NORM = { feedForwardMatrices: 2, normWidths: 2, normsPerLayer: 2, finalNorm: true } as const;
const ALL_BIASES = { qkvBias: true, attentionOutputBias: true, feedForwardBias: true } as const;

function readGpt2(config: Config): ModelShape {
  const sizes = sizesOf(config);
  return assemble(config, sizes, {
    dFf: optionalNumber(config, 'n_inner', 'intermediate_size') ?? 4 * sizes.dModel,
    tied: true,
    details: {
      ...LAYER_NORM,
      ...ALL_BIASES,
      positionRows: requiredNumber(config, 'n_positions', 'n_ctx', 'max_position_embeddings'),
    },
  });
}

function readGptNeoX(config: Config): ModelShape {
  const bias = flag(config, 'attention_bias', true);
  return assemble(config, sizesOf(config), {
    dFf: requiredNumber(config, 'intermediate_size'),
    tied: false,
    details: { ...LAYER_NORM, qkvBias: bias, attentionOutputBias: bias, feedForwardBias: true },
  });
}

function readGptJ(config: Config): ModelShape {
  const sizes = sizesOf(config);
  return assemble(config, sizes, {
    dFf: optionalNumber(config, 'n_inner') ?? 4 * sizes.dModel,
    tied: false,
    details: { ...LAYER_NORM, normsPerLayer: 1, feedForwardBias: true, headBias: true },
  });
}

function readOpt(config: Config): ModelShape {
  const sizes = sizesOf(config);
  const embedding = optionalNumber(config, 'word_embed_proj_dim') ?? sizes.dModel;
  const bias = flag(config, 'enable_bias', true);
  return assemble(config, sizes, {
    dFf: requiredNumber(config, 'ffn_dim'),
    tied: true,
    details: {
      ...LAYER_NORM,
      qkvBias: bias,
      attentionOutputBias: bias,
      feedForwardBias: bias,
      finalNorm: flag(config, 'do_layer_norm_before', true),
      // The family keeps two rows that no position uses.
      positionRows: requiredNumber(config, 'max_position_embeddings') + 2,
      embeddingWidth: embedding === sizes.dModel ? 0 : embedding,
    },
  });
}

function readFalcon(config: Config): ModelShape {
  const sizes = sizesOf(config);
  const isNew = flag(config, 'new_decoder_architecture', false);
  const isShared = flag(config, 'multi_query', true);
  const nKvHeads = isNew
    ? (optionalNumber(config, 'num_kv_heads', 'n_head_kv') ?? sizes.nHeads)
    : isShared
      ? 1
      : sizes.nHeads;
  const bias = flag(config, 'bias', false);
  return assemble(config, sizes, {
    dFf: optionalNumber(config, 'ffn_hidden_size') ?? 4 * sizes.dModel,
    tied: true,
    kvHeads: Array.from({ length: sizes.nLayers }, () => nKvHeads),
    details: {
      ...LAYER_NORM,
      normsPerLayer: isNew || !flag(config, 'parallel_attn', true) ? 2 : 1,
      qkvBias: bias,
      attentionOutputBias: bias,
      feedForwardBias: bias,
    },
  });
}

const READERS: Readonly<Record<string, (config: Config) => ModelShape>> = {
  llama: readLlama,
  mistral: readLlama,
  deci: readLlama,
  decilm: readLlama,
  'nemotron-nas': readLlama,
  [PER_LAYER_TYPE]: readLlama,
  phi3: readLlama,
  qwen2: (config) => readLlama(config, { qkvBias: true, attentionOutputBias: false }),
  qwen3: (config) => readLlama(config, { qkNorm: true }),
  gemma: (config) => readLlama({ tie_word_embeddings: true, ...config }),
  gpt2: readGpt2,
  gpt_neox: readGptNeoX,
  gptj: readGptJ,
  opt: readOpt,
  falcon: readFalcon,
};

/**
 * The model that a parsed Hugging Face `config.json` describes.
 * @throws HardwareError when the family is unknown or a size is missing or impossible.
 */
export function modelFromHuggingFace(config: unknown): ModelShape {
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    fail('config.json holds no object');
  const fields = config as Config;
  const experts = optionalNumber(fields, 'num_local_experts', 'num_experts', 'n_routed_experts');
  if (experts !== undefined && experts > 1) fail('mixtures of experts are not priced');
  const named = fields.model_type;
  // Deci's first configs carry only the sizes.
  const family = named === undefined || named === null ? 'llama' : named;
  const isKnown = typeof family === 'string' && Object.hasOwn(READERS, family);
  const reader = isKnown ? READERS[family] : undefined;
  if (reader === undefined) {
    fail(`unknown model_type ${JSON.stringify(named)}; known: ${Object.keys(READERS).join(', ')}`);
  }
  return reader(fields);
}
