import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Corpus, CorpusError, loadCorpus } from '../../../evaluators/data/corpus.ts';
import { splitByDocument } from '../../../evaluators/data/split.ts';

function corpusOf(texts: readonly string[]): Corpus {
  const documents = texts.map((text, i) => ({ name: String(i).padStart(4, '0'), bytes: Buffer.from(text) }));
  return { source: 'test', documents, nBytes: 0, sha256: '' };
}

test('of 233 speeches every 20th or so is for validation, from all periods', () => {
  const { train, validation } = splitByDocument(loadCorpus('sotu', '.'), 0.05);
  expect(validation.length).toBe(12);
  expect(train.length).toBe(221);
  const years = validation.map(({ name }) => Number(name.slice(0, 4)));
  for (let i = 1; i < years.length; i++) expect(years[i]! - years[i - 1]!).toBeLessThan(30);
  expect(years[0]!).toBeLessThan(1820);
  expect(years.at(-1)!).toBeGreaterThan(2000);
});

test('both sides have a document, no text is on both, none is lost, order is kept', () => {
  const texts = fc.array(fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz'.split('')), {
    minLength: 2,
    maxLength: 60,
  });
  fc.assert(
    fc.property(texts, fc.double({ min: 0.001, max: 0.999, noNaN: true }), (drawn, share) => {
      fc.pre(new Set(drawn).size > 1);
      const corpus = corpusOf(drawn);
      const { train, validation } = splitByDocument(corpus, share);
      expect(train.length).toBeGreaterThan(0);
      expect(validation.length).toBeGreaterThan(0);
      expect(new Set([...train, ...validation])).toEqual(new Set(corpus.documents));
      const trained = new Set(train.map(({ bytes }) => bytes.toString()));
      for (const { bytes } of validation) expect(trained.has(bytes.toString())).toBe(false);
      const nDistinct = new Set(drawn).size;
      const nHeldOut = new Set(validation.map(({ bytes }) => bytes.toString())).size;
      const wanted = Math.min(nDistinct - 1, Math.max(1, Math.round(share * nDistinct)));
      expect(nHeldOut).toBe(wanted);
    }),
  );
});

test('one distinct text cannot be split', () => {
  expect(() => splitByDocument(corpusOf(['same', 'same']), 0.05)).toThrow(CorpusError);
  expect(() => splitByDocument(corpusOf(['a', 'b']), 0)).toThrow(RangeError);
  expect(() => splitByDocument(corpusOf(['a', 'b']), Number.NaN)).toThrow(RangeError);
});
