// On a terminal of 80 columns nothing runs over the edge: tables leave columns out, prose breaks between words.
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newDatabase } from '../harness.ts';
import { demoRun } from '../report/demo.ts';
import { commandLine, tinyProject } from './command-line.ts';

const db = newDatabase();
const stdout = process.stdout as { isTTY?: boolean | undefined; columns?: number | undefined };
const before = { isTTY: stdout.isTTY, columns: stdout.columns };

beforeAll(async () => {
  await demoRun(db, { candidates: 60, name: 'a-run-with-a-rather-long-name-of-its-own' });
  Object.assign(stdout, { isTTY: true, columns: 80 });
}, 60_000);

afterAll(() => {
  Object.assign(stdout, before);
});

async function linesOf(...argv: string[]): Promise<string[]> {
  const { exitCode, stdout: text, stderr } = await commandLine(...argv, '--db', db);
  expect([exitCode, stderr]).toEqual([0, '']);
  return stripVTControlCharacters(text.trimEnd()).split('\n');
}

it.each([
  'list',
  'show latest',
  'show latest lowest-loss',
  'show latest 0',
  'front',
  'pick --weights loss=2,latency=1',
  'compare latest lowest-loss 0',
])('%s', async (words) => {
  // A command to copy stays on one line.
  for (const line of (await linesOf(...words.split(' '))).filter((each) => !each.includes(db))) {
    expect(line.length, line).toBeLessThanOrEqual(80);
  }
});

it('check', async () => {
  const { file } = tinyProject('constraints: [memory <= 40 MiB, decodeLatency <= 1 s]\n');
  const lines = await linesOf('check', file, '--no-timing');
  // A path cannot be broken.
  for (const line of lines.filter((each) => !each.includes(file))) {
    expect(line.length, line).toBeLessThanOrEqual(80);
  }
  expect(lines.join('\n')).toMatch(/columns? left out: --json, or a wider terminal, shows all/);
});
