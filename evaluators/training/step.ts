// Loss and gradients of one batch as a tfjs function. The same function is traced into the graph that trains and
// run eagerly as its reference.
import * as tf from '@tensorflow/tfjs';
import type { Architecture } from '../../space/architecture.ts';
import type { InputSpec } from '../engine/program.ts';
import { crossEntropy } from '../model/operations.ts';
import { parameterSpecs } from '../model/parameters.ts';
import { forward, type WeightTensors } from '../model/transformer.ts';

export type Tensors = Record<string, tf.Tensor>;

/** Prefixes of weight names. */
export const GRADIENT = 'gradient/';
export const FIRST = 'first/';
export const SECOND = 'second/';

/** Names and shapes of what a pass over a batch reads: tokens and targets (B, T), and the weights. */
export function passInputs(architecture: Architecture, batch: number): Record<string, InputSpec> {
  const ids: InputSpec = { shape: [batch, architecture.contextLength], dtype: 'int32' };
  const inputs: Record<string, InputSpec> = { tokens: ids, targets: ids };
  for (const { name, shape } of parameterSpecs(architecture)) inputs[name] = { shape, dtype: 'float32' };
  return inputs;
}

/** What is minimised, from the model's logits (N, V); `inputs` holds `tokens` and `targets`, (B, T) each. */
export type LossFunction = (logits: tf.Tensor2D, inputs: Tensors) => tf.Scalar;

/** Mean cross entropy in nats a token. */
const nextTokenLoss: LossFunction = (logits, { targets }) =>
  crossEntropy(logits, tf.reshape(targets!, [-1]) as tf.Tensor1D);

/** The value of the loss on a batch, as `loss`. */
export function lossOf(
  architecture: Architecture,
  inputs: Tensors,
  loss: LossFunction = nextTokenLoss,
): { loss: tf.Scalar } {
  const weights: WeightTensors = inputs;
  return { loss: loss(forward(architecture, weights, inputs.tokens as tf.Tensor2D), inputs) };
}

/** `loss` and, by weight name after `GRADIENT`, its gradients. */
export function lossAndGradients(architecture: Architecture, inputs: Tensors, loss?: LossFunction): Tensors {
  const names = parameterSpecs(architecture).map(({ name }) => name);
  const f = (...weights: tf.Tensor[]) => {
    const named = Object.fromEntries(names.map((name, i) => [name, weights[i]!]));
    return lossOf(architecture, { ...inputs, ...named }, loss).loss;
  };
  const { value, grads } = tf.valueAndGrads(f)(names.map((name) => inputs[name]!));
  return { loss: value, ...Object.fromEntries(names.map((name, i) => [GRADIENT + name, grads[i]!])) };
}
