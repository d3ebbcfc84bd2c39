import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutIntoSections } from '../../../evaluators/data/sections.ts';

const paragraph = (words: number) => `${'lorem ipsum dolor '.repeat(words).trim()}.\n\n`;

test('sections together are the text, none is empty, and no character is cut', () => {
  const unit = fc.oneof(
    fc.constantFrom('word ', 'x', '\n', '\n\n', '\r\n\r\n', 'é', '東京', '🙂', ' '),
    fc.nat({ max: 300 }).map((n) => 'long'.repeat(n)),
  );
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 300 }), (units) => {
      const text = Buffer.from(units.join(''));
      const sections = cutIntoSections(text);
      expect(Buffer.concat(sections).equals(text)).toBe(true);
      for (const section of sections) {
        expect(section.length).toBeGreaterThan(0);
        expect(isUtf8(section)).toBe(true);
      }
    }),
  );
});

test('prose is cut after blank lines into about 64 sections', () => {
  const text = Buffer.from(paragraph(30).repeat(400));
  const sections = cutIntoSections(text);
  expect(sections.length).toBeGreaterThan(48);
  expect(sections.length).toBeLessThanOrEqual(64);
  for (const section of sections) expect(Buffer.from(section).toString()).toMatch(/^lorem.*\.\n\n$/s);
});

test('a section has 2 to 16 KiB or so, whatever the text', () => {
  const small = cutIntoSections(Buffer.from(paragraph(10).repeat(200)));
  expect(small.length).toBe(Math.floor((200 * paragraph(10).length) / 2048));
  const large = cutIntoSections(Buffer.alloc(20 << 20, paragraph(30)));
  for (const section of large) expect(section.length).toBeLessThan(24 << 10);
  expect(large.length).toBeGreaterThan(1000);
});

test('without blank lines it falls back on lines, then words, then characters', () => {
  const lines = cutIntoSections(Buffer.from('one line of text\n'.repeat(1000)));
  for (const section of lines) expect(section.at(-1)).toBe(0x0a);
  const words = cutIntoSections(Buffer.from('word '.repeat(4000)));
  for (const section of words) expect(section.at(-1)).toBe(0x20);
  expect(cutIntoSections(Buffer.from('é'.repeat(10000))).length).toBeGreaterThan(4);
});

test('a tiny text still gives several sections', () => {
  expect(cutIntoSections(Buffer.from('Hello world, this is a tiny text. '.repeat(8))).length).toBeGreaterThan(
    4,
  );
});
