// The reference training: tfjs alone, on its own cpu backend, with AdamW (Loshchilov and Hutter 2019, algorithm 2)
// and clipping by global norm written tensor by tensor.
import * as tf from '@tensorflow/tfjs';
import { loadEagerBackend } from '../../../evaluators/engine/eager.ts';
import { initialWeights, parameterSpecs } from '../../../evaluators/model/parameters.ts';
import type { AdamWSettings } from '../../../evaluators/training/flat-state.ts';
import { GRADIENT, lossAndGradients } from '../../../evaluators/training/step.ts';
import type { Architecture, Layer } from '../../../space/architecture.ts';
import { deriveRng } from '../../../space/random.ts';

export const ADAMW: AdamWSettings = {
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.1,
  gradientClip: 1,
};

export function architectureOf(layers: readonly Layer[], change: Partial<Architecture> = {}): Architecture {
  return {
    dModel: 16,
    headDim: 4,
    vocabSize: 11,
    contextLength: 6,
    tieEmbeddings: true,
    ropeTheta: 10_000,
    layers,
    ...change,
  };
}

/** Weights with norm gains away from 1, so that their gradients are tested where they matter. */
export function weightsOf(architecture: Architecture): Record<string, Float32Array> {
  const weights = initialWeights(architecture, deriveRng(7, 0, 'weights'));
  const rng = deriveRng(7, 1, 'gains');
  for (const [name, values] of Object.entries(weights)) {
    if (name.endsWith('norm')) for (let i = 0; i < values.length; i++) values[i]! += 0.3 * rng.normal();
  }
  return weights;
}

export interface Batch {
  readonly tokens: Int32Array;
  readonly targets: Int32Array;
}

export function batchOf({ vocabSize, contextLength }: Architecture, batch: number, number = 0): Batch {
  const rng = deriveRng(3, number, 'batch');
  const draw = () => Int32Array.from({ length: batch * contextLength }, () => rng.below(vocabSize));
  return { tokens: draw(), targets: draw() };
}

/** Loss and gradients on tfjs's cpu backend, by the names of `lossAndGradients`. */
export async function eagerPass(
  architecture: Architecture,
  weights: Readonly<Record<string, Float32Array>>,
  { tokens, targets }: Batch,
): Promise<Record<string, Float32Array>> {
  await loadEagerBackend('cpu');
  const results: Record<string, Float32Array> = {};
  tf.tidy(() => {
    const shape: [number, number] = [tokens.length / architecture.contextLength, architecture.contextLength];
    const inputs: Record<string, tf.Tensor> = {
      tokens: tf.tensor2d(tokens, shape, 'int32'),
      targets: tf.tensor2d(targets, shape, 'int32'),
    };
    for (const spec of parameterSpecs(architecture))
      inputs[spec.name] = tf.tensor(weights[spec.name]!.slice(), [...spec.shape]);
    for (const [name, tensor] of Object.entries(lossAndGradients(architecture, inputs)))
      results[name] = tensor.dataSync() as Float32Array;
  });
  return results;
}

/** One tensor's AdamW update in float64, in place. */
export function updateInPlace(
  { weight, first, second, gradient }: Record<'weight' | 'first' | 'second' | 'gradient', Float32Array>,
  decays: boolean,
  settings: AdamWSettings,
  learningRate: number,
  step: number,
  norm: number,
): void {
  const { beta1, beta2, epsilon, weightDecay, gradientClip } = settings;
  const clip = gradientClip > 0 ? Math.min(1, gradientClip / (norm + 1e-6)) : 1;
  for (let i = 0; i < weight.length; i++) {
    const g = gradient[i]! * clip;
    first[i] = beta1 * first[i]! + (1 - beta1) * g;
    second[i] = beta2 * second[i]! + (1 - beta2) * g * g;
    const m = first[i]! / (1 - beta1 ** step);
    const v = second[i]! / (1 - beta2 ** step);
    const decay = decays ? learningRate * weightDecay * weight[i]! : 0;
    weight[i] = weight[i]! - decay - (learningRate * m) / (Math.sqrt(v) + epsilon);
  }
}

/** Training losses of `nSteps` steps of the reference, and the weights at the end. */
export async function referenceTraining(architecture: Architecture, batch: number, rates: readonly number[]) {
  const weights = weightsOf(architecture);
  const zeros = () =>
    Object.fromEntries(Object.entries(weights).map(([name, { length }]) => [name, new Float32Array(length)]));
  const [first, second] = [zeros(), zeros()];
  const losses: number[] = [];
  for (const [i, rate] of rates.entries()) {
    const results = await eagerPass(architecture, weights, batchOf(architecture, batch, i));
    losses.push(results.loss![0]!);
    const gradients = parameterSpecs(architecture).map(({ name }) => results[GRADIENT + name]!);
    const norm = Math.hypot(...gradients.map((gradient) => Math.hypot(...gradient)));
    parameterSpecs(architecture).forEach(({ name, decays, rateFactor }, j) => {
      const tensors = {
        weight: weights[name]!,
        first: first[name]!,
        second: second[name]!,
        gradient: gradients[j]!,
      };
      updateInPlace(tensors, decays, ADAMW, rate * rateFactor, i + 1, norm);
    });
  }
  return { losses, weights };
}
