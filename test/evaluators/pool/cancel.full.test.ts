import { expect, test } from 'vitest';
import { createTrainerPool } from '../../../evaluators/pool/pool.ts';
import { hashOf } from '../../../space/candidate.ts';
import { SETTINGS, tinyDataset } from '../training/dataset.ts';
import { architectureOf } from '../training/reference.ts';

test('cancelling and closing in the middle of a step of seconds leave the process alive', async () => {
  const layers = Array.from({ length: 16 }, () => ({ nHeads: 8, nKvHeads: 4, dFf: 2048 }));
  const architecture = architectureOf(layers, { vocabSize: 16, contextLength: 8, dModel: 1024 });
  const settings = { ...SETTINGS, rungs: [1_000_000], batch: 128 };
  const pool = createTrainerPool({
    seed: 1,
    settings,
    timeoutSeconds: 600,
    data: tinyDataset(),
    maxThreads: 1,
  });
  const task = { architecture, architectureHash: hashOf(architecture), rung: 0 };
  const stepped = new AbortController();
  const first = pool.evaluate(task, stepped.signal, () => stepped.abort());
  expect(await first).toEqual({ kind: 'cancelled' });
  let hasStepped: () => void = () => {};
  const running = new Promise<void>((resolve) => {
    hasStepped = resolve;
  });
  const second = pool.evaluate(task, undefined, hasStepped);
  await running;
  await pool.close();
  expect(await second).toEqual({ kind: 'cancelled' });
});
