// One whole training step as a tfjs function: loss, gradients, clipping, AdamW. The same function is traced into
// the graph that trains and run eagerly as its reference.
import * as tf from '@tensorflow/tfjs';
import type { Architecture } from '../../space/architecture.ts';
import type { InputSpec } from '../engine/program.ts';
import { crossEntropy } from '../model/operations.ts';
import { parameterSpecs } from '../model/parameters.ts';
import { forward, type WeightTensors } from '../model/transformer.ts';
import { type AdamWSettings, adamW, globalNorm, type StepScalars } from './adamw.ts';

export type Tensors = Record<string, tf.Tensor>;

export const FIRST = 'first/';
export const SECOND = 'second/';
export const STEP_SCALARS = ['learningRate', 'firstCorrection', 'secondCorrection'] as const;

/** Names and shapes of what a step reads: tokens and targets (B, T), the scalars, weights and both moments. */
export function stepInputs(architecture: Architecture, batch: number): Record<string, InputSpec> {
  const ids: InputSpec = { shape: [batch, architecture.contextLength], dtype: 'int32' };
  const inputs: Record<string, InputSpec> = { tokens: ids, targets: ids };
  for (const name of STEP_SCALARS) inputs[name] = { shape: [], dtype: 'float32' };
  for (const { name, shape } of parameterSpecs(architecture)) {
    for (const prefix of ['', FIRST, SECOND]) inputs[prefix + name] = { shape, dtype: 'float32' };
  }
  return inputs;
}

/** Mean cross entropy in nats a token. */
export function lossOf(
  architecture: Architecture,
  weights: WeightTensors,
  tokens: tf.Tensor,
  targets: tf.Tensor,
): tf.Scalar {
  const logits = forward(architecture, weights, tokens as tf.Tensor2D);
  return crossEntropy(logits, tf.reshape(targets, [-1]) as tf.Tensor1D);
}

/** Loss and its gradient by weight name. */
export function lossAndGradients(
  architecture: Architecture,
  inputs: Tensors,
): { readonly loss: tf.Scalar; readonly gradients: readonly tf.Tensor[] } {
  const specs = parameterSpecs(architecture);
  const weights = specs.map(({ name }) => inputs[name]!);
  const f = (...tensors: tf.Tensor[]) => {
    const named = Object.fromEntries(specs.map(({ name }, i) => [name, tensors[i]!]));
    return lossOf(architecture, named, inputs.tokens!, inputs.targets!);
  };
  const { value, grads } = tf.valueAndGrads(f)(weights);
  return { loss: value as tf.Scalar, gradients: grads };
}

/** One step: reads what `stepInputs` names, returns `loss`, `gradientNorm` and the next weights and moments. */
export function trainingStep(architecture: Architecture, settings: AdamWSettings, inputs: Tensors): Tensors {
  const { loss, gradients } = lossAndGradients(architecture, inputs);
  const norm = globalNorm(gradients);
  const { gradientClip } = settings;
  const clip = (
    gradientClip > 0 ? tf.minimum(1, tf.div(gradientClip, tf.add(norm, 1e-6))) : tf.scalar(1)
  ) as tf.Scalar;
  const scalars = Object.fromEntries(
    STEP_SCALARS.map((name) => [name, inputs[name]!]),
  ) as unknown as StepScalars;
  const outputs: Tensors = { loss, gradientNorm: norm };
  parameterSpecs(architecture).forEach((spec, i) => {
    const { name } = spec;
    const state = { weight: inputs[name]!, first: inputs[FIRST + name]!, second: inputs[SECOND + name]! };
    const next = adamW(spec, state, gradients[i]!, clip, scalars, settings);
    outputs[name] = next.weight;
    outputs[FIRST + name] = next.first;
    outputs[SECOND + name] = next.second;
  });
  return outputs;
}
