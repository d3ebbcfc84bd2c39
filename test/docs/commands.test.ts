// The README's table of commands and the program name the same ones.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createProgram } from '../../runs/cli/program.ts';
import { ROOT } from './blocks.ts';

it('every command is in the table of the README, with its arguments', async () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const rows = [...readme.matchAll(/^\| `([a-z-]+) ?([^`]*)`/gm)].filter(([, name]) => name !== 'file');
  const named = new Map(rows.map(([, name, shown]) => [name!, shown!]));
  const { commands } = await createProgram([]);
  expect([...named.keys()].sort()).toEqual(commands.map((command) => command.name()).sort());
  for (const command of commands) {
    for (const argument of command.registeredArguments) {
      const word = argument.name().toUpperCase();
      expect(named.get(command.name()), `${command.name()} ${word}`).toContain(word);
    }
  }
});
