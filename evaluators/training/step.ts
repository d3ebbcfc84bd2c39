// Loss and gradients of one batch as a tfjs function. The same function is traced into the graph that trains and
// run eagerly as its reference.
import * as tf from '@tensorflow/tfjs';
import type { Architecture } from '../../space/architecture.ts';
import type { InputSpec } from '../engine/program.ts';
import { crossEntropy } from '../model/operations.ts';
import { parameterSpecs } from '../model/parameters.ts';
import { forward, type WeightTensors } from '../model/transformer.ts';

type Tensors = Record<string, tf.Tensor>;

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

/** Mean cross entropy in nats a token, as `loss`. */
export function lossOf(architecture: Architecture, inputs: Tensors): { loss: tf.Scalar } {
  const weights: WeightTensors = inputs;
  const logits = forward(architecture, weights, inputs.tokens as tf.Tensor2D);
  return { loss: crossEntropy(logits, tf.reshape(inputs.targets!, [-1]) as tf.Tensor1D) };
}

/** `loss` and, by weight name after `GRADIENT`, its gradients. */
export function lossAndGradients(architecture: Architecture, inputs: Tensors): Tensors {
  const names = parameterSpecs(architecture).map(({ name }) => name);
  const f = (...weights: tf.Tensor[]) =>
    lossOf(architecture, { ...inputs, ...Object.fromEntries(names.map((name, i) => [name, weights[i]!])) })
      .loss;
  const { value, grads } = tf.valueAndGrads(f)(names.map((name) => inputs[name]!));
  return { loss: value, ...Object.fromEntries(names.map((name, i) => [GRADIENT + name, grads[i]!])) };
}
