// The engine that a run names computes all of it: nothing falls back on another.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { afterEach, beforeEach, expect, type MockInstance, test, vi } from 'vitest';
import { measureAtRung } from '../../../evaluators/compression/measure-at-rung.ts';
import type { MeasurementTask } from '../../../evaluators/port.ts';
import { createPairMeter } from '../../../evaluators/speculation/pair-at-rung.ts';
import { trainToRung } from '../../../evaluators/training/train.ts';
import { plainDeployment } from '../../../space/deployment.ts';
import { DEFAULT_ENGINE, type EngineSpec } from '../../../space/engine-spec.ts';
import type { CompressionSpec } from '../../../space/spec.ts';
import { SETTINGS, tinyDataset } from '../training/dataset.ts';
import { architectureOf } from '../training/reference.ts';

const LAYER = { nHeads: 2, nKvHeads: 1, dFf: 8 };
const architecture = architectureOf([LAYER, LAYER], { vocabSize: 16, contextLength: 8 });
const task = { architecture, architectureHash: 'hash', rung: 0 };
const plain = plainDeployment(2);
const deployment = { ...plain, layers: plain.layers.map((layer) => ({ ...layer, sparsity: 0.5 })) };

const target: MeasurementTask = { ...task, deployment: plain };
const pair = {
  target,
  draft: { kind: 'model', model: { ...target, architectureHash: 'draft' } },
  sampling: { temperature: 1, topP: 1 },
  confidence: 0,
  draftLengths: [1],
  alignmentSteps: 2,
} as const;

let sessions: MockInstance<typeof InferenceSession.create>;
beforeEach(() => {
  sessions = vi.spyOn(InferenceSession, 'create');
});
afterEach(() => {
  sessions.mockRestore();
});

/** Losses of training, calibrated measurement and recovered measurement, with a pair measured beside them. */
async function losses(engine: EngineSpec): Promise<number[]> {
  const compression: CompressionSpec = {
    method: 'wanda',
    split: 'owl',
    calibrationWindows: 8,
    schedule: 'one-shot',
    recoverySteps: 0,
    recoveryLearningRate: 0.001,
  };
  const context = {
    seed: 1,
    settings: { ...SETTINGS, rungs: [4] },
    data: tinyDataset(),
    checkpointFolder: mkdtempSync(join(tmpdir(), 'paretoformer-')),
    engine,
    onProgress: () => {},
    shouldStop: () => undefined,
  };
  const outcomes = [
    await trainToRung(task, context),
    await measureAtRung({ ...task, deployment }, { ...context, compression }),
    await measureAtRung(
      { ...task, deployment },
      { ...context, compression: { ...compression, recoverySteps: 3 } },
    ),
  ];
  expect(await createPairMeter().pair(pair, context)).toMatchObject({ kind: 'ok' });
  return outcomes.map((outcome) => {
    if (outcome.kind !== 'ok') throw new Error(JSON.stringify(outcome));
    return outcome.bitsPerByte;
  });
}

test('an eager engine trains, calibrates, recovers and measures without ONNX Runtime', async () => {
  const eager = await losses({ ...DEFAULT_ENGINE, name: 'cpu' });
  expect(sessions).not.toHaveBeenCalled();
  const compiled = await losses(DEFAULT_ENGINE);
  for (const [i, loss] of compiled.entries()) expect(Math.abs(eager[i]! - loss)).toBeLessThan(1e-3);
});

test('every session has the provider and the threads that were asked for', async () => {
  await losses({ ...DEFAULT_ENGINE, threads: 2 });
  expect(sessions.mock.calls.length).toBeGreaterThan(6);
  for (const call of sessions.mock.calls as unknown as [Uint8Array, InferenceSession.SessionOptions][]) {
    expect(call[1]).toMatchObject({ executionProviders: ['cpu'], intraOpNumThreads: 2 });
  }
});
