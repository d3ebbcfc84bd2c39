import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findFiles, isGlob } from '../../../evaluators/data/glob.ts';
import { temporaryFolder } from './temporary-folder.ts';

const FILES = Object.fromEntries(
  ['a.txt', 'b.txt', 'b.md', '.hidden.txt', 'x/a.txt', 'x/y/deep.txt', 'x/y/[z].txt', '.git/c.txt'].map(
    (name) => [name, 'text'],
  ),
);

test.each([
  ['*.txt', ['a.txt', 'b.txt']],
  ['?.md', ['b.md']],
  ['**/*.txt', ['a.txt', 'b.txt', 'x/a.txt', 'x/y/[z].txt', 'x/y/deep.txt']],
  ['**/**/a.txt', ['a.txt', 'x/a.txt']],
  ['x/**', ['x/a.txt', 'x/y/[z].txt', 'x/y/deep.txt']],
  ['./x/*/d*p.txt', ['x/y/deep.txt']],
  ['*/*.txt', ['x/a.txt']],
  ['.*.txt', ['.hidden.txt']],
  ['x/y/[z]*', ['x/y/[z].txt']],
  ['*', ['a.txt', 'b.md', 'b.txt']],
  ['nowhere/*.txt', []],
  ['a.txt/*', []],
])('%s', (pattern, expected) => {
  expect(findFiles(pattern, temporaryFolder(FILES))).toEqual(expected);
});

test('patterns may be absolute or lead upwards', () => {
  const folder = temporaryFolder(FILES);
  expect(findFiles(join(folder, 'x', '*.txt'), '/')).toEqual([join(folder, 'x/a.txt')]);
  expect(findFiles('../?.txt', join(folder, 'x'))).toEqual(['../a.txt', '../b.txt']);
});

test('links to files count, links to folders and broken links do not, and cycles end', () => {
  const folder = temporaryFolder(FILES);
  mkdirSync(join(folder, 'links'));
  symlinkSync('../a.txt', join(folder, 'links', 'file.txt'));
  symlinkSync('..', join(folder, 'links', 'cycle'));
  symlinkSync('nowhere', join(folder, 'links', 'broken.txt'));
  expect(findFiles('links/**/*.txt', folder)).toEqual(['links/file.txt']);
});

test('a segment matches as its regular expression does', () => {
  const names = ['aab', 'abab', 'b', 'ba', 'bbba', 'a'];
  const folder = temporaryFolder(Object.fromEntries(names.map((name) => [name, ''])));
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), minLength: 1, maxLength: 7 });
  fc.assert(
    fc.property(pattern.filter(isGlob), (glob) => {
      fc.pre(glob !== '**');
      const expression = new RegExp(`^${glob.replaceAll(/\*+/g, '.*').replaceAll('?', '.')}$`);
      expect(findFiles(glob, folder)).toEqual(names.filter((name) => expression.test(name)).sort());
    }),
  );
});

test('many stars do not make matching slow', () => {
  const folder = temporaryFolder({ ['a'.repeat(200)]: '' });
  const start = performance.now();
  expect(findFiles(`${'*a'.repeat(90)}b`, folder)).toEqual([]);
  expect(performance.now() - start).toBeLessThan(500);
});
