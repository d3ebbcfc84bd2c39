// Real runs killed at every point of their course, each resumed to the result of an undisturbed one.
import { expect, it } from 'vitest';
import type { RunSpec } from '../../../space/spec.ts';
import { program, tinyProject } from '../cli/command-line.ts';
import { newDatabase, storedResult } from '../harness.ts';
import { trainedRun } from '../real-run.ts';

it('survives kill -9 after each evaluation', { timeout: 600_000 }, async () => {
  const { file } = tinyProject();
  const undisturbed = newDatabase();
  expect(await program(['run', file, '--db', undisturbed])).toMatchObject({ exitCode: 0 });
  const whole = storedResult(undisturbed);
  for (let nEvaluated = 1; nEvaluated < whole.evaluations.length; nEvaluated++) {
    const db = newDatabase();
    const killed = await program(['run', file, '--db', db], (line, kill) => {
      if (line.startsWith(`[${nEvaluated}/`)) kill('SIGKILL');
    });
    expect(killed.signal).toBe('SIGKILL');
    expect(await program(['resume', 'latest', '--db', db])).toMatchObject({ exitCode: 0 });
    expect(storedResult(db)).toEqual(whole);
  }
});

it('is the same with 1, 2 and 8 workers, guided, over rungs and with inheritance', {
  timeout: 600_000,
}, async () => {
  const { file } = tinyProject();
  const inheriting = (spec: RunSpec): RunSpec => ({
    ...spec,
    search: { ...spec.search, algorithm: 'guided', candidates: 24, eta: 2 },
    training: { ...spec.training, rungs: [20, 60], inheritance: true },
  });
  const one = await trainedRun(file, 1, inheriting);
  expect(one.evaluations.filter(({ donorHash }) => donorHash !== undefined).length).toBeGreaterThan(2);
  expect(one.surrogate.length).toBeGreaterThan(1);
  expect(await trainedRun(file, 2, inheriting)).toEqual(one);
  expect(await trainedRun(file, 8, inheriting)).toEqual(one);
});
