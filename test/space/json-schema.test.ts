import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { referenceBlocks, withReference } from '../../scripts/spec-reference.ts';
import { allKeyPaths, knownKeys, specJsonSchema } from '../../space/json-schema.ts';
import { METRIC_NAMES } from '../../space/metrics.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test('the committed JSON Schema is the generated one (npm run schema)', () => {
  expect(JSON.parse(read('schema/space.schema.json'))).toEqual(specJsonSchema());
});

test('so are the tables of the reference, and it has one for each section (npm run schema)', () => {
  const page = read('docs/search-space.md');
  expect(withReference(page)).toBe(page);
  const missing = [...referenceBlocks(page).keys()].filter(
    (name) => !page.includes(`<!-- generated: ${name} -->`),
  );
  expect(missing).toEqual([]);
});

test('a table that is out of date is brought up to date', () => {
  const page = read('docs/search-space.md');
  const stale = page.replace('| `8` | sequences a step |', '| `9` | sequences a step |');
  expect(stale).not.toBe(page);
  expect(withReference(stale)).toBe(page);
  expect(() => withReference(page.replace('generated: metrics', 'generated: moods'))).toThrow('"moods"');
});

test('it is draft 7, closed to unknown keys, and every key has a description', () => {
  const schema = specJsonSchema();
  expect(schema.$schema).toBe('http://json-schema.org/draft-07/schema#');
  const bare: string[] = [];
  const visit = (node: unknown, path: string): void => {
    if (Array.isArray(node)) for (const each of node) visit(each, path);
    else if (typeof node === 'object' && node !== null) {
      const { properties, additionalProperties } = node as Record<string, unknown>;
      if (properties !== undefined) {
        expect(additionalProperties, path).toBe(false);
        for (const [key, child] of Object.entries(properties as object)) {
          if (!(child as { description?: string }).description) bare.push(`${path}.${key}`);
        }
      }
      for (const [key, child] of Object.entries(node)) visit(child, `${path}.${key}`);
    }
  };
  visit(schema, '');
  expect(bare).toEqual([]);
});

test('the keys at a place, through alternatives and lists', () => {
  expect(knownKeys(['space', 'layers'])).toEqual(['nHeads', 'nKvHeads', 'dFf']);
  expect(knownKeys(['space', 'depth'])).toEqual(['min', 'max', 'step']);
  expect(knownKeys(['task', 'tokenizer', 'bpe'])).toEqual(['vocabSize']);
  expect(knownKeys(['baseline', 'layers', 3])).toEqual(['nHeads', 'nKvHeads', 'dFf']);
  expect(knownKeys(['nowhere', 'at', 'all'])).toEqual([]);
});

test('the documentation explains every key and every metric', () => {
  const documented = read('docs/search-space.md');
  const names = [...allKeyPaths().map((path) => path.split('.').at(-1)!), ...METRIC_NAMES];
  const isNamed = (name: string) => new RegExp(`[\`.{ ]${name}[\`,:}]`).test(documented);
  expect(names.filter((name) => !isNamed(name))).toEqual([]);
});
