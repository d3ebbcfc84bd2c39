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

/** The rooms within runs, from the lowest up: each may import those before it, and files that lie in runs itself. */
const RUNS_FLOORS = [
  ['store'],
  ['plan'],
  ['loop'],
  ['candidates'],
  ['report', 'export', 'optuna', 'library'],
  ['serve'],
  ['cli'],
] as const;

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

  it('runs is built in floors', () => {
    const floorOf = (path: string) => {
      const [, room, ...rest] = relative(root, path).split('/');
      return rest.length === 0 ? -1 : RUNS_FLOORS.findIndex((rooms) => rooms.some((each) => each === room));
    };
    const files = sources(join(root, 'runs')).filter(
      (file) => file.split('/').length > root.split('/').length + 2,
    );
    const wrong = files.flatMap((file) => {
      const room = dirname(relative(root, file)).split('/')[1]!;
      expect(RUNS_FLOORS.flat(), file).toContain(room);
      return importsOf(file)
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => resolve(dirname(file), specifier))
        .filter((target) => roomOf(target) === 'runs' && !target.startsWith(join(root, 'runs', room, '/')))
        .filter((target) => floorOf(target) >= floorOf(file))
        .map((target) => `${relative(root, file)} -> ${relative(root, target)}`);
    });
    expect(wrong).toEqual([]);
  });

  it('imports in no circle', () => {
    const state = new Map<string, 'open' | 'done'>();
    const circles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      if (state.get(file) === 'done') return;
      if (state.get(file) === 'open') {
        const circle = [...path.slice(path.indexOf(file)), file];
        circles.push(circle.map((each) => relative(root, each)).join(' -> '));
        return;
      }
      state.set(file, 'open');
      for (const specifier of importsOf(file)) {
        if (specifier.startsWith('.') && specifier.endsWith('.ts')) {
          visit(resolve(dirname(file), specifier), [...path, file]);
        }
      }
      state.set(file, 'done');
    };
    for (const room of Object.keys(ALLOWED)) for (const file of sources(join(root, room))) visit(file, []);
    expect(circles).toEqual([]);
  });

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
