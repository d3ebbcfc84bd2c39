import type { Command } from 'commander';
import { expect, it } from 'vitest';
import { createProgram } from '../../../runs/cli/program.ts';
import { commandLine } from './command-line.ts';

const program = await createProgram([]);

function leaves(
  command: Command,
  path: readonly string[] = [],
): { command: Command; path: readonly string[] }[] {
  const below = command.commands.flatMap((each) => leaves(each, [...path, each.name()]));
  return command.commands.length === 0 ? [{ command, path }] : below;
}

/** Words of a line of a shell, quotes taken off; what comes after a pipe, a redirection or two blanks is left out. */
function wordsOf(line: string): string[] {
  const [own] = line.trim().split(/ {2,}| [|>] /);
  return [...own!.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
}

const commands = leaves(program).map(({ command, path }) => [path.join(' '), command] as const);

it.each(commands)('help of %s has examples of commands that there are', async (name, command) => {
  const { stdout, exitCode } = await commandLine(...name.split(' '), '--help');
  expect(exitCode).toBe(0);
  const [, examples] = stdout.split(/\nExamples?:\n/);
  const lines = (examples ?? '').split('\n').filter((line) => /^ {2}(?:source <\()?paretoformer /.test(line));
  expect(lines.length).toBeGreaterThan(0);
  const options = [...command.options, ...program.options].flatMap(({ long, short }) => [long, short]);
  for (const line of lines) {
    const words = wordsOf(line.replace(/^.*?paretoformer /, '').replace(/\)$/, ''));
    const own = leaves(program).find(({ path }) => path.join(' ') === words.slice(0, path.length).join(' '));
    expect(own, line).toBeDefined();
    if (own!.command !== command) continue;
    const used = words.filter((word) => word.startsWith('-')).map((word) => word.split('=')[0]);
    expect(options, line).toEqual(expect.arrayContaining(used));
  }
});

it.each(commands)('every argument and option of %s says what it is', (_name, command) => {
  expect(command.description()).not.toBe('');
  expect(command.registeredArguments.filter(({ description }) => description === '')).toEqual([]);
  expect(command.options.filter(({ description }) => description === '')).toEqual([]);
});

it('the program lists every command under a heading', async () => {
  const { stdout } = await commandLine('--help');
  for (const { path } of leaves(program)) expect(stdout).toMatch(new RegExp(`^ {2}${path[0]}\\b`, 'm'));
  expect(stdout).toMatch(/^Look at runs:$/m);
  expect(stdout).not.toMatch(/^Commands:$/m);
});
