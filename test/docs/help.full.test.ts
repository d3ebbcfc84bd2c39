// The examples that every command's help shows, carried out in the reader's folder.
import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { beforeAll, expect, it } from 'vitest';
import { createProgram } from '../../runs/cli/program.ts';
import { commandLine } from '../runs/cli/command-line.ts';
import { parseLine, type ShellLine } from './shell.ts';
import { enterWorld } from './world.ts';

const world = enterWorld();

function paths(command: Command, path: readonly string[] = []): string[][] {
  const below = command.commands.flatMap((each) => paths(each, [...path, each.name()]));
  return [[...path], ...below];
}

const help: string[] = [];
for (const path of paths(await createProgram([]))) help.push((await commandLine(...path, '--help')).stdout);

const lines = [
  ...new Set(
    help.flatMap(
      (text) =>
        text
          .split(/\nExamples?:\n/)[1]
          ?.split('\n')
          .filter((line) => /^ {2}\S/.test(line)) ?? [],
    ),
  ),
];

/** What is inside `source <(...)`, or in front of a pipe. */
function ownCommand(line: string): ShellLine {
  return parseLine(line.replace(/^ {2}source <\((.*?)\).*$/, '  $1'), true);
}

/** What deletes weights comes last; of the others the order does not matter, once there are runs. */
lines.sort((a, b) => Number(a.includes('--delete')) - Number(b.includes('--delete')));

beforeAll(async () => {
  await world.perform({ words: ['paretoformer', 'init', 'quickstart.yaml'], isPiped: false });
  const tiny = readFileSync('quickstart.yaml', 'utf8');
  writeFileSync('quickstart.yaml', tiny.replace('name: space', 'name: quickstart'));
  await world.perform({ words: ['paretoformer', 'run', 'quickstart.yaml', '--quiet'], isPiped: false });
  await world.perform({ words: ['paretoformer', 'init', 'space.yaml'], isPiped: false });
  await world.perform({ words: ['paretoformer', 'run', 'space.yaml', '--quiet'], isPiped: false });
  await world.perform({
    words: ['paretoformer', 'run', 'space.yaml', '--quiet', '--db', 'other.db'],
    isPiped: false,
  });
}, 120_000);

it.each(lines.filter((line) => ownCommand(line).words[0] === 'paretoformer'))(
  '%s',
  { timeout: 120_000 },
  async (line) => {
    const { exitCode, stderr } = await world.perform(ownCommand(line));
    expect([exitCode, stderr.split('\n').filter((text) => text.startsWith('paretoformer:'))]).toEqual([
      0,
      [],
    ]);
  },
);
