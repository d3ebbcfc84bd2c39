// A process that is killed in the middle of a run loses nothing that it had reported.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { RunReader } from '../../../runs/store/queries.ts';
import { fakeRun, fakeRunnable, newDatabase, resumeRun, storedResult, undisturbed } from '../harness.ts';

/** Starts the process and kills it with SIGKILL once it has reported `nTrained` trainings. */
async function killedAfter(nTrained: number, databasePath: string, runId?: string): Promise<void> {
  const program = fileURLToPath(new URL('../fake-run-process.ts', import.meta.url));
  const parameters = ['--import', 'tsx', program, databasePath];
  const child = spawn(process.execPath, runId === undefined ? parameters : [...parameters, runId], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  let nSeen = 0;
  for await (const chunk of child.stdout) {
    nSeen += String(chunk).split('trained\n').length - 1;
    if (nSeen >= nTrained) child.kill('SIGKILL');
  }
  expect(await closed).toEqual([null, 'SIGKILL']);
}

it('resumes a killed run to the result of an undisturbed one', { timeout: 60_000 }, async () => {
  const runnable = fakeRunnable({ constraints: ['memory <= 120 KB'] });
  const whole = await undisturbed(runnable);
  await Promise.all(
    [1, 9, 23].map(async (nTrained) => {
      const path = newDatabase();
      await killedAfter(nTrained, path);
      const reader = new RunReader(path);
      const runId = reader.resolve('latest');
      expect(reader.run(runId).state).toBe('interrupted');
      expect(reader.trainings(runId).length).toBeGreaterThanOrEqual(nTrained);
      reader.close();
      // Killed a second time while it is being resumed.
      if (nTrained === 9) await killedAfter(4, path, runId);
      const outcome = await resumeRun(runnable, runId, fakeRun(path).options);
      expect(outcome.kind).toBe('finished');
      expect(storedResult(path)).toEqual(whole);
    }),
  );
});
