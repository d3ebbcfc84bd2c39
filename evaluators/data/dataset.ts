// Tokens ready for training, in shared memory, so that all worker threads read one copy.

import type { TokenizerSpec } from '../../space/spec.ts';
import { trainBytePairs } from './bpe-train.ts';
import { type Corpus, CorpusError, sumBytes, type TextDocument } from './corpus.ts';
import { splitByDocument } from './split.ts';
import { bytePairTokenizer, byteTokenizer, type Tokenizer, type TokenizerJson } from './tokenizer.ts';

/** Token ids in shared memory. */
type Tokens = Uint16Array<SharedArrayBuffer>;

/** Plain data: it crosses to a worker thread as it is, and the tokens are not copied on the way. */
export interface Dataset {
  readonly train: Tokens;
  readonly validation: Tokens;
  /** Bytes of text behind `train` and `validation`, separators between documents included. */
  readonly trainBytes: number;
  readonly validationBytes: number;
  readonly vocabSize: number;
  /** By token id. */
  readonly bytesPerToken: Int32Array<SharedArrayBuffer>;
  readonly tokenizer: TokenizerJson;
  readonly corpusSha256: string;
  /** What a model that knows only how often each byte appears in the validation text can reach at best. */
  readonly unigramBitsPerByte: number;
}

/** Ends each document but the last. */
const SEPARATOR = 0x0a;

/**
 * Splits by document with the given validation share, trains the tokenizer on the training documents alone, and
 * encodes both sides.
 * @throws CorpusError where the text is too small for the vocabulary or for one window of `contextLength` tokens.
 */
export function prepareDataset(
  corpus: Corpus,
  spec: TokenizerSpec,
  validationShare: number,
  contextLength: number,
): Dataset {
  const split = splitByDocument(corpus, validationShare);
  const trainText = joinDocuments(split.train);
  const validationText = joinDocuments(split.validation);
  const tokenizer = createTokenizer(corpus, spec, split.train);
  const train = share(tokenizer.encode(trainText));
  const validation = share(tokenizer.encode(validationText));
  checkLength(corpus, 'training', train, contextLength);
  checkLength(corpus, 'validation', validation, contextLength);
  const bytesPerToken = new Int32Array(new SharedArrayBuffer(4 * tokenizer.vocabSize));
  bytesPerToken.set(tokenizer.tokens.map((token) => token.length));
  return {
    train,
    validation,
    trainBytes: trainText.length,
    validationBytes: validationText.length,
    vocabSize: tokenizer.vocabSize,
    bytesPerToken,
    tokenizer: tokenizer.toJSON(),
    corpusSha256: corpus.sha256,
    unigramBitsPerByte: unigramEntropyBits(validationText),
  };
}

/** Bits per byte of text from the mean cross entropy, in nats a token, of `nTokens` tokens that spell `nBytes` bytes. */
export function bitsPerByte(meanNatsPerToken: number, nTokens: number, nBytes: number): number {
  return (meanNatsPerToken * nTokens) / (Math.LN2 * nBytes);
}

function createTokenizer(corpus: Corpus, spec: TokenizerSpec, train: readonly TextDocument[]): Tokenizer {
  if (spec.kind === 'bytes') return byteTokenizer();
  const vocabulary = trainBytePairs(
    train.map(({ bytes }) => bytes),
    spec.vocabSize,
  );
  const nTokens = vocabulary.tokens.length;
  if (nTokens < spec.vocabSize) {
    throw new CorpusError(
      `corpus ${corpus.source}: its training text yields ${nTokens} byte-pair tokens, not ${spec.vocabSize}; ` +
        `use more text or a vocabSize of at most ${nTokens}`,
    );
  }
  return bytePairTokenizer(vocabulary);
}

function joinDocuments(documents: readonly TextDocument[]): Uint8Array {
  const text = new Uint8Array(sumBytes(documents) + documents.length - 1).fill(SEPARATOR);
  let at = 0;
  for (const { bytes } of documents) {
    text.set(bytes, at);
    at += bytes.length + 1;
  }
  return text;
}

function share(tokens: Uint16Array): Tokens {
  const shared = new Uint16Array(new SharedArrayBuffer(tokens.byteLength));
  shared.set(tokens);
  return shared;
}

function checkLength(corpus: Corpus, side: string, tokens: Tokens, contextLength: number): void {
  if (tokens.length > contextLength) return;
  throw new CorpusError(
    `corpus ${corpus.source}: ${tokens.length} ${side} tokens are too few for a context of ${contextLength}; ` +
      'use more text or a shorter context',
  );
}

/** Entropy of the bytes' own distribution, in bits a byte. */
function unigramEntropyBits(text: Uint8Array): number {
  const counts = new Float64Array(256);
  for (let i = 0; i < text.length; i++) counts[text[i]!]!++;
  let bits = 0;
  for (const count of counts) if (count > 0) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
