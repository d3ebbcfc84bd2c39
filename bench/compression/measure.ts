// Measures the trained model under many deployments, one line of JSON each; what is already in the file is skipped.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { createCalibrator } from '../../evaluators/compression/calibration.ts';
import { type CompressedModel, castModel } from '../../evaluators/compression/cast-model.ts';
import { compressWeights, createDeploymentMeter } from '../../evaluators/compression/deployment-meter.ts';
import type { Masks } from '../../evaluators/compression/mask.ts';
import { blockMatrices } from '../../evaluators/compression/matrices.ts';
import {
  outlierAwareDeployment,
  type PruningMethod,
  pruneWeights,
} from '../../evaluators/compression/prune.ts';
import { recoverWeights } from '../../evaluators/compression/recover.ts';
import { decodeCodebook, encodeCodebook, encodedBits } from '../../hardware/formats/index.ts';
import {
  type Deployment,
  isSparse,
  LAYER_PARTS,
  type LayerPart,
  type WeightStorage,
} from '../../space/deployment.ts';
import { KV_CACHE_FORMATS, WEIGHT_FORMATS, type WeightFormat } from '../../space/number-formats.ts';
import { expectedBits, type Measurement, uniform } from './measurement.ts';
import { ARCHITECTURE, benchDataset, SEED, SETTINGS, trainedWeights } from './trained-model.ts';

/** FP16 but for one part of every layer. */
function inPart(part: LayerPart, storage: WeightStorage): Deployment {
  const plain = uniform(ARCHITECTURE, 'fp16');
  return { ...plain, layers: plain.layers.map((layer) => ({ ...layer, [part]: storage })) };
}

/** Appends to the file of results at `path`; with `only`, nothing but the measurement of that name. */
export async function measureAll(path: string, only?: string): Promise<void> {
  const done = new Set(
    existsSync(path)
      ? readFileSync(path, 'utf8')
          .trim()
          .split('\n')
          .map((line) => (JSON.parse(line) as Measurement).name)
      : [],
  );

  const data = benchDataset();
  const weights = await trainedWeights(data);
  const meter = createDeploymentMeter(ARCHITECTURE, data, SETTINGS.evaluationTokens);
  const calibrator = await createCalibrator(ARCHITECTURE, data, { seed: SEED });
  const cpuSeconds = () => process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6;

  async function record(
    name: string,
    deployment: Deployment,
    make: () => Promise<{ model: CompressedModel; castShare?: number }>,
  ): Promise<void> {
    if (done.has(name) || (only !== undefined && only !== name)) return;
    const start = cpuSeconds();
    const { model, castShare } = await make();
    const bitsPerByte = await meter.bitsPerByte(model.weights, deployment.kvCacheFormat);
    const names = new Set(blockMatrices(ARCHITECTURE).map((spec) => spec.name));
    const blocks = model.tensors.filter((tensor) => names.has(tensor.name));
    const sum = (pick: (tensor: (typeof blocks)[number]) => number) =>
      blocks.reduce((total, tensor) => total + pick(tensor), 0);
    const measurement: Measurement = {
      name,
      bitsPerByte,
      totalBits: model.totalBits,
      blockBits: sum(({ bits }) => bits),
      expectedBlockBits: expectedBits(ARCHITECTURE, deployment),
      blockWeights: sum(({ rows, cols }) => rows * cols),
      dummies: sum(({ dummies }) => dummies),
      storages: [...new Set(blocks.map(({ storage }) => JSON.stringify(storage)))],
      meanDecibels: sum(({ signalToNoiseDecibels }) => signalToNoiseDecibels) / blocks.length,
      cpuSeconds: cpuSeconds() - start,
      ...(castShare === undefined ? {} : { castShare }),
    };
    appendFileSync(path, `${JSON.stringify(measurement)}\n`);
    console.log(name, bitsPerByte.toFixed(4), `${measurement.cpuSeconds.toFixed(1)} s`);
  }

  const direct = (name: string, deployment: Deployment, method?: PruningMethod) =>
    record(name, deployment, async () => ({
      model: await compressWeights(ARCHITECTURE, weights, deployment, {
        ...(method === undefined ? {} : { method }),
        calibrate: calibrator.measure,
      }),
    }));

  /** Formats lose little and want a gentle rate; pruned models need a higher one to find their way. */
  const rateOf = (deployment: Deployment) => SETTINGS.learningRate * (isSparse(deployment) ? 0.5 : 0.15);

  type Start = { readonly kind: 'gradual' } | PruningMethod;

  const recovered = (name: string, deployment: Deployment, steps: number, start: Start, castEvery = 1) =>
    record(name, deployment, async () => {
      let from = weights;
      let masks: Masks = {};
      if (start.kind !== 'gradual') {
        const pruned = await pruneWeights(ARCHITECTURE, weights, deployment, start, calibrator.measure);
        from = pruned.weights;
        masks = pruned.masks;
      }
      const gradual = { firstStep: 1, lastStep: Math.round(0.6 * steps), everySteps: 10 };
      const settings = {
        ...SETTINGS,
        steps,
        learningRate: rateOf(deployment),
        warmupSteps: 20,
        castEvery,
        ...(start.kind === 'gradual' ? { gradual } : {}),
      };
      const outcome = await recoverWeights(ARCHITECTURE, from, masks, deployment, {
        seed: SEED,
        data,
        settings,
      });
      if (outcome.kind !== 'ok') throw new Error(`${name}: ${outcome.kind}`);
      return {
        model: castModel(ARCHITECTURE, outcome.weights, deployment, weights),
        castShare: outcome.castSeconds / outcome.seconds,
      };
    });

  /** A codebook of any index width in every block matrix. */
  const codebook = (indexBits: number) =>
    record(`direct codebook-${indexBits}x1`, uniform(ARCHITECTURE, 'fp16'), async () => {
      const model = castModel(ARCHITECTURE, weights, uniform(ARCHITECTURE, 'fp16'));
      const decoded = { ...model.weights };
      const bits = new Map<string, number>();
      for (const { name } of blockMatrices(ARCHITECTURE)) {
        const tensor = encodeCodebook(weights[name]!, { indexBits });
        decoded[name] = decodeCodebook(tensor);
        bits.set(name, encodedBits(tensor));
      }
      const tensors = model.tensors.map((tensor) => ({
        ...tensor,
        bits: bits.get(tensor.name) ?? tensor.bits,
      }));
      return {
        model: {
          weights: decoded,
          tensors,
          totalBits: tensors.reduce((sum, tensor) => sum + tensor.bits, 0),
        },
      };
    });

  for (const format of WEIGHT_FORMATS) await direct(`direct ${format}`, uniform(ARCHITECTURE, format));
  await codebook(3);
  for (const format of ['mxfp6-e2m3', 'mxfp4-e2m1'] as const) {
    await direct(`head ${format}`, {
      ...uniform(ARCHITECTURE, 'fp16'),
      embedding: { weightFormat: format, sparsity: 0 },
    });
  }
  for (const kvCacheFormat of KV_CACHE_FORMATS) {
    await direct(`cache ${kvCacheFormat}`, { ...uniform(ARCHITECTURE, 'fp16'), kvCacheFormat });
  }
  for (const part of LAYER_PARTS) {
    for (const format of ['mxfp4-e2m1', 'codebook-8x4'] as const) {
      await direct(`part ${part} ${format}`, inPart(part, { weightFormat: format, sparsity: 0 }));
    }
    for (const sparsity of [0.5, 0.7]) {
      await direct(`part ${part} ${sparsity}`, inPart(part, { weightFormat: 'fp16', sparsity }));
    }
  }
  for (const sparsity of [0.25, 0.5]) {
    const embedding: WeightStorage = { weightFormat: 'fp16', sparsity };
    await direct(`part embedding ${sparsity}`, { ...uniform(ARCHITECTURE, 'fp16'), embedding });
  }
  const METHODS: readonly PruningMethod[] = [
    { kind: 'magnitude' },
    { kind: 'magnitude', group: 'output' },
    { kind: 'wanda' },
    { kind: 'sparsegpt' },
  ];
  const label = (method: PruningMethod) =>
    `${method.kind}${'group' in method && method.group !== undefined ? ` by ${method.group}` : ''}`;
  for (const sparsity of [0.5, 0.6, 0.7, 0.8, 0.9]) {
    for (const method of METHODS) {
      await direct(`prune ${label(method)} ${sparsity}`, uniform(ARCHITECTURE, 'fp16', sparsity), method);
    }
    const calibration = await calibrator.measure(weights);
    const split = outlierAwareDeployment(
      ARCHITECTURE,
      weights,
      uniform(ARCHITECTURE, 'fp16'),
      sparsity,
      calibration,
    );
    await direct(`prune owl+wanda ${sparsity}`, split, { kind: 'wanda' });
    await direct(`prune owl+sparsegpt ${sparsity}`, split, { kind: 'sparsegpt' });
  }
  const joint = uniform(ARCHITECTURE, 'mxfp6-e2m3', 0.8);
  await direct('joint magnitude', joint);
  await direct('joint sparsegpt', joint, { kind: 'sparsegpt' });

  const STEPS = 300;
  const dense = { kind: 'magnitude' } as const;
  const recover = (format: WeightFormat, castEvery = 1) =>
    recovered(`recover ${format}`, uniform(ARCHITECTURE, format), STEPS, dense, castEvery);
  await recover('fp32');
  await recover('mxfp4-e2m1');
  await recovered(`recover gradual 0.8`, uniform(ARCHITECTURE, 'fp16', 0.8), STEPS, { kind: 'gradual' });
  await recovered('recover joint gradual', joint, STEPS, { kind: 'gradual' });
  await recovered('recover joint sparsegpt', joint, STEPS, { kind: 'sparsegpt' });
  await recovered(`recover magnitude 0.8`, uniform(ARCHITECTURE, 'fp16', 0.8), STEPS, { kind: 'magnitude' });
  await recovered(`recover sparsegpt 0.8`, uniform(ARCHITECTURE, 'fp16', 0.8), STEPS, { kind: 'sparsegpt' });
  await recover('mxfp6-e2m3');
  await recover('int4-g128');
  await recover('codebook-4x1', 8);
  await recovered('recover mxfp4 sparse', uniform(ARCHITECTURE, 'mxfp4-e2m1', 0.8), STEPS, {
    kind: 'gradual',
  });
  await recover('codebook-8x4', 20);
  await recovered('recover joint gradual long', joint, 4 * STEPS, { kind: 'gradual' });
  await recovered('recover fp32 long', uniform(ARCHITECTURE, 'fp32'), 4 * STEPS, dense);
  await meter.release();
  await calibrator.release();
}
