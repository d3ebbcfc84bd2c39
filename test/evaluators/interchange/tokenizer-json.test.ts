import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { byteTokenizer, type TokenizerJson, tokenizerFromJson } from '../../../evaluators/data/tokenizer.ts';
import {
  huggingFaceTokenizer,
  readHuggingFaceTokenizer,
} from '../../../evaluators/interchange/tokenizer-json.ts';

const golden = JSON.parse(
  readFileSync(new URL('../../fixtures/evaluators/bpe-golden.json', import.meta.url), 'utf8'),
);

const pairs: TokenizerJson = { kind: 'bpe', vocabSize: 600, merges: golden.merges };

interface Written {
  readonly pre_tokenizer: { readonly use_regex: boolean };
  readonly model: { readonly vocab: Readonly<Record<string, number>>; readonly merges: readonly string[][] };
}
const written = (tokenizer: TokenizerJson) =>
  JSON.parse(JSON.stringify(huggingFaceTokenizer(tokenizer))) as Written;

describe('tokenizer.json', () => {
  it('has one token for each byte, in the alphabet of GPT-2', () => {
    const { model, pre_tokenizer } = written(byteTokenizer().toJSON());
    expect(Object.keys(model.vocab)).toHaveLength(256);
    expect(model.merges).toEqual([]);
    expect(model.vocab).toMatchObject({ A: 65, Ġ: 32, Ċ: 10, '!': 33, ÿ: 255, Ā: 0 });
    expect(pre_tokenizer.use_regex).toBe(false);
  });

  it('has the ids of Hugging Face tokenizers for byte pairs', () => {
    const { model, pre_tokenizer } = written(pairs);
    expect(model.merges.map((pair) => pair.join(' '))).toEqual(golden.merges);
    expect(Object.keys(model.vocab)).toHaveLength(600);
    expect(pre_tokenizer.use_regex).toBe(true);
    const again = tokenizerFromJson(readHuggingFaceTokenizer(written(pairs)));
    expect([...again.encode(Buffer.from(golden.text))]).toEqual(golden.ids);
  });

  it.each([byteTokenizer().toJSON(), pairs])('reads back: $kind', (tokenizer) => {
    expect(readHuggingFaceTokenizer(written(tokenizer))).toEqual(tokenizer);
  });

  it('is refused where ids are not those of its merges', () => {
    const file = written(pairs);
    const vocab = { ...file.model.vocab, A: 66, B: 65 };
    const changed = { ...file, model: { ...file.model, vocab } };
    expect(() => readHuggingFaceTokenizer(changed)).toThrow('token 65 of the tokenizer.json is another');
    expect(() => readHuggingFaceTokenizer({ model: { type: 'Unigram' } })).toThrow('not a byte-pair');
  });
});
