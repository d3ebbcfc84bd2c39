import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { startRun } from '../../../runs/loop/execute.ts';
import { fakeRun, fakeRunnable, newDatabase } from '../harness.ts';
import { commandLine } from './command-line.ts';

/** A folder with a `paretoformer` to call and the scripts of all shells. */
const folder = mkdtempSync(join(tmpdir(), 'paretoformer-completion-'));
const db = newDatabase();
let runId: string;

beforeAll(async () => {
  runId = (await startRun(fakeRunnable(), fakeRun(db).options)).runId;
  const main = resolve(import.meta.dirname, '../../../runs/cli/main.ts');
  const program = `#!/bin/sh\nexec "${process.execPath}" --import "${import.meta.resolve('tsx')}" "${main}" "$@"\n`;
  writeFileSync(join(folder, 'paretoformer'), program);
  chmodSync(join(folder, 'paretoformer'), 0o755);
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { stdout } = await commandLine('completion', shell);
    writeFileSync(join(folder, shell), stdout);
  }
});

const has = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0;
const note = (shell: string) => (has(shell) ? shell : `${shell} (skipped: it is not installed)`);

function run(shell: string, argv: readonly string[]): string[] {
  const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
  const { stdout, stderr } = spawnSync(shell, argv, { encoding: 'utf8', env });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((line) => line !== '');
}

/** What each shell offers for the last of these words. */
const SHELLS: Readonly<Record<string, (words: readonly string[]) => string[]>> = {
  bash: (words) => {
    const script = `source "${join(folder, 'bash')}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _paretoformer; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return run('bash', ['--norc', '-c', script, '-', ...words]);
  },
  zsh: (words) => {
    // Only the last step, drawing a menu, is stood in for.
    const script = `compdef() { }; source "${join(folder, 'zsh')}"
      _describe() { print -l -- "\${(@P)@[-1]}" }; compadd() { shift; print -l -- "$@" }; _files() { print FILES }
      words=("$@"); CURRENT=$#; _paretoformer`;
    const offered = run('zsh', ['-f', '-c', script, '-', ...words]).map((line) =>
      line.replace(/(?<!\\):.*$/, ''),
    );
    return offered.filter((word) => word.startsWith(words.at(-1)!) || word === 'FILES');
  },
  fish: (words) => {
    const line = words.map((word) => (/[ <]/.test(word) ? `'${word}'` : word)).join(' ');
    const script = `source "${join(folder, 'fish')}"; complete -C "${line}"`;
    return run('fish', ['--no-config', '-c', script]).map((offer) => offer.split('\t')[0]!);
  },
};

describe.each(Object.entries(SHELLS))('completion in %s', (shell, offeredBy) => {
  const offer = (...words: string[]) => offeredBy(['paretoformer', ...words]).toSorted();
  const test = it.skipIf(!has(shell));

  test(`knows commands and their subcommands: ${note(shell)}`, () => {
    expect(offer('c')).toEqual(expect.arrayContaining(['check', 'compare', 'completion', 'compress']));
    expect(offer('')).toContain('front');
    expect(offer('hardware', '')).toEqual(['compare', 'list', 'show']);
    expect(offer('fro')).toEqual(['front']);
  });

  test('knows the options of the command at hand, wherever they stand', () => {
    expect(offer('front', 'latest', '--so')).toEqual(['--sort']);
    expect(offer('--json', 'front', '--wh')).toEqual(['--where']);
    expect(offer('list', '--so')).toEqual([]);
    expect(offer('hardware', 'compare', '--mo')).toEqual(['--model']);
  });

  test('knows what an option may be followed by', () => {
    expect(offer('front', 'latest', '--sort', 'mem')).toEqual(['memory']);
    expect(offer('estimate', 'x.json', '--weights', 'mxfp6')).toEqual(['mxfp6-e2m3', 'mxfp6-e3m2']);
    expect(offer('estimate', '--accelerator', 'qualcomm-ai100-u')).toEqual(['qualcomm-ai100-ultra']);
    expect(offer('hardware', 'show', 'nvidia-l4')).toEqual(['nvidia-l4', 'nvidia-l40s']);
  });

  test('asks the database for runs and for the candidates of the front', async () => {
    expect(offer('--db', db, 'front', '')).toEqual([runId, 'latest']);
    const { members } = JSON.parse((await commandLine('front', 'latest', '--db', db, '--json')).stdout);
    const numbers: string[] = members.map(({ candidate }: { candidate: number }) => String(candidate));
    const names = [...numbers, 'knee', 'pick'].toSorted();
    expect(offer('--db', db, 'show', 'latest', '')).toEqual(names);
    expect(offer('compare', 'latest', '--db', db, numbers[0]!, '')).toEqual(names);
    expect(offer('--db', '/nowhere/at/all.db', 'show', '')).toEqual([]);
  });

  test('does not mistake the value of an option for an argument', () => {
    expect(offer('--db', db, 'pick', '--where', 'loss < 3', '')).toEqual([runId, 'latest']);
  });
});

describe('completion', () => {
  it('refuses a shell that it does not know', async () => {
    expect(await commandLine('completion', 'tcsh')).toMatchObject({
      exitCode: 2,
      stderr: 'paretoformer: no completion for "tcsh"; known: bash, zsh, fish\n',
    });
  });
});
