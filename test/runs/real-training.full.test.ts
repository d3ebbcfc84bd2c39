// Real runs killed at every point of their course, each resumed to the result of an undisturbed one.
import { expect, it } from 'vitest';
import { program, tinyProject } from './command-line.ts';
import { newDatabase, storedResult } from './harness.ts';

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
