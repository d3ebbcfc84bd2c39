// Tokenizers: text bytes <-> token ids. Every one of them gives back exactly the bytes it was given.
import { encodeWord } from './bpe-encode.ts';
import { readMerges, spellMerges, type Vocabulary } from './bpe-vocabulary.ts';
import { preTokenize } from './pre-tokenize.ts';
import { createWordTable, type WordTable } from './word-table.ts';

/** A trained tokenizer as plain data. Merges are written as in Hugging Face's tokenizer.json, lowest rank first. */
export type TokenizerJson =
  | { readonly kind: 'bytes'; readonly vocabSize: 256 }
  | { readonly kind: 'bpe'; readonly vocabSize: number; readonly merges: readonly string[] };

export interface Tokenizer {
  readonly vocabSize: number;
  /** The bytes of each token id. */
  readonly tokens: readonly Uint8Array[];
  encode(text: Uint8Array): Uint16Array;
  /** @throws RangeError for an id outside the vocabulary. */
  decode(ids: ArrayLike<number>): Uint8Array;
  toJSON(): TokenizerJson;
}

/** One token a byte. */
export function byteTokenizer(): Tokenizer {
  const tokens = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  return {
    vocabSize: 256,
    tokens,
    encode: (text) => Uint16Array.from(text),
    decode: (ids) => decode(tokens, ids),
    toJSON: () => ({ kind: 'bytes', vocabSize: 256 }),
  };
}

/** Byte pairs under a trained vocabulary. */
export function bytePairTokenizer(vocabulary: Vocabulary): Tokenizer {
  const { tokens } = vocabulary;
  const cache: WordCache = { table: createWordTable(), encoded: [] };
  return {
    vocabSize: tokens.length,
    tokens,
    encode: (text) => encodeText(vocabulary, cache, text),
    decode: (ids) => decode(tokens, ids),
    toJSON: () => ({ kind: 'bpe', vocabSize: tokens.length, merges: spellMerges(vocabulary) }),
  };
}

/** The tokenizer that `toJSON` described. @throws RangeError for merges that contradict themselves. */
export function tokenizerFromJson(json: TokenizerJson): Tokenizer {
  if (json.kind === 'bytes') return byteTokenizer();
  const vocabulary = readMerges(json.merges);
  if (vocabulary.tokens.length !== json.vocabSize) {
    throw new RangeError(
      `the tokenizer's merges make ${vocabulary.tokens.length} tokens, not ${json.vocabSize}`,
    );
  }
  return bytePairTokenizer(vocabulary);
}

/** Words that were encoded before, by their number in the table. */
interface WordCache {
  readonly table: WordTable;
  readonly encoded: Uint16Array[];
}

/** Longer words hardly repeat; more words than this are no longer kept. */
const MAX_CACHED_WORD_BYTES = 64;
const MAX_CACHED_WORDS = 1 << 20;

function encodeText(vocabulary: Vocabulary, { table, encoded }: WordCache, text: Uint8Array): Uint16Array {
  const ids = new Uint16Array(text.length);
  let nIds = 0;
  preTokenize(text, (start, end) => {
    let word: Uint16Array;
    if (end - start > MAX_CACHED_WORD_BYTES || table.size() >= MAX_CACHED_WORDS) {
      word = encodeWord(vocabulary, text.subarray(start, end));
    } else {
      const id = table.intern(text, start, end);
      word = encoded[id] ??= encodeWord(vocabulary, table.word(id));
    }
    for (let i = 0; i < word.length; i++) ids[nIds++] = word[i]!;
  });
  return ids.slice(0, nIds);
}

function decode(tokens: readonly Uint8Array[], ids: ArrayLike<number>): Uint8Array {
  let nBytes = 0;
  for (let i = 0; i < ids.length; i++) {
    const token = tokens[ids[i]!];
    if (token === undefined)
      throw new RangeError(`token ${ids[i]} is not in a vocabulary of ${tokens.length}`);
    nBytes += token.length;
  }
  const text = new Uint8Array(nBytes);
  for (let i = 0, at = 0; i < ids.length; i++) {
    const token = tokens[ids[i]!]!;
    text.set(token, at);
    at += token.length;
  }
  return text;
}
