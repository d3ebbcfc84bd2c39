// Tokenizers as Hugging Face's `tokenizer.json`: byte-level byte pairs in GPT-2's alphabet, with the ids of here.
import { readMerges, spell } from '../data/bpe-vocabulary.ts';
import { byteTokenizer, type TokenizerJson, tokenizerFromJson } from '../data/tokenizer.ts';

/** The contents of `tokenizer.json`. Bytes are byte pairs without a merge. */
export function huggingFaceTokenizer(tokenizer: TokenizerJson): object {
  const { tokens } = tokenizer.kind === 'bytes' ? byteTokenizer() : readMerges(tokenizer.merges);
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    // Words matter only where merges could cross their edges.
    pre_tokenizer: { ...byteLevel, use_regex: tokenizer.kind === 'bpe' },
    post_processor: null,
    decoder: { ...byteLevel, use_regex: tokenizer.kind === 'bpe' },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [spell(token), id])),
      merges: tokenizer.kind === 'bytes' ? [] : tokenizer.merges.map((merge) => merge.split(' ')),
    },
  };
}

/** The contents of `tokenizer_config.json`. There are no special tokens: texts have neither beginning nor end. */
export function huggingFaceTokenizerConfig(contextLength: number): object {
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    model_max_length: contextLength,
    model_input_names: ['input_ids', 'attention_mask'],
    clean_up_tokenization_spaces: false,
    bos_token: null,
    eos_token: null,
    pad_token: null,
    unk_token: null,
  };
}

/**
 * The tokenizer that a `tokenizer.json` of {@link huggingFaceTokenizer} describes.
 * @throws RangeError where it is another kind, or its ids are not those that its merges make.
 */
export function readHuggingFaceTokenizer(json: unknown): TokenizerJson {
  const { model } = json as {
    model?: { type?: unknown; vocab?: Record<string, number>; merges?: string[][] };
  };
  if (model?.type !== 'BPE' || model.vocab === undefined || !Array.isArray(model.merges))
    throw new RangeError('not a byte-pair tokenizer.json');
  const merges = model.merges.map((pair) => pair.join(' '));
  const vocabSize = Object.keys(model.vocab).length;
  const found: TokenizerJson =
    merges.length === 0 ? { kind: 'bytes', vocabSize: 256 } : { kind: 'bpe', vocabSize, merges };
  for (const [id, token] of tokenizerFromJson(found).tokens.entries())
    if (model.vocab[spell(token)] !== id)
      throw new RangeError(`token ${id} of the tokenizer.json is another`);
  return found;
}
