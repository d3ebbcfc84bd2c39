// Points that only real training can show: the same seed gives the same run whatever the number of threads, and
// a run that was killed ends as if it had not been.
import { beforeAll, describe, expect, it } from 'vitest';
import { program, tinyProject } from '../cli/command-line.ts';
import { newDatabase, storedResult } from '../harness.ts';
import { trainedRun } from '../real-run.ts';

type Stored = ReturnType<typeof storedResult>;

const project = tinyProject();

const trained = (maxThreads: number) => trainedRun(project.file, maxThreads);

describe('with real training', { timeout: 90_000 }, () => {
  let whole: Stored;
  beforeAll(async () => {
    whole = await trained(2);
  }, 60_000);

  it('learns, at two rungs', () => {
    const losses = (rung: number) =>
      whole.evaluations.filter((each) => each.rung === rung).map(({ loss }) => loss!);
    expect(losses(0)).toHaveLength(7);
    expect(losses(1)).toHaveLength(2);
    expect(Math.min(...losses(1))).toBeLessThan(Math.min(...losses(0)));
    expect(whole.evaluations.every(({ state }) => state === 'ok')).toBe(true);
  });

  it.each([1, 4])('gives the same candidates, losses and fronts with %d threads', async (maxThreads) => {
    expect(await trained(maxThreads)).toEqual(whole);
  });

  it('ends as an undisturbed run after kill -9 and after Ctrl-C', async () => {
    const { file } = project;
    const db = newDatabase();
    const killed = await program(['run', file, '--threads', '2', '--db', db], (line, kill) => {
      if (line.startsWith('[3/')) kill('SIGKILL');
    });
    expect(killed).toMatchObject({ signal: 'SIGKILL', stdout: '' });
    const stopped = await program(['resume', 'latest', '--threads', '1', '--db', db], (line, kill) => {
      if (line.startsWith('[6/')) kill('SIGINT');
    });
    expect(stopped.exitCode).toBe(130);
    expect(stopped.stderr).toMatch(/interrupted; continue with: paretoformer resume \S+ --db /);
    const ended = await program(['resume', 'latest', '--json', '--quiet', '--db', db]);
    expect(ended).toMatchObject({ exitCode: 0, stderr: '' });
    expect(storedResult(db)).toEqual(whole);
    const last = whole.fronts.at(-1)!;
    expect(JSON.parse(ended.stdout)).toMatchObject({
      state: 'finished',
      hypervolume: last.hypervolume,
      evaluations: last.nTold,
    });
    expect(JSON.parse(ended.stdout).members).toHaveLength(last.members.length);
  });
});
