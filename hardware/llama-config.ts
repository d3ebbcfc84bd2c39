// An architecture as a Hugging Face config.json: Llama's own form where all layers are alike, else one entry a layer.
import type { Architecture, Layer } from '../space/architecture.ts';

/** Heads and kv heads of all layers. */
interface Heads {
  readonly nHeads: number;
  readonly nKvHeads: number;
}

/** Kv heads that a layer takes where `group` heads share one: one serves at most so many. */
function kvHeadsNeeded({ nHeads, nKvHeads }: Layer, group: number): number {
  return nHeads === 0 ? 0 : nKvHeads * Math.ceil(nHeads / nKvHeads / group);
}

/** Llama asks that the width be a multiple of the heads, and every layer must find room; fewest parameters win. */
function commonHeads({ dModel, layers }: Architecture): Heads | undefined {
  let best: Heads | undefined;
  const size = ({ nHeads, nKvHeads }: Heads) => nHeads + nKvHeads;
  for (let group = 1; group <= dModel; group++) {
    const needed = Math.max(1, ...layers.map((layer) => kvHeadsNeeded(layer, group)));
    for (let nKvHeads = needed; nKvHeads * group <= dModel; nKvHeads++) {
      if (dModel % (nKvHeads * group) !== 0) continue;
      const heads = { nHeads: nKvHeads * group, nKvHeads };
      if (best === undefined || size(heads) < size(best)) best = heads;
      break;
    }
  }
  return best;
}

/** Whether one Llama configuration describes the model: all layers alike, the width a multiple of the heads. */
export function isPlainLlama({ dModel, layers }: Architecture): boolean {
  const { nHeads, nKvHeads, dFf } = layers[0]!;
  return (
    nHeads > 0 &&
    dFf > 0 &&
    dModel % nHeads === 0 &&
    layers.every((layer) => layer.nHeads === nHeads && layer.nKvHeads === nKvHeads && layer.dFf === dFf)
  );
}

/**
 * The plain Llama architecture with the fewest parameters that `architecture` fits into; undefined where no number of
 * heads divides the width and suffices.
 */
export function uniformArchitecture(architecture: Architecture): Architecture | undefined {
  if (isPlainLlama(architecture)) return architecture;
  const heads = commonHeads(architecture);
  if (heads === undefined) return undefined;
  const layer = { ...heads, dFf: Math.max(1, ...architecture.layers.map(({ dFf }) => dFf)) };
  return { ...architecture, layers: architecture.layers.map(() => layer) };
}

/** The model type of the per-layer form; the Python files of an export define it. */
export const PER_LAYER_TYPE = 'paretoformer';

export interface LlamaConfigOptions {
  /** Type of the weights in the checkpoint. */
  readonly dtype: 'float32' | 'float16' | 'bfloat16';
}

/** The block of a layer, keys as in NVIDIA's Puzzletron and DeciLM configurations. */
function blockConfig({ nHeads, nKvHeads, dFf }: Layer): object {
  const attention =
    nHeads === 0
      ? { no_op: true, num_attention_heads: null, num_key_value_heads: null, n_heads_in_group: null }
      : {
          no_op: false,
          num_attention_heads: nHeads,
          num_key_value_heads: nKvHeads,
          n_heads_in_group: nHeads / nKvHeads,
        };
  const ffn = { no_op: dFf === 0, intermediate_size: dFf === 0 ? null : dFf };
  return {
    attention: { ...attention, replace_with_linear: false },
    ffn: { ...ffn, replace_with_linear: false },
  };
}

/** What the per-layer form says beside the common keys; the keys that name one number hold the largest. */
function perLayerKeys({ layers }: Architecture) {
  return {
    architectures: ['ParetoformerForCausalLM'],
    model_type: PER_LAYER_TYPE,
    auto_map: {
      AutoConfig: 'modeling_paretoformer.ParetoformerConfig',
      AutoModelForCausalLM: 'modeling_paretoformer.ParetoformerForCausalLM',
    },
    num_key_value_heads_per_layer: layers.map(({ nKvHeads }) => nKvHeads),
    block_configs: layers.map(blockConfig),
  };
}

/**
 * The config.json of a model. {@link isPlainLlama} tells which form it takes; `modelFromHuggingFace` reads both.
 */
export function llamaConfig(architecture: Architecture, { dtype }: LlamaConfigOptions): object {
  const { dModel, headDim, vocabSize, contextLength, tieEmbeddings, ropeTheta, layers } = architecture;
  const largest = (key: keyof Layer) => Math.max(1, ...layers.map((layer) => layer[key]));
  const form = isPlainLlama(architecture)
    ? { architectures: ['LlamaForCausalLM'], model_type: 'llama' }
    : perLayerKeys(architecture);
  return {
    ...form,
    hidden_size: dModel,
    num_hidden_layers: layers.length,
    num_attention_heads: largest('nHeads'),
    num_key_value_heads: largest('nKvHeads'),
    head_dim: headDim,
    intermediate_size: largest('dFf'),
    vocab_size: vocabSize,
    max_position_embeddings: contextLength,
    tie_word_embeddings: tieEmbeddings,
    hidden_act: 'silu',
    rms_norm_eps: 1e-5,
    rope_theta: ropeTheta,
    rope_parameters: { rope_type: 'default', rope_theta: ropeTheta },
    attention_bias: false,
    mlp_bias: false,
    attention_dropout: 0,
    initializer_range: 0.02,
    use_cache: true,
    bos_token_id: null,
    eos_token_id: null,
    pad_token_id: null,
    torch_dtype: dtype,
  };
}
