import { afterAll, beforeAll, expect, test } from 'vitest';
import { castModel } from '../../../evaluators/compression/cast-model.ts';
import {
  createDeploymentMeter,
  type DeploymentMeter,
} from '../../../evaluators/compression/deployment-meter.ts';
import { maskSparsity } from '../../../evaluators/compression/mask.ts';
import { blockMatrices } from '../../../evaluators/compression/matrices.ts';
import { pruneWeights } from '../../../evaluators/compression/prune.ts';
import {
  type RecoveryContext,
  type RecoverySettings,
  recoverWeights,
} from '../../../evaluators/compression/recover.ts';
import { RecoveryState } from '../../../evaluators/compression/recovery-state.ts';
import type { Dataset } from '../../../evaluators/data/dataset.ts';
import { sampleBatch } from '../../../evaluators/data/windows.ts';
import { onnxEngine } from '../../../evaluators/engine/session.ts';
import type { Weights } from '../../../evaluators/model/parameters.ts';
import { lossAndGradients, passInputs } from '../../../evaluators/training/step.ts';
import type { Deployment } from '../../../space/deployment.ts';
import { deriveRng } from '../../../space/random.ts';
import { ADAMW, deploymentOf, TINY, tinyData, trainTiny } from './tiny.ts';

const SETTINGS: RecoverySettings = { ...ADAMW, steps: 60, batch: 8, learningRate: 0.003, warmupSteps: 5 };

let data: Dataset;
let weights: Weights;
let meter: DeploymentMeter;

beforeAll(async () => {
  data = tinyData();
  weights = await trainTiny(data, 300);
  meter = createDeploymentMeter(TINY, data, 4096);
});

afterAll(() => meter.release());

const lossOf = (model: Weights, deployment: Deployment) =>
  meter.bitsPerByte(castModel(TINY, model, deployment).weights, deployment.kvCacheFormat);

async function recovered(
  settings: RecoverySettings,
  deployment: Deployment,
  more: Partial<RecoveryContext> = {},
) {
  const { weights: start, masks } =
    settings.gradual === undefined
      ? await pruneWeights(TINY, weights, deployment, { kind: 'magnitude' })
      : { weights, masks: {} };
  const outcome = await recoverWeights(TINY, start, masks, deployment, { seed: 1, data, settings, ...more });
  if (outcome.kind !== 'ok') throw new Error(`recovery ended as ${outcome.kind}`);
  return { start, ...outcome };
}

function expectExactZeros(model: Weights, sparsity: number) {
  for (const { name, rows, cols } of blockMatrices(TINY)) {
    expect(model[name]!.filter((x) => x === 0).length, name).toBe(Math.round(sparsity * rows * cols));
  }
}

test('fine-tuning on the cast weights wins back what MXFP4 lost', async () => {
  const deployment: Deployment = {
    ...deploymentOf('mxfp4-e2m1'),
    embedding: { weightFormat: 'mxfp4-e2m1', sparsity: 0 },
  };
  const losses: number[] = [];
  const result = await recovered(SETTINGS, deployment, { onStep: (_, loss) => losses.push(loss) });
  const [dense, direct, after] = [
    await lossOf(weights, deploymentOf('fp16')),
    await lossOf(weights, deployment),
    await lossOf(result.weights, deployment),
  ];
  expect(direct).toBeGreaterThan(dense + 0.01);
  expect(after).toBeLessThan(direct);
  // Further training helps by itself, so what counts is the distance to a dense model after the same steps.
  const further = await lossOf(
    (await recovered(SETTINGS, deploymentOf('fp16'))).weights,
    deploymentOf('fp16'),
  );
  expect(after - further).toBeLessThan(0.6 * (direct - dense));
  expect(losses.length).toBe(SETTINGS.steps);
  expect(result.castSeconds).toBeLessThan(result.seconds);
});

test('pruned weights stay zero through recovery, and the loss falls', async () => {
  const deployment = deploymentOf('mxfp6-e2m3', 0.75);
  const { start, weights: after, masks } = await recovered(SETTINGS, deployment);
  expectExactZeros(after, 0.75);
  for (const [name, mask] of Object.entries(masks)) {
    expect(after[name]!.every((x, i) => mask[i] === 1 || x === 0)).toBe(true);
  }
  expect(await lossOf(after, deployment)).toBeLessThan((await lossOf(start, deployment)) - 0.1);
});

test('gradual pruning ends at the exact sparsity and beats one shot without retraining', async () => {
  const deployment = deploymentOf('fp16', 0.8);
  const gradual = { firstStep: 1, lastStep: 41, everySteps: 8 };
  const { weights: after, masks } = await recovered({ ...SETTINGS, gradual }, deployment);
  expectExactZeros(after, 0.8);
  for (const mask of Object.values(masks)) expect(maskSparsity(mask)).toBeCloseTo(0.8, 2);
  expect(await lossOf(after, deployment)).toBeLessThan(await lossOf(weights, deployment));
});

test('the same recovery twice gives the same weights', async () => {
  const deployment = deploymentOf('mxfp4-e2m1', 0.5);
  const settings = { ...SETTINGS, steps: 5, castEvery: 2 };
  const [first, second] = [await recovered(settings, deployment), await recovered(settings, deployment)];
  expect(second.weights).toEqual(first.weights);
  expect(first.weights).not.toEqual(weights);
});

test('a mask clears weights and moments, and keeps them clear', async () => {
  const program = await onnxEngine().compile(passInputs(TINY, 8), (inputs) => lossAndGradients(TINY, inputs));
  const state = new RecoveryState(TINY, 8, weights, {}, program);
  const step = async (number: number) => {
    sampleBatch(data.train, 8, TINY.contextLength, deriveRng(1, number, 'step'), state.tokens, state.targets);
    await state.step(ADAMW, 0.01, number);
  };
  await step(1);
  const name = 'layers.0.feedForward.up';
  const parts = [state.masters.weights[name]!, state.masters.first[name]!, state.masters.second[name]!];
  for (const part of parts) expect(part[7]).not.toBe(0);
  const mask = new Uint8Array(parts[0]!.length).fill(1);
  mask[7] = 0;
  state.setMask(name, mask);
  for (const part of parts) expect(part[7]).toBe(0);
  state.cast(deploymentOf('fp16'));
  await step(2);
  for (const part of parts) {
    expect(part[7]).toBe(0);
    expect(part[8]).not.toBe(0);
  }
  await state.release();
});

test('a recovery stops when asked, and a schedule must end within its steps', async () => {
  const context = { seed: 1, data, settings: SETTINGS };
  const deployment = deploymentOf('fp16');
  let asked = 0;
  const stopped = await recoverWeights(TINY, weights, {}, deployment, {
    ...context,
    shouldStop: () => ++asked > 3,
  });
  expect(stopped).toEqual({ kind: 'stopped', step: 4 });
  const gradual = { firstStep: 1, lastStep: 100, everySteps: 10 };
  const late = recoverWeights(TINY, weights, {}, deployment, {
    ...context,
    settings: { ...SETTINGS, gradual },
  });
  await expect(late).rejects.toThrow('pruning ends at step 100 of 60');
});

test('a loss that is no number ends the recovery as diverged', async () => {
  const settings = { ...SETTINGS, learningRate: 1e6, warmupSteps: 1, gradientClip: 0 };
  const outcome = await recoverWeights(TINY, weights, {}, deploymentOf('fp32'), { seed: 1, data, settings });
  expect(outcome.kind).toBe('diverged');
});
