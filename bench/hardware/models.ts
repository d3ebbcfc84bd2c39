// Shapes of the models that appear in the measured rows, from their Hugging Face configs.
import { type ModelShape, modelFromHuggingFace } from '../../hardware/index.ts';

const llama = (
  hidden_size: number,
  num_hidden_layers: number,
  num_attention_heads: number,
  intermediate_size: number,
  more: Readonly<Record<string, unknown>> = {},
): ModelShape =>
  modelFromHuggingFace({
    model_type: 'llama',
    hidden_size,
    num_hidden_layers,
    num_attention_heads,
    intermediate_size,
    vocab_size: 32_000,
    max_position_embeddings: 4096,
    ...more,
  });

const opt = (hidden_size: number, num_hidden_layers: number, num_attention_heads: number): ModelShape =>
  modelFromHuggingFace({
    model_type: 'opt',
    hidden_size,
    num_hidden_layers,
    num_attention_heads,
    ffn_dim: 4 * hidden_size,
    vocab_size: 50_272,
    max_position_embeddings: 2048,
  });

const llama7b = llama(4096, 32, 32, 11_008);

export const MODELS = {
  'llama-7b': llama7b,
  'llama2-13b': llama(5120, 40, 40, 13_824),
  'llama2-70b': llama(8192, 80, 64, 28_672, { num_key_value_heads: 8 }),
  'xgen-7b': llama(4096, 32, 32, 11_008, { vocab_size: 51_200 }),
  'llama3.1-8b': llama(4096, 32, 32, 14_336, { num_key_value_heads: 8, vocab_size: 128_256 }),
  'llama3.1-70b': llama(8192, 80, 64, 28_672, { num_key_value_heads: 8, vocab_size: 128_256 }),
  'qwen3-32b': modelFromHuggingFace({
    model_type: 'qwen3',
    hidden_size: 5120,
    num_hidden_layers: 64,
    num_attention_heads: 64,
    num_key_value_heads: 8,
    head_dim: 128,
    intermediate_size: 25_600,
    vocab_size: 151_936,
  }),
  'gpt-j-6b': modelFromHuggingFace({
    model_type: 'gptj',
    n_embd: 4096,
    n_layer: 28,
    n_head: 16,
    n_positions: 2048,
    vocab_size: 50_400,
  }),
  'codegen-6b': llama(4096, 33, 16, 11_008, { vocab_size: 51_200 }),
  'opt-2.7b': opt(2560, 32, 32),
  'opt-6.7b': opt(4096, 32, 32),
  'opt-13b': opt(5120, 40, 40),
  'falcon-180b': modelFromHuggingFace({
    model_type: 'falcon',
    hidden_size: 14_848,
    num_hidden_layers: 80,
    num_attention_heads: 232,
    num_kv_heads: 8,
    new_decoder_architecture: true,
    tie_word_embeddings: false,
    vocab_size: 65_024,
  }),
  /** A draft of 115 million parameters for LLaMA2-7B. */
  'draft-115m': llama(1024, 4, 8, 2816),
  /** A draft of 450 million parameters for LLaMA2-7B. */
  'draft-450m': llama(1536, 12, 12, 4096, {}),
} as const satisfies Readonly<Record<string, ModelShape>>;

export type ModelName = keyof typeof MODELS;
