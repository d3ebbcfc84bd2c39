// Pairs of really trained models in a worker thread: repeatable, better when aligned, and honest about what failed.
import { mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MeasurementContext } from '../../../evaluators/compression/measure-at-rung.ts';
import type { PairSuccess } from '../../../evaluators/outcome.ts';
import { createTrainerPool } from '../../../evaluators/pool/pool.ts';
import type { MeasurementTask, PairTask } from '../../../evaluators/port.ts';
import { alignedPath, createPairMeter } from '../../../evaluators/speculation/pair-at-rung.ts';
import type { Architecture } from '../../../space/architecture.ts';
import { hashOf } from '../../../space/candidate.ts';
import { plainDeployment } from '../../../space/deployment.ts';
import { SETTINGS, tinyDataset } from '../training/dataset.ts';
import { architectureOf } from '../training/reference.ts';

const shape = { vocabSize: 16, contextLength: 8 };
const layer = { nHeads: 2, nKvHeads: 1, dFf: 16 };
const LARGE = architectureOf([layer, layer, layer], { ...shape, dModel: 16 });
const SMALL = architectureOf([{ nHeads: 1, nKvHeads: 1, dFf: 8 }], { ...shape, dModel: 8 });

const deployed = (architecture: Architecture): MeasurementTask => ({
  architecture,
  architectureHash: hashOf(architecture),
  rung: 1,
  deployment: plainDeployment(architecture.layers.length),
});
const PAIR: PairTask = {
  target: deployed(LARGE),
  draft: { kind: 'model', model: deployed(SMALL) },
  sampling: { temperature: 1, topP: 1 },
  confidence: 0,
  draftLengths: [1, 2, 4],
  alignmentSteps: 0,
};

let folder: string;
let context: MeasurementContext;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'paretoformer-'));
  context = {
    seed: 1,
    settings: SETTINGS,
    data: tinyDataset(),
    checkpointFolder: folder,
    onProgress: () => {},
    shouldStop: () => undefined,
  };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const meter = createPairMeter();
async function measured(change: Partial<PairTask> = {}): Promise<PairSuccess> {
  const outcome = await meter.pair({ ...PAIR, ...change }, context);
  if (outcome.kind !== 'ok') throw new Error(JSON.stringify(outcome));
  return { ...outcome, seconds: 0 };
}

test('a model, the first layers and look-up each have their figures, the same whoever measures them', async () => {
  const model = await measured();
  expect(model.acceptance).toBeGreaterThan(0.2);
  expect(model.acceptance).toBeLessThan(1);
  expect(model.lengths.map(({ draftLength }) => draftLength)).toEqual([1, 2, 4]);
  for (const { tokensPerRound, draftLength, drafted, draftPasses } of model.lengths) {
    expect(tokensPerRound).toBeGreaterThan(1);
    expect(tokensPerRound).toBeLessThanOrEqual(draftLength + 1);
    expect([drafted.at(-1), draftPasses]).toEqual([1, draftLength]);
  }
  const self = await measured({ draft: { kind: 'self', nLayers: 2 } });
  expect(self.acceptance).toBeGreaterThan(0.2);
  const lookup = await measured({ draft: { kind: 'lookup', longest: 3, shortest: 1 } });
  expect(lookup.acceptance).toBeUndefined();
  expect(lookup.lengths[2]!.drafted[0]).toBeLessThan(1);
  const sure = await measured({ confidence: 0.9 });
  expect(sure.lengths[2]!.tokensPerRound).toBeLessThan(model.lengths[2]!.tokensPerRound);

  // Another meter writes the texts anew, in a thread, without any checkpoint.
  const pool = createTrainerPool({
    seed: 1,
    settings: SETTINGS,
    timeoutSeconds: 60,
    data: tinyDataset(),
    maxThreads: 1,
  });
  try {
    const again = await pool.pair(PAIR);
    expect({ ...again, seconds: 0 }).toEqual(model);
  } finally {
    await pool.close();
  }
});

test('the target accepts more of a draft that was aligned, which is kept and not aligned again', async () => {
  const plain = await measured();
  const aligned = await measured({ alignmentSteps: 60 });
  expect(aligned.acceptance!).toBeGreaterThan(plain.acceptance! + 0.02);
  const path = alignedPath(folder, { ...PAIR, alignmentSteps: 60 });
  expect(readdirSync(folder).map((name) => join(folder, name))).toContain(path);
  const started = performance.now();
  expect(await measured({ alignmentSteps: 60 })).toEqual(aligned);
  const secondTime = performance.now() - started;
  rmSync(path);
  const anew = performance.now();
  expect(await measured({ alignmentSteps: 60 })).toEqual(aligned);
  expect(secondTime).toBeLessThan(performance.now() - anew);
  // One that cannot be read is made anew, too.
  truncateSync(path, 200);
  expect(await measured({ alignmentSteps: 60 })).toEqual(aligned);
});

test('how target and draft are stored counts', async () => {
  const plain = await measured();
  const embedding = { weightFormat: 'mxfp4-e2m1', sparsity: 0 } as const;
  const coarse = { ...plainDeployment(1), embedding };
  const draft = { kind: 'model', model: { ...deployed(SMALL), deployment: coarse } } as const;
  expect((await measured({ draft })).acceptance).not.toBe(plain.acceptance);
  const cached = { ...deployed(LARGE), deployment: { ...plainDeployment(3), kvCacheFormat: 'fp8' } } as const;
  expect((await measured({ target: cached })).acceptance).not.toBe(plain.acceptance);
});

test('what goes wrong is an outcome', async () => {
  const stopped = { kind: 'cancelled' } as const;
  expect(await createPairMeter().pair(PAIR, { ...context, shouldStop: () => stopped })).toEqual(stopped);
  let asked = 0;
  const late = { kind: 'timed-out', afterSeconds: 1 } as const;
  const shouldStop = () => (++asked > 3 ? late : undefined);
  expect(await meter.pair({ ...PAIR, alignmentSteps: 50 }, { ...context, shouldStop })).toEqual(late);
  const wild = { ...SETTINGS, learningRate: 1e38, warmupSteps: 0 };
  const steps = { ...PAIR, alignmentSteps: 40 };
  expect(await meter.pair(steps, { ...context, settings: wild })).toMatchObject({
    kind: 'diverged',
    reason: 'in alignment: the loss is no number',
  });
});
