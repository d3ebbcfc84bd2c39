import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createWordTable } from '../../../evaluators/data/word-table.ts';

test('numbers words by first appearance, through every growth', () => {
  const words = fc.array(fc.uint8Array({ maxLength: 3 }), { maxLength: 200 });
  fc.assert(
    fc.property(words, (drawn) => {
      const table = createWordTable();
      const model = new Map<string, number>();
      for (const word of drawn) {
        const key = Buffer.from(word).toString('latin1');
        if (!model.has(key)) model.set(key, model.size);
        const text = Uint8Array.of(9, ...word, 9);
        expect(table.intern(text, 1, 1 + word.length)).toBe(model.get(key));
      }
      expect(table.size()).toBe(model.size);
      for (const [key, id] of model) expect(Buffer.from(table.word(id)).toString('latin1')).toBe(key);
    }),
  );
  const table = createWordTable();
  const names = Array.from({ length: 30_000 }, (_, i) => Buffer.from(`word number ${i}`));
  for (let round = 0; round < 2; round++) {
    const ids = names.map((name) => table.intern(name, 0, name.length));
    expect(ids.findIndex((id, i) => id !== i)).toBe(-1);
  }
  expect(Buffer.from(table.word(29_999)).toString()).toBe('word number 29999');
});
