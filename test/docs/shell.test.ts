// Every command that the documentation shows is carried out, in the order in which a reader meets it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { blocksIn, ROOT } from './blocks.ts';
import { commandsOf } from './shell.ts';
import { enterWorld } from './world.ts';

const world = enterWorld();
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object };

/** Commands of npm and its like are not carried out: what they name must be there. */
function expectNamed([program, ...argv]: readonly string[]): void {
  if (program === 'npm' && argv[0] === 'run') expect(scripts).toHaveProperty([argv[1]!]);
  else if (program === 'npm') expect(['ci', 'start', 'test', 'install']).toContain(argv[0]);
  else if (program === 'node' || program === 'npx') {
    for (const path of argv.filter((word) => word.includes('/') && !word.startsWith('dist/'))) {
      expect(existsSync(join(ROOT, path)), path).toBe(true);
    }
  } else throw new Error(`no rule for "${program} ${argv.join(' ')}"`);
}

const lines = blocksIn('sh').flatMap(({ place, text }) =>
  commandsOf(text).map((line) => {
    const words =
      line.words[0] === 'npx' && line.words[1] === 'paretoformer' ? line.words.slice(1) : line.words;
    return { place, line: { ...line, words }, title: words.join(' ') };
  }),
);

it.each(lines)('$place: $title', { timeout: 120_000 }, async ({ line }) => {
  if (line.words[0] !== 'paretoformer') {
    expectNamed(line.words);
    return;
  }
  const { exitCode, stdout, stderr } = await world.perform(line);
  expect([exitCode, stderr.split('\n').filter((text) => text.startsWith('paretoformer:'))]).toEqual([0, []]);
  expect(stdout).not.toBe('');
});
