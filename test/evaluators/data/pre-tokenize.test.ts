import fc from 'fast-check';
import { expect, test } from 'vitest';
import { preTokenize } from '../../../evaluators/data/pre-tokenize.ts';

/** GPT-2's expression. JavaScript's \s is not Unicode's White_Space, so that is spelt out. */
const GPT2 =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

function pieces(text: Uint8Array): Buffer[] {
  const found: Buffer[] = [];
  preTokenize(text, (start, end) => found.push(Buffer.from(text.subarray(start, end))));
  return found;
}

test('an example', () => {
  const found = pieces(Buffer.from("We'll meet  in 1941,\n\n they've said.")).map(String);
  expect(found).toEqual([
    'We',
    "'ll",
    ' meet',
    ' ',
    ' in',
    ' 1941',
    ',',
    '\n\n',
    ' they',
    "'ve",
    ' said',
    '.',
  ]);
});

test('valid text is cut as the expression cuts it', () => {
  const unit = fc.oneof(
    fc.constantFrom(
      ' ',
      '  ',
      '\n',
      '\t',
      '\r\n',
      "'",
      "'s",
      "'re",
      "'l",
      'll',
      'a',
      'Zé',
      '1',
      '½',
      '٣',
      '.',
    ),
    fc.constantFrom(
      '\u00a0',
      '\u2003',
      '\u0085',
      '\ufeff',
      '\u200b',
      '東京',
      '🙂',
      '𝔘',
      '𐐀',
      'e\u0301',
      'Ⅷ',
      '\0',
    ),
    fc.string({ unit: 'binary', maxLength: 2 }),
  );
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 30 }), (units) => {
      const bytes = Buffer.from(units.join(''));
      expect(pieces(bytes).map(String)).toEqual(bytes.toString().match(GPT2) ?? []);
    }),
    { numRuns: 500 },
  );
});

test('any bytes are covered by pieces that are not empty', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const found = pieces(bytes);
      expect(found.every(({ length }) => length > 0)).toBe(true);
      expect(Buffer.concat(found).equals(bytes)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('broken characters are signs: overlong forms, surrogates, cut ends, values past U+10FFFF', () => {
  for (const hex of ['c080', 'c1a1', 'e08080', 'eda080', 'f0808080', 'f4908080', 'f5808080', 'e697', 'ff']) {
    const bytes = Buffer.concat([Buffer.from('a'), Buffer.from(hex, 'hex'), Buffer.from('a')]);
    expect(pieces(bytes).map(({ length }) => length)).toEqual([1, bytes.length - 2, 1]);
  }
});
