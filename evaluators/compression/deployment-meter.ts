// Validation loss of deployed models: one architecture compiled once for each KV-cache format, weights fed in.
import type * as tf from '@tensorflow/tfjs';
import type { Architecture } from '../../space/architecture.ts';
import type { Deployment } from '../../space/deployment.ts';
import type { KvCacheFormat } from '../../space/number-formats.ts';
import { bitsPerByte, type Dataset } from '../data/dataset.ts';
import { countTargetBytes, readWindows, validationWindows } from '../data/windows.ts';
import { type Buffer, bufferOf, type CompiledProgram, type Engine } from '../engine/program.ts';
import { onnxEngine } from '../engine/session.ts';
import { crossEntropy } from '../model/operations.ts';
import { parameterSpecs, type Weights } from '../model/parameters.ts';
import { forward } from '../model/transformer.ts';
import { passInputs } from '../training/step.ts';
import { type CompressedModel, castModel } from './cast-model.ts';
import { castKvCache } from './kv-cache.ts';
import { type Calibrate, type PruningMethod, pruneWeights } from './prune.ts';

export interface DeploymentMeter {
  /** Bits per byte of validation text under decoded `weights`. */
  bitsPerByte(weights: Weights, kvCacheFormat: KvCacheFormat): Promise<number>;
  release(): Promise<void>;
}

const BATCH = 8;

function lossThroughCache(
  architecture: Architecture,
  inputs: Record<string, tf.Tensor>,
  kvCacheFormat: KvCacheFormat,
): { loss: tf.Tensor } {
  const logits = forward(architecture, inputs, inputs.tokens as tf.Tensor2D, {
    throughCache: (x) => castKvCache(kvCacheFormat, x),
  });
  return { loss: crossEntropy(logits, inputs.targets!.reshape([-1]) as tf.Tensor1D) };
}

/** Measures on the validation windows that a training of `evaluationTokens` is measured on. */
export function createDeploymentMeter(
  architecture: Architecture,
  data: Dataset,
  evaluationTokens: number,
  engine: Engine = onnxEngine(),
): DeploymentMeter {
  const { contextLength } = architecture;
  const offsets = validationWindows(data.validation, contextLength, evaluationTokens, BATCH);
  const nTokens = offsets.length * contextLength;
  const nBytes = countTargetBytes(data.validation, offsets, contextLength, data.bytesPerToken);
  const tokens = new Int32Array(BATCH * contextLength);
  const targets = new Int32Array(BATCH * contextLength);
  const programs = new Map<KvCacheFormat, Promise<CompiledProgram>>();
  const programFor = (format: KvCacheFormat): Promise<CompiledProgram> => {
    const known = programs.get(format);
    if (known !== undefined) return known;
    const compiled = engine.compile(passInputs(architecture, BATCH), (inputs) =>
      lossThroughCache(architecture, inputs, format),
    );
    programs.set(format, compiled);
    return compiled;
  };
  return {
    async bitsPerByte(weights, kvCacheFormat) {
      const program = await programFor(kvCacheFormat);
      const shape = [BATCH, contextLength];
      const feeds: Record<string, Buffer> = {
        tokens: bufferOf(shape, 'int32', tokens),
        targets: bufferOf(shape, 'int32', targets),
      };
      for (const { name, shape } of parameterSpecs(architecture)) {
        feeds[name] = bufferOf(shape, 'float32', weights[name]!);
      }
      const loss = new Float32Array(1);
      let nats = 0;
      for (let at = 0; at < offsets.length; at += BATCH) {
        readWindows(data.validation, offsets.subarray(at, at + BATCH), contextLength, tokens, targets);
        await program.run(feeds, { loss: bufferOf([], 'float32', loss) });
        nats += loss[0]! * BATCH * contextLength;
      }
      return bitsPerByte(nats / nTokens, nTokens, nBytes);
    },
    async release() {
      for (const program of programs.values()) await (await program).release();
      programs.clear();
    },
  };
}

export interface CompressOptions {
  /** Magnitude by default. */
  readonly method?: PruningMethod;
  /** Needed by Wanda and SparseGPT: `Calibrator.measure`. */
  readonly calibrate?: Calibrate;
}

/**
 * Trained weights as `deployment` stores them: block matrices pruned to their layer's sparsity, every tensor cast.
 * @throws FormatError where a weight is not finite, TypeError where a method lacks its calibration.
 */
export async function compressWeights(
  architecture: Architecture,
  weights: Weights,
  deployment: Deployment,
  { method = { kind: 'magnitude' }, calibrate }: CompressOptions = {},
): Promise<CompressedModel> {
  const pruned = await pruneWeights(architecture, weights, deployment, method, calibrate);
  return castModel(architecture, pruned.weights, deployment, weights);
}

/** A deployment's quality and size, measured. */
export interface DeploymentMeasurement extends Omit<CompressedModel, 'weights'> {
  readonly bitsPerByte: number;
}

/** Compresses trained `weights` for `deployment` and measures what is left, KV cache included. */
export async function measureDeployment(
  meter: DeploymentMeter,
  architecture: Architecture,
  weights: Weights,
  deployment: Deployment,
  options: CompressOptions = {},
): Promise<DeploymentMeasurement> {
  const { weights: decoded, ...report } = await compressWeights(architecture, weights, deployment, options);
  return { bitsPerByte: await meter.bitsPerByte(decoded, deployment.kvCacheFormat), ...report };
}
