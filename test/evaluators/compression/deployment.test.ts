import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Calibrator, createCalibrator } from '../../../evaluators/compression/calibration.ts';
import { castModel } from '../../../evaluators/compression/cast-model.ts';
import {
  compressWeights,
  createDeploymentMeter,
  type DeploymentMeter,
  measureDeployment,
} from '../../../evaluators/compression/deployment-meter.ts';
import { blockMatrices, matrixSpecs } from '../../../evaluators/compression/matrices.ts';
import {
  type DeploymentOutcome,
  measureDeployments,
} from '../../../evaluators/compression/measure-deployments.ts';
import { outlierAwareDeployment, type PruningMethod } from '../../../evaluators/compression/prune.ts';
import type { Dataset } from '../../../evaluators/data/dataset.ts';
import type { Weights } from '../../../evaluators/model/parameters.ts';
import { measureBitsPerByte } from '../../../evaluators/training/train.ts';
import { castWeights } from '../../../hardware/formats/index.ts';
import { countParameters } from '../../../space/architecture.ts';
import { alikeLayer, type Deployment } from '../../../space/deployment.ts';
import { ADAMW, deploymentOf, TINY, tinyData, trainTiny } from './tiny.ts';

const EVALUATION_TOKENS = 4096;

let data: Dataset;
let weights: Weights;
let meter: DeploymentMeter;
let calibrator: Calibrator;

beforeAll(async () => {
  data = tinyData();
  weights = await trainTiny(data, 120);
  meter = createDeploymentMeter(TINY, data, EVALUATION_TOKENS);
  calibrator = await createCalibrator(TINY, data, { seed: 1, windows: 16 });
});

afterAll(async () => {
  await meter.release();
  await calibrator.release();
});

test('the matrices are all the weights, each with its axis', () => {
  const specs = matrixSpecs(TINY);
  expect(specs.reduce((sum, { rows, cols }) => sum + rows * cols, 0)).toBe(countParameters(TINY));
  expect(specs.find(({ name }) => name === 'embedding')).toMatchObject({
    reduction: 'cols',
    kind: 'embedding',
  });
  expect(specs.find(({ name }) => name === 'layers.1.feedForward.down')).toMatchObject({
    rows: 48,
    cols: 32,
    layer: 1,
    reduction: 'rows',
  });
});

test('each tensor goes through its own codec and the bits add up', async () => {
  const deployment: Deployment = {
    layers: [
      {
        attention: { weightFormat: 'mxfp4-e2m1', sparsity: 0 },
        feedForward: { weightFormat: 'int8', sparsity: 0.5 },
      },
      alikeLayer({ weightFormat: 'mxfp6-e2m3', sparsity: 0.75 }),
    ],
    embedding: { weightFormat: 'mxfp8-e4m3', sparsity: 0.25 },
    kvCacheFormat: 'mxint8',
    nCards: 1,
  };
  const { weights: decoded, tensors, totalBits } = await compressWeights(TINY, weights, deployment);
  const q = castWeights(weights['layers.0.attention.q']!, { rows: 32, cols: 32 }, 'mxfp4-e2m1');
  expect(decoded['layers.0.attention.q']).toEqual(q.decoded);
  expect(q.bits).toBe(32 * 32 * 4.25);
  const down = castWeights(weights['layers.0.feedForward.down']!, { rows: 64, cols: 32 }, 'int8', 0.5);
  expect(decoded['layers.0.feedForward.down']).toEqual(down.decoded);
  const table = { rows: 256, cols: 32, reduction: 'cols' } as const;
  const embedding = castWeights(weights.embedding!, table, 'mxfp8-e4m3', 0.25);
  expect(decoded.embedding).toEqual(embedding.decoded);
  expect(totalBits).toBe(tensors.reduce((sum, { bits }) => sum + bits, 0));
  expect(tensors.find(({ name }) => name === 'norm')).toMatchObject({ format: 'fp16', bits: 32 * 16 });
  for (const { name, rows, cols, layer, kind } of blockMatrices(TINY)) {
    const report = tensors.find((tensor) => tensor.name === name)!;
    const sparsity = layer === 1 ? 0.75 : kind === 'feedForward' ? 0.5 : 0;
    expect(report.sparsity).toBe(sparsity);
    const nZeros = decoded[name]!.filter((x) => x === 0).length;
    expect(nZeros).toBeGreaterThanOrEqual(sparsity * rows * cols);
    let [signal, noise] = [0, 0];
    weights[name]!.forEach((x, i) => {
      signal += x * x;
      noise += (x - decoded[name]![i]!) ** 2;
    });
    expect(report.signalToNoiseDecibels).toBeCloseTo(10 * Math.log10(signal / noise), 6);
  }
});

test('float32 weights and a half-precision cache measure what training measures', async () => {
  const deployment = { ...deploymentOf('fp32'), embedding: { weightFormat: 'fp32', sparsity: 0 } as const };
  const plain = await measureBitsPerByte(TINY, weights, data, EVALUATION_TOKENS);
  const { bitsPerByte } = await measureDeployment(meter, TINY, weights, deployment);
  expect(bitsPerByte).toBeCloseTo(plain, 3);
});

test('what costs more bits loses less', async () => {
  const loss = async (deployment: Deployment) =>
    (await measureDeployment(meter, TINY, weights, deployment)).bitsPerByte;
  const whole = await loss(deploymentOf('fp16'));
  const eight = await loss(deploymentOf('mxfp8-e4m3'));
  // Of so small a model the formats alone change the loss by no more than chance does.
  const sparse = await loss(deploymentOf('mxfp4-e2m1', 0.7));
  expect(Math.abs(eight - whole)).toBeLessThan(0.02);
  expect(sparse).toBeGreaterThan(eight + 0.02);
  for (const kvCacheFormat of ['fp8', 'int8', 'mxint8'] as const) {
    const cached = await loss({ ...deploymentOf('fp16'), kvCacheFormat });
    expect(cached).not.toBe(whole);
    expect(Math.abs(cached - whole)).toBeLessThan(0.05);
  }
});

test('every method prunes exactly as asked, and what it knows of the inputs pays', async () => {
  const deployment = deploymentOf('fp32', 0.7);
  const loss = async (method: PruningMethod) => {
    const { weights: pruned, tensors } = await compressWeights(TINY, weights, deployment, {
      method,
      calibrate: calibrator.measure,
    });
    for (const { name, rows, cols } of blockMatrices(TINY)) {
      expect(pruned[name]!.filter((x) => x === 0).length).toBe(Math.round(0.7 * rows * cols));
      expect(tensors.find((tensor) => tensor.name === name)!.sparsity).toBeCloseTo(0.7, 2);
    }
    return meter.bitsPerByte(pruned, 'fp16');
  };
  const [magnitude, wanda, sparseGpt] = [
    await loss({ kind: 'magnitude' }),
    await loss({ kind: 'wanda' }),
    await loss({ kind: 'sparsegpt' }),
  ];
  // The tiny model's rounding decides between the first two; the third wins clearly.
  expect(wanda).toBeLessThan(magnitude + 0.02);
  expect(sparseGpt).toBeLessThan(Math.min(magnitude, wanda));
});

test('methods that need a calibration say so', async () => {
  const compressed = compressWeights(TINY, weights, deploymentOf('fp16', 0.5), { method: { kind: 'wanda' } });
  await expect(compressed).rejects.toThrow(/pruning by wanda needs a calibration of "layers.0.attention.q"/);
});

test('an outlier-aware split keeps the mean', async () => {
  const calibration = await calibrator.measure(weights);
  const split = outlierAwareDeployment(TINY, weights, deploymentOf('fp16'), 0.7, calibration);
  const sizes = TINY.layers.map((_, layer) =>
    blockMatrices(TINY).reduce((sum, spec) => sum + (spec.layer === layer ? spec.rows * spec.cols : 0), 0),
  );
  const total = sizes.reduce((a, b) => a + b);
  const mean = split.layers.reduce(
    (sum, { attention }, i) => sum + (attention.sparsity * sizes[i]!) / total,
    0,
  );
  expect(mean).toBeCloseTo(0.7, 9);
  expect(split.layers[0]!.attention.sparsity).not.toBe(split.layers[1]!.attention.sparsity);
});

test('one trained model, many deployments, each with its own outcome', async () => {
  const deployments = [deploymentOf('fp16'), deploymentOf('mxfp4-e2m1', 0.8)];
  const task = { architecture: TINY, weights, deployments, method: { kind: 'wanda' } as const };
  const context = { seed: 1, data, evaluationTokens: EVALUATION_TOKENS, calibrationWindows: 16 };
  const direct = await measureDeployments(task, context);
  for (const [i, outcome] of direct.entries()) {
    const options = { method: task.method, calibrate: calibrator.measure };
    const expected = await measureDeployment(meter, TINY, weights, deployments[i]!, options);
    expect(outcome).toEqual({ kind: 'ok', ...expected });
  }
  const recovery = { ...ADAMW, steps: 15, batch: 8, learningRate: 0.003, warmupSteps: 3 };
  const recovered = await measureDeployments({ ...task, recovery }, context);
  const lossOf = (outcome: DeploymentOutcome) => (outcome.kind === 'ok' ? outcome.bitsPerByte : Number.NaN);
  expect(lossOf(recovered[1]!)).toBeLessThan(lossOf(direct[1]!) - 0.05);
  let asked = 0;
  const stopped = await measureDeployments(task, { ...context, shouldStop: () => ++asked > 1 });
  expect(stopped.map(({ kind }) => kind)).toEqual(['ok', 'stopped']);
});

test('a weight that is no number is refused', () => {
  const broken = { ...weights, norm: weights.norm!.slice().fill(Number.NaN) };
  expect(() => castModel(TINY, broken, deploymentOf('fp16'))).toThrow();
});
