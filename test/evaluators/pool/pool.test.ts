import { afterEach, expect, test } from 'vitest';
import { TaskCancelled, TaskSignals } from '../../../evaluators/pool/messages.ts';
import { outcomeOfError } from '../../../evaluators/pool/outcome-of-error.ts';
import { createTrainerPool, type PoolSettings } from '../../../evaluators/pool/pool.ts';
import type { Evaluator, TrainingProgress } from '../../../evaluators/port.ts';
import type { Architecture, Layer } from '../../../space/architecture.ts';
import { hashOf } from '../../../space/candidate.ts';
import { SETTINGS, tinyDataset } from '../training/dataset.ts';
import { architectureOf } from '../training/reference.ts';
import { EXHAUST, EXIT, HANG, INSIDE, SECONDS_INSIDE, THROW } from './dying-worker.ts';

const DYING = new URL('./dying-worker.ts', import.meta.url);
const LAYER: Layer = { nHeads: 2, nKvHeads: 1, dFf: 16 };
const small = (dModel: number) => architectureOf([LAYER], { vocabSize: 16, contextLength: 8, dModel });

const pools: Evaluator[] = [];
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

function poolOf(change: Partial<PoolSettings> = {}, worker?: URL): Evaluator {
  const settings = { seed: 1, settings: SETTINGS, timeoutSeconds: 60, data: tinyDataset(), maxThreads: 1 };
  const pool = createTrainerPool({ ...settings, ...change }, worker);
  pools.push(pool);
  return pool;
}

const taskOf = (architecture: Architecture, rung = 0) => ({
  architecture,
  architectureHash: hashOf(architecture),
  rung,
});

const LONG = { ...SETTINGS, rungs: [1_000_000] };

test('several threads train, report progress, and give what one thread gives', async () => {
  const settings = { ...SETTINGS, rungs: [60] };
  const architectures = [8, 16, 24, 32].map(small);
  const seen: TrainingProgress[] = [];
  const train = async (maxThreads: number) => {
    const pool = poolOf({ maxThreads, settings });
    const outcomes = await Promise.all(
      architectures.map((architecture) =>
        pool.evaluate(taskOf(architecture), undefined, (progress) => seen.push(progress)),
      ),
    );
    return outcomes.map((outcome) => (outcome.kind === 'ok' ? outcome.bitsPerByte : outcome));
  };
  const withTwo = await train(2);
  expect(await train(1)).toEqual(withTwo);
  for (const loss of withTwo) expect(loss).toBeLessThan(4);
  expect(new Set(withTwo).size).toBe(4);
});

test('progress arrives while it trains, and cancelling ends it within a second', async () => {
  const pool = poolOf({ settings: LONG });
  const controller = new AbortController();
  let cancelledAt = 0;
  const outcome = await pool.evaluate(taskOf(small(8)), controller.signal, ({ step, totalSteps, loss }) => {
    expect(step).toBeGreaterThan(0);
    expect(totalSteps).toBe(1_000_000);
    expect(loss).toBeGreaterThan(0);
    if (cancelledAt === 0) {
      cancelledAt = performance.now();
      controller.abort();
    }
  });
  expect(outcome).toEqual({ kind: 'cancelled' });
  expect(performance.now() - cancelledAt).toBeLessThan(1000);
  const next = await pool.evaluate(taskOf(small(8)), AbortSignal.abort());
  expect(next).toEqual({ kind: 'cancelled' });
});

test('divergence, a time limit and too large a model are outcomes', async () => {
  const wild = poolOf({ settings: { ...SETTINGS, learningRate: 1e38, warmupSteps: 0 } });
  expect(await wild.evaluate(taskOf(small(8)))).toMatchObject({ kind: 'diverged' });
  expect(await wild.evaluate(taskOf({ ...small(8), dModel: 2 ** 20, vocabSize: 2 ** 10 }))).toMatchObject({
    kind: 'out-of-memory',
  });
  const short = poolOf({ settings: LONG, timeoutSeconds: 0.3 });
  expect(await short.evaluate(taskOf(small(8)))).toMatchObject({ kind: 'timed-out' });
});

test('a thread that ends costs its own task and no other', async () => {
  const expected = await poolOf().evaluate(taskOf(small(8)));
  const pool = poolOf({ maxThreads: 2 }, DYING);
  const kinds = [0, EXIT, 0, THROW, EXIT, 0].map(async (rung) => pool.evaluate(taskOf(small(8), rung)));
  const outcomes = await Promise.all(kinds);
  expect(outcomes.map(({ kind }) => kind)).toEqual(['ok', 'failed', 'ok', 'failed', 'failed', 'ok']);
  for (const outcome of outcomes) {
    if (outcome.kind === 'ok') expect(outcome).toMatchObject({ bitsPerByte: (expected as { bitsPerByte: number }).bitsPerByte }); // biome-ignore format: one line
    if (outcome.kind === 'failed') expect(outcome.reason).not.toMatch(/\n/);
  }
  expect(outcomes[3]).toEqual({ kind: 'failed', reason: 'a bug' });
});

test('a thread that hangs is ended when cancelled, and the next task finds another thread', async () => {
  const pool = poolOf({}, DYING);
  const controller = new AbortController();
  const hanging = pool.evaluate(taskOf(small(8), HANG), controller.signal);
  setTimeout(() => controller.abort(), 300);
  const start = performance.now();
  expect(await hanging).toEqual({ kind: 'cancelled' });
  expect(performance.now() - start).toBeLessThan(1300);
  expect(await pool.evaluate(taskOf(small(8)))).toMatchObject({ kind: 'ok' });
});

test('a thread inside the runtime is not ended before it is out', async () => {
  const pool = poolOf({}, DYING);
  // The thread has started once it has answered.
  expect(await pool.evaluate(taskOf(small(8)))).toMatchObject({ kind: 'ok' });
  const controller = new AbortController();
  const start = performance.now();
  const inside = pool.evaluate(taskOf(small(8), INSIDE), controller.signal);
  setTimeout(() => controller.abort(), 300);
  expect((await inside).kind).toMatch(/cancelled|failed/);
  expect(performance.now() - start).toBeGreaterThan(1000 * SECONDS_INSIDE - 100);
});

test('closing waits for threads that are inside the runtime', async () => {
  const pool = poolOf({}, DYING);
  expect(await pool.evaluate(taskOf(small(8)))).toMatchObject({ kind: 'ok' });
  const start = performance.now();
  const inside = pool.evaluate(taskOf(small(8), INSIDE));
  await new Promise((resolve) => setTimeout(resolve, 300));
  await pool.close();
  expect(performance.now() - start).toBeGreaterThan(1000 * SECONDS_INSIDE - 100);
  expect((await inside).kind).toMatch(/cancelled|failed/);
});

test('a cancelled task enters the runtime no more', () => {
  const pool = new TaskSignals();
  const worker = new TaskSignals(pool.memory);
  worker.enter();
  expect(pool.isInRuntime).toBe(true);
  pool.cancel();
  worker.leave();
  expect(() => worker.enter()).toThrow(TaskCancelled);
  expect(pool.isInRuntime).toBe(false);
});

test('a thread that runs out of memory is told as such', async () => {
  const pool = poolOf({}, DYING);
  expect(await pool.evaluate(taskOf(small(8), EXHAUST))).toMatchObject({ kind: 'out-of-memory' });
  expect(await pool.evaluate(taskOf(small(8)))).toMatchObject({ kind: 'ok' });
});

test('errors of the engine and of threads are told apart', () => {
  const kindOf = (error: unknown) => outcomeOfError(error).kind;
  expect(kindOf(Object.assign(new Error('ended'), { code: 'ERR_WORKER_OUT_OF_MEMORY' }))).toBe(
    'out-of-memory',
  );
  expect(kindOf(new Error('std::bad_alloc'))).toBe('out-of-memory');
  expect(kindOf(new Error('Failed to allocate memory for requested buffer of size 8'))).toBe('out-of-memory');
  expect(kindOf(new Error('invalid graph'))).toBe('failed');
  expect(outcomeOfError('text')).toEqual({ kind: 'failed', reason: 'text' });
});
