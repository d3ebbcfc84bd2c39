// The SQL that the documentation shows answers something, and its tables are those of the file.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { blocksIn, ROOT } from './blocks.ts';
import { enterWorld } from './world.ts';

const world = enterWorld();
let database: Database.Database;

beforeAll(async () => {
  for (const argv of [
    ['init', 'space.yaml'],
    ['run', 'space.yaml'],
  ]) {
    const { exitCode } = await world.perform({ words: ['paretoformer', ...argv], isPiped: false });
    expect(exitCode).toBe(0);
  }
  database = new Database(join(world.folder, 'paretoformer.db'), { readonly: true });
});
afterAll(() => database.close());

it.each(blocksIn('sql'))('$place', ({ text }) => {
  expect(database.prepare(text).all()).not.toEqual([]);
});

it('docs/database.md names every table, view and column', () => {
  const page = readFileSync(join(ROOT, 'docs/database.md'), 'utf8');
  const tables = database
    .prepare(
      "SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'",
    )
    .all() as { name: string; type: string }[];
  for (const { name, type } of tables) {
    expect(page).toContain(`\`${name}\``);
    if (type === 'view') continue;
    const row = page.split('\n').find((line) => line.startsWith(`| \`${name}\``))!;
    const columns = database.pragma(`table_info(${name})`) as { name: string }[];
    const shown = [...row.matchAll(/`([a-z_0-9]+)`/g)].map(([, column]) => column);
    for (const column of columns) expect(shown, name).toContain(column.name);
  }
});
