// What keys and values become in the KV cache, as tfjs operations, so that an evaluation traces them: elements of one
// token and head, (B, T, K, d), lie along the last axis. Exponents are exact for magnitudes of 2^-126 and above;
// smaller ones count as 2^-126, far below anything that reaches a score.
import * as tf from '@tensorflow/tfjs';
import type { KvCacheFormat } from '../../space/number-formats.ts';

const LOWEST = -126;
const HIGHEST = 127;
const POWERS = Float32Array.from({ length: HIGHEST - LOWEST + 1 }, (_, i) => 2 ** (LOWEST + i));

/** The largest power of two that is at most `x`, for positive `x`. */
function powerOfTwoBelow(x: tf.Tensor): tf.Tensor {
  const atLeast = tf.maximum(x, 2 ** LOWEST);
  const table = tf.tensor1d(POWERS);
  const clamp = (exponent: tf.Tensor) => tf.minimum(tf.maximum(exponent, LOWEST), HIGHEST);
  const powerAt = (exponent: tf.Tensor) => tf.gather(table, tf.cast(tf.sub(exponent, LOWEST), 'int32'));
  // The logarithm may be off by one ulp and so the exponent by one; the quotient is exact and tells.
  const guess = clamp(tf.floor(tf.mul(tf.log(atLeast), Math.LOG2E)));
  const quotient = tf.floor(tf.div(atLeast, powerAt(guess)));
  return powerAt(clamp(tf.add(guess, tf.sub(tf.minimum(quotient, 2), 1))));
}

/** Nearest float with `mantissaBits` after the leading bit, subnormals from `smallestPower` down; ties to even. */
function roundToFloat(x: tf.Tensor, mantissaBits: number, smallestPower: number): tf.Tensor {
  const power = tf.maximum(powerOfTwoBelow(tf.abs(x)), smallestPower);
  const quantum = tf.mul(power, 2 ** -mantissaBits);
  return tf.mul(tf.round(tf.div(x, quantum)), quantum);
}

const clip = (x: tf.Tensor, largest: number): tf.Tensor => tf.maximum(tf.minimum(x, largest), -largest);

const BLOCK = 32;

/** MXINT8 in blocks of 32 along the head, the last one filled up with zeros. */
function mxInt8(x: tf.Tensor4D): tf.Tensor4D {
  const [batch, positions, heads, headDim] = x.shape;
  const missing = (BLOCK - (headDim % BLOCK)) % BLOCK;
  const none: [number, number] = [0, 0];
  const padded = missing === 0 ? x : tf.pad4d(x, [none, none, none, [0, missing]]);
  const blocks = tf.reshape(padded, [batch, positions, heads, (headDim + missing) / BLOCK, BLOCK]);
  const step = tf.mul(powerOfTwoBelow(tf.max(tf.abs(blocks), -1, true)), 2 ** -6);
  const cast = tf.mul(clip(tf.round(tf.div(blocks, step)), 127), step);
  const whole = tf.reshape(cast, padded.shape) as tf.Tensor4D;
  return missing === 0 ? whole : tf.slice4d(whole, [0, 0, 0, 0], x.shape);
}

/** Eight-bit integers with one half-precision scale a token and head. */
function int8(x: tf.Tensor4D): tf.Tensor4D {
  const scale = roundToFloat(tf.div(tf.max(tf.abs(x), -1, true), 127), 10, 2 ** -14);
  const codes = clip(tf.round(tf.div(x, tf.maximum(scale, 2 ** -24))), 127);
  return tf.mul(codes, scale) as tf.Tensor4D;
}

const CASTS: Readonly<Record<KvCacheFormat, (x: tf.Tensor4D) => tf.Tensor4D>> = {
  fp16: (x) => clip(roundToFloat(x, 10, 2 ** -14), 65504) as tf.Tensor4D,
  // E4M3 without a scale, saturating.
  fp8: (x) => clip(roundToFloat(x, 3, 2 ** -6), 448) as tf.Tensor4D,
  int8,
  mxint8: mxInt8,
};

/** Keys or values (B, T, K, d) as a cache of `format` gives them back. Evaluation only: it has no gradient. */
export function castKvCache(format: KvCacheFormat, x: tf.Tensor4D): tf.Tensor4D {
  return CASTS[format](x);
}
