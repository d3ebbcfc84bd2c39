// Measuring deployments in worker threads: what comes back, that it is the same whoever measures, and how it can fail.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import {
  createNoiseTable,
  disturbanceOf,
  measuredDisturbance,
} from '../../../evaluators/compression/noise-table.ts';
import { initialWeights } from '../../../evaluators/model/parameters.ts';
import { createTrainerPool, type PoolSettings } from '../../../evaluators/pool/pool.ts';
import type { Evaluator } from '../../../evaluators/port.ts';
import { hashOf } from '../../../space/candidate.ts';
import { alikeLayer, type Deployment, plainDeployment } from '../../../space/deployment.ts';
import type { WeightFormat } from '../../../space/number-formats.ts';
import { deriveRng } from '../../../space/random.ts';
import type { CompressionSpec } from '../../../space/spec.ts';
import { SETTINGS, tinyDataset } from '../training/dataset.ts';
import { architectureOf } from '../training/reference.ts';

const LAYERS = [
  { nHeads: 2, nKvHeads: 1, dFf: 16 },
  { nHeads: 0, nKvHeads: 0, dFf: 32 },
];
const architecture = architectureOf(LAYERS, { vocabSize: 16, contextLength: 8, dModel: 16 });
const training = { architecture, architectureHash: hashOf(architecture), rung: 1 };

const stored = (weightFormat: WeightFormat, sparsity = 0): Deployment => ({
  ...plainDeployment(2),
  layers: Array.from({ length: 2 }, () => alikeLayer({ weightFormat, sparsity })),
});
const FP32: Deployment = { ...stored('fp32'), embedding: { weightFormat: 'fp32', sparsity: 0 } };

const pools: Evaluator[] = [];
const folders: string[] = [];
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function poolOf(change: Partial<PoolSettings> = {}): Required<Evaluator> {
  const settings = { seed: 1, settings: SETTINGS, timeoutSeconds: 60, data: tinyDataset(), maxThreads: 1 };
  const pool = createTrainerPool({ ...settings, ...change });
  pools.push(pool);
  return pool;
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'paretoformer-'));
  folders.push(folder);
  return folder;
}

const compression = (change: Partial<CompressionSpec>): CompressionSpec => ({
  method: 'magnitude',
  split: 'uniform',
  calibrationWindows: 8,
  schedule: 'one-shot',
  recoverySteps: 0,
  recoveryLearningRate: 0.001,
  ...change,
});

test('a deployment that changes nothing has the trained loss, a coarse one another; sizes are exact', async () => {
  const pool = poolOf({ checkpointFolder: newFolder() });
  const trained = await pool.evaluate(training);
  const plain = await pool.measure({ ...training, deployment: FP32 });
  const coarse = await pool.measure({ ...training, deployment: stored('mxfp4-e2m1', 0.5) });
  if (trained.kind !== 'ok' || plain.kind !== 'ok' || coarse.kind !== 'ok') throw new Error('failed');
  // The cache alone is in half precision.
  expect(Math.abs(plain.bitsPerByte - trained.bitsPerByte)).toBeLessThan(2e-3);
  expect(Math.abs(coarse.bitsPerByte - trained.bitsPerByte)).toBeGreaterThan(4e-3);
  const [ofAttention, ofFeedForward, wide] = [16 * (8 + 4 + 4 + 8), 3 * 16 * 16, 3 * 16 * 32];
  expect(plain.layerBits).toEqual([32 * (ofAttention + ofFeedForward), 32 * wide]);
  expect(coarse.layerBits[0]!).toBeLessThan(plain.layerBits[0]! / 6);
  expect(plain.encodedBits).toBeGreaterThan(plain.layerBits[0]! + plain.layerBits[1]!);
  const inLayers = ([attention, feedForward]: readonly number[]) => attention! + feedForward!;
  expect(inLayers(coarse.disturbance)).toBeGreaterThan(inLayers(plain.disturbance) + 0.05);
});

test('a lost or damaged checkpoint is made anew, to the same measurement, and none is needed at all', async () => {
  const checkpointFolder = newFolder();
  const pool = poolOf({ checkpointFolder });
  const task = { ...training, deployment: stored('mxfp6-e2m3', 0.5) };
  await pool.evaluate({ ...training, rung: 0 });
  await pool.evaluate(training);
  const figures = async (evaluator: Evaluator) => ({ ...(await evaluator.measure(task)), seconds: 0 });
  const first = await figures(pool);
  expect(first.kind).toBe('ok');
  for (const name of readdirSync(checkpointFolder)) writeFileSync(join(checkpointFolder, name), 'damaged');
  expect(await figures(pool)).toEqual(first);
  rmSync(checkpointFolder, { recursive: true });
  expect(await figures(pool)).toEqual(first);
  expect(await figures(poolOf())).toEqual(first);
});

test.each([
  compression({ method: 'wanda' }),
  compression({ split: 'owl' }),
  compression({ recoverySteps: 20, recoveryLearningRate: 0.01 }),
  compression({ recoverySteps: 20, recoveryLearningRate: 0.01, schedule: 'gradual' }),
])('%o is repeatable and differs from plain magnitude pruning', async (setting) => {
  const checkpointFolder = newFolder();
  const task = { ...training, deployment: stored('mxfp8-e4m3', 0.6) };
  const plain = await poolOf({ checkpointFolder }).measure(task);
  const pool = poolOf({ checkpointFolder, compression: setting });
  const [one, two] = [await pool.measure(task), await pool.measure(task)];
  if (plain.kind !== 'ok' || one.kind !== 'ok' || two.kind !== 'ok') throw new Error('failed');
  expect({ ...two, seconds: 0 }).toEqual({ ...one, seconds: 0 });
  expect(one.bitsPerByte).not.toBe(plain.bitsPerByte);
  if (setting.recoverySteps > 0) expect(one.bitsPerByte).toBeLessThan(plain.bitsPerByte);
});

test('what goes wrong is an outcome', async () => {
  const wild = poolOf({ settings: { ...SETTINGS, learningRate: 1e38, warmupSteps: 0 } });
  expect(await wild.measure({ ...training, deployment: FP32 })).toMatchObject({ kind: 'diverged' });
  const unstable = poolOf({ compression: compression({ recoverySteps: 40, recoveryLearningRate: 1e30 }) });
  const outcome = await unstable.measure({ ...training, deployment: stored('fp16') });
  expect(outcome).toMatchObject({ kind: 'diverged' });
  const late = poolOf({ timeoutSeconds: 0.05, settings: { ...SETTINGS, rungs: [12, 100_000] } });
  expect(await late.measure({ ...training, deployment: FP32 })).toMatchObject({ kind: 'timed-out' });
  const aborted = await poolOf().measure({ ...training, deployment: FP32 }, AbortSignal.abort());
  expect(aborted).toEqual({ kind: 'cancelled' });
  expect(await poolOf().measure({ ...training, deployment: { ...FP32, layers: [] } })).toMatchObject({
    kind: 'failed',
  });
});

test('a noise table foretells the disturbance of every combination of its choices', async () => {
  const weights = initialWeights(architecture, deriveRng(3, 0, 'initial weights'));
  const fp16 = { weightFormat: 'fp16', sparsity: 0 } as const;
  const rough = { weightFormat: 'mxfp4-e2m1', sparsity: 0.5 } as const;
  const int8 = { weightFormat: 'int8', sparsity: 0.5 } as const;
  const choices = { attention: [fp16, rough], feedForward: [fp16, rough], embedding: [fp16, int8] };
  const table = createNoiseTable(architecture, weights, choices);
  const mixed: Deployment = {
    layers: [{ attention: rough, feedForward: fp16 }, alikeLayer(fp16)],
    embedding: int8,
    kvCacheFormat: 'fp8',
    nCards: 2,
  };
  const direct = measuredDisturbance(architecture, weights, mixed);
  const foretold = disturbanceOf(table, mixed);
  expect(foretold).toHaveLength(direct.length);
  for (const [at, value] of foretold.entries()) expect(value).toBeCloseTo(direct[at]!, 12);
  expect(() => disturbanceOf(table, stored('int8'))).toThrow('knows nothing of int8 0');
  const profiled = await poolOf().profile({ ...training, choices });
  expect(profiled).toMatchObject({ kind: 'ok' });
});
