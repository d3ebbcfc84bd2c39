import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { type Corpus, CorpusError, loadCorpus } from '../../../evaluators/data/corpus.ts';
import { bitsPerByte, type Dataset, prepareDataset } from '../../../evaluators/data/dataset.ts';
import { tokenizerFromJson } from '../../../evaluators/data/tokenizer.ts';
import { countTargetBytes } from '../../../evaluators/data/windows.ts';

const SOTU = loadCorpus('sotu', '.');

function corpusOf(texts: readonly string[]): Corpus {
  const documents = texts.map((text, i) => ({ name: String(i).padStart(4, '0'), bytes: Buffer.from(text) }));
  return { source: 'test', documents, nBytes: 0, sha256: 'abc' };
}

test('speeches as bytes: every byte once, on one side, in shared memory, quickly', () => {
  const start = performance.now();
  const dataset = prepareDataset(SOTU, { kind: 'bytes' }, 0.05, 128);
  expect(performance.now() - start).toBeLessThan(500);
  expect(dataset.vocabSize).toBe(256);
  expect(dataset.train.length).toBe(dataset.trainBytes);
  expect(dataset.validation.length).toBe(dataset.validationBytes);
  expect(dataset.trainBytes + dataset.validationBytes).toBe(SOTU.nBytes + 233 - 2);
  expect(dataset.train.buffer).toBeInstanceOf(SharedArrayBuffer);
  expect(dataset.unigramBitsPerByte).toBeCloseTo(4.3377, 4);
});

test('speeches as byte pairs: fewer tokens, the same text, the same bits per byte to beat', () => {
  const bytes = prepareDataset(SOTU, { kind: 'bytes' }, 0.05, 128);
  const start = performance.now();
  const dataset = prepareDataset(SOTU, { kind: 'bpe', vocabSize: 2048 }, 0.05, 128);
  expect(performance.now() - start).toBeLessThan(10_000);
  expect(dataset.vocabSize).toBe(2048);
  expect(dataset.validationBytes).toBe(bytes.validationBytes);
  expect(dataset.unigramBitsPerByte).toBe(bytes.unigramBitsPerByte);
  expect(dataset.validationBytes / dataset.validation.length).toBeGreaterThan(3.5);
  const decoded = tokenizerFromJson(dataset.tokenizer).decode(dataset.validation);
  expect(Buffer.from(decoded).equals(Buffer.from(bytes.validation))).toBe(true);
  const rest = countTargetBytes(
    dataset.validation,
    [0],
    dataset.validation.length - 1,
    dataset.bytesPerToken,
  );
  expect(rest + dataset.bytesPerToken[dataset.validation[0]!]!).toBe(dataset.validationBytes);
});

test('the tokenizer learns from the training documents alone', () => {
  const texts = Array.from({ length: 20 }, (_, i) => `${'common words '.repeat(40)}${i}`);
  texts[10] = 'zqzqzqzq'.repeat(100);
  const dataset = prepareDataset(corpusOf(texts), { kind: 'bpe', vocabSize: 262 }, 0.05, 16);
  expect(Buffer.from(dataset.validation).subarray(0, 2).toString()).toBe('zq');
  expect(JSON.stringify(dataset.tokenizer)).not.toContain('z q');
});

test('documents are joined by newlines', () => {
  const { train, validation } = prepareDataset(corpusOf(['ab', 'cd', 'ef']), { kind: 'bytes' }, 0.3, 1);
  expect(Buffer.from(train).toString()).toBe('ab\nef');
  expect(Buffer.from(validation).toString()).toBe('cd');
});

test('the unigram bits per byte are the entropy of the validation text', () => {
  const { unigramBitsPerByte } = prepareDataset(corpusOf(['x', 'aabc', 'y']), { kind: 'bytes' }, 0.3, 1);
  expect(unigramBitsPerByte).toBeCloseTo(0.5 * 1 + 2 * 0.25 * 2, 12);
});

test('bits per byte: a uniform guess over 256 bytes costs 8, over tokens of 4 bytes a quarter', () => {
  expect(bitsPerByte(Math.log(256), 100, 100)).toBeCloseTo(8, 12);
  expect(bitsPerByte(Math.log(256), 100, 400)).toBeCloseTo(2, 12);
});

test('a message to another thread shares the tokens instead of copying them', () => {
  const dataset = prepareDataset(corpusOf(['ab', 'cd', 'ef']), { kind: 'bytes' }, 0.3, 1);
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(dataset);
  const received = receiveMessageOnPort(port2)!.message as Dataset;
  received.train[0] = 77;
  expect(dataset.train[0]).toBe(77);
  port1.close();
});

test('a corpus that is too small says for what', () => {
  const small = corpusOf(['ab ab', 'cd cd', 'ef ef']);
  expect(() => prepareDataset(small, { kind: 'bytes' }, 0.3, 5)).toThrow(
    'corpus test: 5 validation tokens are too few for a context of 5; use more text or a shorter context',
  );
  expect(() => prepareDataset(small, { kind: 'bytes' }, 0.3, 20)).toThrow('11 training tokens');
  expect(() => prepareDataset(small, { kind: 'bpe', vocabSize: 300 }, 0.3, 1)).toThrow(/at most 25\d/);
  expect(() => prepareDataset(small, { kind: 'bpe', vocabSize: 300 }, 0.3, 1)).toThrow(CorpusError);
});
