// AdamW (Loshchilov and Hutter 2019, algorithm 2) with global gradient-norm clipping, on tfjs tensors.
import * as tf from '@tensorflow/tfjs';
import type { ParameterSpec } from '../model/parameters.ts';

export interface AdamWSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Gradients are scaled down to this global norm; 0 leaves them alone. */
  readonly gradientClip: number;
}

/** What changes from step to step, as scalars that are fed in. */
export interface StepScalars {
  readonly learningRate: tf.Scalar;
  /** `1 / (1 - beta1^t)` */
  readonly firstCorrection: tf.Scalar;
  /** `1 / sqrt(1 - beta2^t)` */
  readonly secondCorrection: tf.Scalar;
}

/** The L2 norm of all gradients taken as one vector. */
export function globalNorm(gradients: readonly tf.Tensor[]): tf.Scalar {
  const squares = gradients.map((gradient) => tf.sum(tf.square(gradient)));
  return tf.sqrt(squares.reduce((a, b) => tf.add(a, b))) as tf.Scalar;
}

export interface AdamWState {
  readonly weight: tf.Tensor;
  readonly first: tf.Tensor;
  readonly second: tf.Tensor;
}

/** One update of one tensor; `clip` is the factor (at most 1) that brings the gradients to the allowed norm. */
export function adamW(
  { decays }: ParameterSpec,
  { weight, first, second }: AdamWState,
  gradient: tf.Tensor,
  clip: tf.Scalar,
  scalars: StepScalars,
  settings: AdamWSettings,
): AdamWState {
  const { beta1, beta2, epsilon, weightDecay } = settings;
  const nextFirst = tf.add(tf.mul(first, beta1), tf.mul(gradient, tf.mul(clip, 1 - beta1)));
  const scaled = tf.mul(gradient, tf.mul(clip, Math.sqrt(1 - beta2)));
  const nextSecond = tf.add(tf.mul(second, beta2), tf.square(scaled));
  const denominator = tf.add(tf.mul(tf.sqrt(nextSecond), scalars.secondCorrection), epsilon);
  const step = tf.mul(tf.div(nextFirst, denominator), tf.mul(scalars.learningRate, scalars.firstCorrection));
  const kept =
    decays && weightDecay > 0 ? tf.mul(weight, tf.sub(1, tf.mul(scalars.learningRate, weightDecay))) : weight;
  return { weight: tf.sub(kept, step), first: nextFirst, second: nextSecond };
}
