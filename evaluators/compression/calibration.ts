// What a trained model feeds its weight matrices on real text: second moments of every matrix's inputs.
import * as tf from '@tensorflow/tfjs';
import type { Architecture } from '../../space/architecture.ts';
import { deriveRng } from '../../space/random.ts';
import type { Dataset } from '../data/dataset.ts';
import { sampleBatch } from '../data/windows.ts';
import { type Buffer, bufferOf, type Engine, type Feeds } from '../engine/program.ts';
import { onnxEngine } from '../engine/session.ts';
import { parameterSpecs, type Weights } from '../model/parameters.ts';
import { forward } from '../model/transformer.ts';
import { passInputs } from '../training/step.ts';
import { blockMatrices, type MatrixSpec } from './matrices.ts';

/** X'X / n by matrix name, row-major (in, in), over the n tokens of a calibration. */
export type Calibration = Readonly<Record<string, Float64Array>>;

export interface CalibrationSettings {
  readonly seed: number;
  /** Training windows that are read; rounded up to whole batches. 64 by default. */
  readonly windows?: number;
}

export interface Calibrator {
  /** The moments under `weights`, always on the same windows. */
  readonly measure: (weights: Weights) => Promise<Calibration>;
  release(): Promise<void>;
}

const BATCH = 8;

/** ||X_i||_2 / sqrt(n) of each input, from its second moments. */
export function inputNorms(secondMoments: Float64Array): Float64Array {
  const n = Math.sqrt(secondMoments.length);
  return Float64Array.from({ length: n }, (_, i) => Math.sqrt(secondMoments[i * n + i]!));
}

/** Matrices that read the same tensor share its moments: the first of a block stands for the others. */
const firstReader = (name: string): string => name.replace(/\.[kv]$/, '.q').replace(/\.up$/, '.gate');

/** The moments of what `readers` read, by their names. */
function momentsOf(
  architecture: Architecture,
  inputs: Record<string, tf.Tensor>,
  readers: readonly MatrixSpec[],
): Record<string, tf.Tensor> {
  const wanted = new Set(readers.map(({ name }) => name));
  const outputs: Record<string, tf.Tensor> = {};
  forward(architecture, inputs, inputs.tokens as tf.Tensor2D, {
    onInput: (name, x) => {
      if (wanted.has(name)) outputs[name] = tf.mul(tf.matMul(x, x, true), 1 / x.shape[0]);
    },
  });
  return outputs;
}

function feedsOf(architecture: Architecture, weights: Weights, tokens: Int32Array): Feeds {
  const feeds: Record<string, Buffer> = {
    tokens: bufferOf([BATCH, architecture.contextLength], 'int32', tokens),
  };
  for (const { name, shape } of parameterSpecs(architecture)) {
    feeds[name] = bufferOf(shape, 'float32', weights[name]!);
  }
  return feeds;
}

/** Compiles a forward pass that sums up the inputs of every block matrix. */
export async function createCalibrator(
  architecture: Architecture,
  data: Pick<Dataset, 'train'>,
  { seed, windows = 64 }: CalibrationSettings,
  engine: Engine = onnxEngine(),
): Promise<Calibrator> {
  const { contextLength } = architecture;
  const specs = blockMatrices(architecture);
  const readers = specs.filter(({ name }) => firstReader(name) === name);
  const { targets: _, ...inputSpecs } = passInputs(architecture, BATCH);
  const program = await engine.compile(inputSpecs, (inputs) => momentsOf(architecture, inputs, readers));
  const nBatches = Math.ceil(windows / BATCH);
  const tokens = new Int32Array(BATCH * contextLength);
  const unusedTargets = new Int32Array(tokens.length);
  return {
    async measure(weights) {
      const feeds = feedsOf(architecture, weights, tokens);
      const fetches = Object.fromEntries(readers.map(({ name, rows }) => [name, bufferOf([rows, rows])]));
      const sums = new Map(readers.map(({ name, rows }) => [name, new Float64Array(rows * rows)]));
      for (let batch = 0; batch < nBatches; batch++) {
        const rng = deriveRng(seed, batch, 'calibration');
        sampleBatch(data.train, BATCH, contextLength, rng, tokens, unusedTargets);
        await program.run(feeds, fetches);
        for (const [name, sum] of sums) {
          const moments = fetches[name]!.data as Float32Array;
          for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + moments[i]! / nBatches;
        }
      }
      return Object.fromEntries(specs.map(({ name }) => [name, sums.get(firstReader(name))!]));
    },
    release: () => program.release(),
  };
}
