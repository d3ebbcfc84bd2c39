import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readCheckpoint } from '../../../evaluators/checkpoint/training-checkpoint.ts';
import type { TrainingSuccess } from '../../../evaluators/outcome.ts';
import { type TrainingContext, trainToRung } from '../../../evaluators/training/train.ts';
import type { Architecture } from '../../../space/architecture.ts';
import { SETTINGS, tinyDataset } from './dataset.ts';
import { architectureOf } from './reference.ts';

const ARCHITECTURE = architectureOf(
  [
    { nHeads: 2, nKvHeads: 1, dFf: 16 },
    { nHeads: 0, nKvHeads: 0, dFf: 8 },
  ],
  { vocabSize: 16, contextLength: 8 },
);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'paretoformer-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const contextOf = (change: Partial<TrainingContext> = {}): TrainingContext => ({
  seed: 1,
  settings: SETTINGS,
  data: tinyDataset(),
  onProgress: () => {},
  shouldStop: () => undefined,
  ...change,
});

const taskOf = (rung: number, architecture: Architecture = ARCHITECTURE) => ({
  architecture,
  architectureHash: 'hash',
  rung,
});

async function succeed(rung: number, change: Partial<TrainingContext> = {}): Promise<TrainingSuccess> {
  const outcome = await trainToRung(taskOf(rung), contextOf(change));
  if (outcome.kind !== 'ok') throw new Error(JSON.stringify(outcome));
  return outcome;
}

const stateAt = (path: string | undefined) => readCheckpoint(path!, ARCHITECTURE);

test('through the checkpoint of rung 0 to the very weights of uninterrupted training', async () => {
  const whole = await succeed(1, { checkpointFolder: join(folder, 'whole') });
  expect([whole.steps, whole.tokens]).toEqual([30, 30 * 4 * 8]);
  const first = await succeed(0, { checkpointFolder: folder });
  expect(first.steps).toBe(12);
  const second = await succeed(1, { checkpointFolder: folder });
  expect([second.steps, second.tokens]).toEqual([18, 18 * 4 * 8]);
  expect(second.bitsPerByte).toBe(whole.bitsPerByte);
  expect(stateAt(second.checkpoint)).toEqual(stateAt(whole.checkpoint));
  expect(second.bitsPerByte).toBeLessThan(first.bitsPerByte);
});

test('the seed alone decides', async () => {
  const a = await succeed(0);
  expect((await succeed(0)).bitsPerByte).toBe(a.bitsPerByte);
  expect((await succeed(0, { seed: 2 })).bitsPerByte).not.toBe(a.bitsPerByte);
  expect(a.checkpoint).toBeUndefined();
});

test.each(['missing', 'cut short', 'of another architecture', 'no checkpoint at all'])(
  'a checkpoint that is %s is trained again',
  async (damage) => {
    const { bitsPerByte } = await succeed(1);
    const { checkpoint } = await succeed(0, { checkpointFolder: folder });
    if (damage === 'missing') rmSync(checkpoint!);
    if (damage === 'cut short') truncateSync(checkpoint!, readFileSync(checkpoint!).length - 5);
    if (damage === 'no checkpoint at all') writeFileSync(checkpoint!, 'not one');
    if (damage === 'of another architecture') {
      const other = { ...ARCHITECTURE, layers: ARCHITECTURE.layers.slice(1) };
      await trainToRung(taskOf(0, other), contextOf({ checkpointFolder: folder }));
    }
    const again = await succeed(1, { checkpointFolder: folder });
    expect(again.steps).toBe(30);
    expect(again.bitsPerByte).toBe(bitsPerByte);
  },
);

test('a checkpoint of other rungs is not continued from', async () => {
  await succeed(0, { checkpointFolder: folder });
  const settings = { ...SETTINGS, rungs: [10, 20] };
  expect((await succeed(1, { checkpointFolder: folder, settings })).steps).toBe(20);
});

test('divergence is noticed in the step where it happens', async () => {
  const settings = { ...SETTINGS, learningRate: 1e38, warmupSteps: 0 };
  const outcome = await trainToRung(taskOf(0), contextOf({ settings }));
  expect(outcome).toMatchObject({ kind: 'diverged' });
  expect((outcome as { step: number }).step).toBeLessThan(4);
});

test('progress is told after each step, and a reason to stop ends it there', async () => {
  const seen: number[] = [];
  const outcome = await trainToRung(
    taskOf(0),
    contextOf({
      onProgress: ({ step, totalSteps, loss }) => {
        seen.push(step);
        expect(totalSteps).toBe(12);
        expect(loss).toBeGreaterThan(0);
      },
      shouldStop: () => (seen.length === 5 ? { kind: 'cancelled' } : undefined),
    }),
  );
  expect(outcome).toEqual({ kind: 'cancelled' });
  expect(seen).toEqual([1, 2, 3, 4, 5]);
});

test('a model too large for one memory is out of memory at once', async () => {
  const huge = { ...ARCHITECTURE, dModel: 65_536, layers: [{ nHeads: 0, nKvHeads: 0, dFf: 65_536 }] };
  const outcome = await trainToRung(taskOf(0, huge), contextOf());
  expect(outcome).toMatchObject({ kind: 'out-of-memory' });
});

const CHILD: Architecture = {
  ...ARCHITECTURE,
  layers: [{ nHeads: 2, nKvHeads: 2, dFf: 16 }, ARCHITECTURE.layers[1]!],
};
const DONOR = { architecture: ARCHITECTURE, architectureHash: 'hash', loss: 4 };
const heirTask = (rung: number) => ({ architecture: CHILD, architectureHash: 'child', rung, donor: DONOR });

test('an heir begins where its donor ended, and is soon better than what begins from nothing', async () => {
  const { bitsPerByte: donorLoss } = await succeed(1, { checkpointFolder: folder });
  const context = contextOf({ checkpointFolder: folder });
  const heir = await trainToRung(heirTask(0), context);
  const { donor: _, ...ownTask } = heirTask(0);
  const own = await trainToRung(ownTask, context);
  if (heir.kind !== 'ok' || own.kind !== 'ok') throw new Error('not trained');
  // One more key-value head, repeated: nothing else than the donor, measured on fewer windows.
  expect(heir.inheritedBitsPerByte).toBeCloseTo(donorLoss, 0);
  expect(own.inheritedBitsPerByte).toBeUndefined();
  expect(heir.bitsPerByte).toBeLessThan(own.bitsPerByte);
  expect([heir.steps, own.steps]).toEqual([12, 12]);
  expect(heir.checkpoint).not.toBe(own.checkpoint);
});

test('an heir comes to the same weights where the checkpoints of its donor are lost, or none are kept', async () => {
  await succeed(1, { checkpointFolder: folder });
  const first = await trainToRung(heirTask(0), contextOf({ checkpointFolder: folder }));
  const lost = await trainToRung(heirTask(0), contextOf({ checkpointFolder: join(folder, 'elsewhere') }));
  const none = await trainToRung(heirTask(0), contextOf());
  if (first.kind !== 'ok' || lost.kind !== 'ok' || none.kind !== 'ok') throw new Error('not trained');
  const stateOf = (path: string | undefined) => readCheckpoint(path!, CHILD);
  expect(stateOf(lost.checkpoint)).toEqual(stateOf(first.checkpoint));
  expect(none.bitsPerByte).toBe(first.bitsPerByte);
  expect(none.inheritedBitsPerByte).toBe(first.inheritedBitsPerByte);
});

test('an heir goes on from its own lower rung, and never from that of one which began from nothing', async () => {
  const settings = { ...SETTINGS, rungs: [6, 12, 30] };
  const context = contextOf({ checkpointFolder: folder, settings });
  await trainToRung({ architecture: CHILD, architectureHash: 'child', rung: 0 }, context);
  const whole = await trainToRung(
    heirTask(1),
    contextOf({ checkpointFolder: join(folder, 'whole'), settings }),
  );
  await trainToRung(heirTask(0), context);
  const second = await trainToRung(heirTask(1), context);
  if (whole.kind !== 'ok' || second.kind !== 'ok') throw new Error('not trained');
  expect([whole.steps, second.steps]).toEqual([12, 6]);
  expect(second.bitsPerByte).toBe(whole.bitsPerByte);
  expect(second.inheritedBitsPerByte).toBeUndefined();
});

test('weights that no longer work are not begun from', async () => {
  await succeed(1, { checkpointFolder: folder });
  const context = contextOf({ checkpointFolder: folder });
  const donor = { ...DONOR, loss: 0.1 };
  const refused = await trainToRung({ ...heirTask(0), donor }, context);
  const own = await trainToRung({ architecture: CHILD, architectureHash: 'child', rung: 0 }, contextOf());
  if (refused.kind !== 'ok' || own.kind !== 'ok') throw new Error('not trained');
  expect(refused.inheritedBitsPerByte).toBeUndefined();
  expect(refused.bitsPerByte).toBe(own.bitsPerByte);
  expect(refused.checkpoint).toContain('child-rung0');
});
