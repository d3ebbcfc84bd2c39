import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeWord } from '../../../evaluators/data/bpe-encode.ts';
import { trainBytePairs } from '../../../evaluators/data/bpe-train.ts';
import {
  pairKey,
  readMerges,
  spell,
  spellMerges,
  type Vocabulary,
} from '../../../evaluators/data/bpe-vocabulary.ts';
import { preTokenize } from '../../../evaluators/data/pre-tokenize.ts';
import { bytePairTokenizer, byteTokenizer, tokenizerFromJson } from '../../../evaluators/data/tokenizer.ts';

const GOLDEN = JSON.parse(
  readFileSync(new URL('../../fixtures/evaluators/bpe-golden.json', import.meta.url), 'utf8'),
) as { merges: string[]; text: string; ids: number[] };

const fewLetters = fc
  .array(fc.constantFrom('a', 'b', 'ab', 'c', ' ', "'s", 'é', '\n'), { maxLength: 80 })
  .map((parts) => Buffer.from(parts.join('')));

/** Training by the book: all pairs are counted again before each merge. */
function trainSlowly(text: Uint8Array, vocabSize: number): string[] {
  let words: string[][] = [];
  preTokenize(text, (start, end) =>
    words.push([...text.subarray(start, end)].map((byte) => spell(Uint8Array.of(byte)))),
  );
  const spellings = Array.from({ length: 256 }, (_, byte) => spell(Uint8Array.of(byte)));
  const merges: string[] = [];
  while (spellings.length < vocabSize) {
    const counts = new Map<string, number>();
    for (const word of words) {
      for (let i = 1; i < word.length; i++) {
        const pair = `${word[i - 1]} ${word[i]}`;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    }
    const key = (pair: string) =>
      pairKey(...(pair.split(' ').map((s) => spellings.indexOf(s)) as [number, number]));
    const best = [...counts].sort(([a, n], [b, m]) => m - n || key(a) - key(b))[0];
    if (best === undefined || best[1] < 2) break;
    const [left, right] = best[0].split(' ') as [string, string];
    merges.push(best[0]);
    if (!spellings.includes(left + right)) spellings.push(left + right);
    words = words.map((word) => {
      const merged: string[] = [];
      for (let i = 0; i < word.length; i++) {
        const isPair = word[i] === left && word[i + 1] === right;
        merged.push(isPair ? left + right : word[i]!);
        if (isPair) i++;
      }
      return merged;
    });
  }
  return merges;
}

/** Encoding by the book: the lowest rank, leftmost, until there is none. */
function encodeSlowly({ ranks }: Vocabulary, word: Uint8Array): number[] {
  const ids = [...word];
  for (;;) {
    let best = -1;
    for (let i = 0; i + 1 < ids.length; i++) {
      const rank = ranks.get(pairKey(ids[i]!, ids[i + 1]!))?.rank ?? Number.POSITIVE_INFINITY;
      const bestRank =
        best < 0 ? Number.POSITIVE_INFINITY : ranks.get(pairKey(ids[best]!, ids[best + 1]!))!.rank;
      if (rank < bestRank) best = i;
    }
    if (best < 0) return ids;
    ids.splice(best, 2, ranks.get(pairKey(ids[best]!, ids[best + 1]!))!.id);
  }
}

test('Hugging Face tokenizers gives the same ids for the same merges', () => {
  const vocabulary = readMerges(GOLDEN.merges);
  const tokenizer = bytePairTokenizer(vocabulary);
  expect(tokenizer.vocabSize).toBe(600);
  expect([...tokenizer.encode(Buffer.from(GOLDEN.text))]).toEqual(GOLDEN.ids);
  expect(Buffer.from(tokenizer.decode(GOLDEN.ids)).toString()).toBe(GOLDEN.text);
  expect(spellMerges(vocabulary)).toEqual(GOLDEN.merges);
});

test('training finds the merges that counting everything anew finds', () => {
  fc.assert(
    fc.property(fewLetters, fc.integer({ min: 256, max: 290 }), (text, vocabSize) => {
      expect(spellMerges(trainBytePairs([text], vocabSize))).toEqual(trainSlowly(text, vocabSize));
    }),
    { numRuns: 300 },
  );
});

test('encoding a word takes the lowest rank first, the leftmost among equals', () => {
  const word = fc
    .string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 40 })
    .map((text) => Buffer.from(text));
  fc.assert(
    fc.property(word, word, (training, text) => {
      const vocabulary = trainBytePairs([training, training], 280);
      expect([...encodeWord(vocabulary, text)]).toEqual(encodeSlowly(vocabulary, text));
    }),
    { numRuns: 500 },
  );
});

test('any bytes come back exactly, from byte pairs, from bytes, and after a trip through JSON', () => {
  const trained = bytePairTokenizer(trainBytePairs([Buffer.from(GOLDEN.text.repeat(2))], 400));
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fewLetters,
    fc.string({ unit: 'grapheme' }).map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(bytes, (text) => {
      const copy = tokenizerFromJson(JSON.parse(JSON.stringify(trained)));
      for (const tokenizer of [trained, byteTokenizer(), copy]) {
        expect([...tokenizer.decode(tokenizer.encode(text))]).toEqual([...text]);
      }
      expect(copy.encode(text)).toEqual(trained.encode(text));
    }),
    { numRuns: 200 },
  );
  expect(tokenizerFromJson(byteTokenizer().toJSON()).encode(Uint8Array.of(0, 255))).toEqual(
    Uint16Array.of(0, 255),
  );
});

test('the order of the texts does not matter, and every id has one spelling', () => {
  const texts = GOLDEN.text.split('\n').map((line) => Buffer.from(line.repeat(3)));
  const vocabulary = trainBytePairs(texts, 500);
  expect(spellMerges(trainBytePairs(texts.toReversed(), 500))).toEqual(spellMerges(vocabulary));
  expect(new Set(vocabulary.tokens.map(spell)).size).toBe(500);
});

test('merges that spell a token twice lead to one id', () => {
  const vocabulary = readMerges(['b c', 'a b', 'a bc', 'ab c']);
  expect(vocabulary.tokens.length).toBe(259);
  expect([...encodeWord(vocabulary, Buffer.from('abcabc'))]).toEqual([258, 258]);
});

test('one word of 256 KiB is encoded and learnt from in reasonable time', () => {
  const text = Buffer.alloc(1 << 18, 'ab');
  const start = performance.now();
  const tokenizer = bytePairTokenizer(trainBytePairs([text], 262));
  const ids = tokenizer.encode(text);
  expect(performance.now() - start).toBeLessThan(8000);
  expect(ids.length).toBe(2 ** 18 / 2 ** 6);
});

test('too little text gives a smaller vocabulary; impossible requests are refused', () => {
  expect(trainBytePairs([Buffer.from('abab')], 1000).tokens.length).toBe(257);
  expect(trainBytePairs([], 300).tokens.length).toBe(256);
  for (const size of [255, 32769, 300.5, Number.NaN])
    expect(() => trainBytePairs([], size)).toThrow(RangeError);
  expect(() => readMerges(['a b', 'abc d'])).toThrow('merge 1 of the tokenizer, "abc d"');
  expect(() => readMerges(['a b c'])).toThrow(RangeError);
  expect(() => tokenizerFromJson({ kind: 'bpe', vocabSize: 300, merges: ['a b'] })).toThrow(
    '257 tokens, not 300',
  );
  expect(() => byteTokenizer().decode([256])).toThrow('token 256 is not in a vocabulary of 256');
});
