import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

/** What each room may import, besides itself. */
const ALLOWED: Record<string, readonly string[]> = {
  space: [],
  hardware: ['space'],
  evaluators: ['space', 'hardware'],
  search: ['space'],
  runs: ['space', 'hardware', 'evaluators', 'search'],
};

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!);
}

const roomOf = (path: string) => relative(root, path).split('/')[0]!;

describe('the rooms', () => {
  for (const [room, allowed] of Object.entries(ALLOWED)) {
    it(`${room} imports only ${['itself', ...allowed].join(', ')}`, () => {
      const files = sources(join(root, room));
      expect(files.length).toBeGreaterThan(0);
      const wrong = files.flatMap((file) =>
        importsOf(file)
          .filter((specifier) => specifier.startsWith('.'))
          .map((specifier) => resolve(dirname(file), specifier))
          .filter((target) => roomOf(target) !== room && !allowed.includes(roomOf(target)))
          .map((target) => `${relative(root, file)} -> ${relative(root, target)}`),
      );
      expect(wrong).toEqual([]);
    });
  }

  it('names only files that exist', () => {
    const missing = Object.keys(ALLOWED).flatMap((room) =>
      sources(join(root, room)).flatMap((file) =>
        importsOf(file)
          .filter((specifier) => specifier.startsWith('.'))
          .map((specifier) => resolve(dirname(file), specifier))
          .filter((target) => statSync(target, { throwIfNoEntry: false }) === undefined),
      ),
    );
    expect(missing).toEqual([]);
  });

  it('keeps SQLite, the terminal and the wall clock in runs', () => {
    const words = /better-sqlite3|from 'ora'|from 'commander'|Date\.now\(|new Date\(|Math\.random\(/;
    const wrong = ['space', 'hardware', 'evaluators', 'search']
      .flatMap((room) => sources(join(root, room)))
      .filter((file) => words.test(readFileSync(file, 'utf8')))
      .map((file) => relative(root, file));
    expect(wrong).toEqual([]);
  });
});
