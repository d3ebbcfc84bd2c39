// A run of the analytic world as a process of its own, to be killed: `fake-run-process.ts DATABASE [RUN]`.
import { fakeEvaluator } from './fake.ts';
import { fakeRun, fakeRunnable, resumeRun, startRun } from './harness.ts';

const [databasePath, runId] = process.argv.slice(2);
const { options } = fakeRun(databasePath!, 2, fakeEvaluator({ maxDelayMs: 8 }), (event) => {
  if (event.kind === 'trained') process.stdout.write('trained\n');
});
const runnable = fakeRunnable({ constraints: ['memory <= 120 KB'] });
const outcome = await (runId === undefined
  ? startRun(runnable, options)
  : resumeRun(runnable, runId, options));
process.stdout.write(`${outcome.kind}\n`);
