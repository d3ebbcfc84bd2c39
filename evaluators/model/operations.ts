// The transformer's own operations on tfjs tensors, each with its gradient written out, so that the backward pass
// touches memory no more often than it must.
// Shapes: B sequences, T positions, N = B*T tokens, D width, F feed-forward, V vocabulary, H heads.
import * as tf from '@tensorflow/tfjs';
import { rmsNormKernel, rotaryKernel, siluKernel } from '../engine/fused.ts';
import { withGradient } from './with-gradient.ts';

/** `x . weight` for `x` (N, in) and `weight` (in, out). */
export function linear(x: tf.Tensor2D, weight: tf.Tensor2D): tf.Tensor2D {
  return withGradient<tf.Tensor2D>([x, weight], (save) => {
    save([x, weight]);
    return {
      value: tf.matMul(x, weight),
      gradFunc: (dy, [input, w]) => [tf.matMul(dy, w!, false, true), weightGradient(input!, dy)],
    };
  });
}

/**
 * `x^T . dy`. Products that read their left operand transposed are slow, so it is laid out anew: once for all that read `x`.
 */
const weightGradient = (x: tf.Tensor, dy: tf.Tensor): tf.Tensor => tf.matMul(tf.transpose(x), dy);

/** Root-mean-square norm, `x / sqrt(mean(x^2) + eps) * gain` (Zhang and Sennrich 2019, eq. 4). */
export function rmsNorm(x: tf.Tensor2D, gain: tf.Tensor1D, epsilon = 1e-5): tf.Tensor2D {
  const width = x.shape[1];
  return withGradient<tf.Tensor2D>([x, gain], (save) => {
    const [value, inverse] = rmsNormKernel(x, gain, epsilon); // (N, D), (N, 1)
    save([x, inverse, gain]);
    return {
      value,
      gradFunc: (dy, [input, inv, g]) => {
        const scaled = tf.mul(dy, inv!); // (N, D)
        const product = tf.mul(scaled, input!); // (N, D)
        // The part of dy along x, as a factor on x: inv^3 * sum(dy * x * gain) / D
        const mean = tf.matMul(product, tf.reshape(tf.mul(g!, 1 / width), [width, 1])); // (N, 1)
        const along = tf.mul(mean, tf.square(inv!)); // (N, 1)
        const dx = tf.sub(tf.mul(scaled, g!), tf.mul(input!, along)); // (N, D)
        return [dx, tf.sum(product, 0)];
      },
    };
  });
}

/** SwiGLU's product, `gate * sigmoid(gate) * up` (Shazeer 2020). */
export function swiGlu(gate: tf.Tensor2D, up: tf.Tensor2D): tf.Tensor2D {
  return withGradient<tf.Tensor2D>([gate, up], (save) => {
    const silu = siluKernel(gate); // (N, F)
    const value = tf.mul(silu, up) as tf.Tensor2D; // (N, F)
    save([gate, up, silu, value]);
    return {
      value,
      gradFunc: (dy, [x, u, a, p]) => {
        const s = tf.sigmoid(x!); // (N, F)
        // u * d silu = u * (s + silu * (1 - s)) = p + s * (u - p)
        const slope = tf.add(tf.mul(s, tf.sub(u!, p!)), p!); // (N, F)
        return [tf.mul(dy, slope), tf.mul(dy, a!)];
      },
    };
  });
}

/** Cosines and sines of rotary positions, (T, headDim / 2) each. */
export interface RotaryTables {
  readonly cos: tf.Tensor2D;
  readonly sin: tf.Tensor2D;
}

/** Tables of `nPositions` positions. */
export function rotaryTables(nPositions: number, headDim: number, theta: number): RotaryTables {
  const half = headDim / 2;
  const cos = new Float32Array(nPositions * half);
  const sin = new Float32Array(nPositions * half);
  for (let t = 0; t < nPositions; t++) {
    for (let i = 0; i < half; i++) {
      const angle = t * theta ** (-i / half);
      cos[t * half + i] = Math.cos(angle);
      sin[t * half + i] = Math.sin(angle);
    }
  }
  return { cos: tf.tensor2d(cos, [nPositions, half]), sin: tf.tensor2d(sin, [nPositions, half]) };
}

/** Rotary positions (Su et al. 2021) in the half-split layout of Llama, on `x` (B, T, H*headDim). */
export function rotary(x: tf.Tensor3D, { cos, sin }: RotaryTables): tf.Tensor3D {
  return withGradient<tf.Tensor3D>([x], (save) => {
    // Back is the other way round: a rotation's transpose.
    save([cos, tf.neg(sin)]);
    return {
      value: rotaryKernel(x, cos, sin),
      gradFunc: (dy, [c, s]) => rotaryKernel(dy, c as tf.Tensor2D, s as tf.Tensor2D),
    };
  });
}

/** Mean cross entropy in nats of `logits` (N, V) against `targets` (N). */
export function crossEntropy(logits: tf.Tensor2D, targets: tf.Tensor1D): tf.Scalar {
  const [n, v] = logits.shape;
  return withGradient<tf.Scalar>([logits], (save) => {
    const shifted = tf.sub(logits, tf.max(logits, 1, true)); // (N, V)
    const powers = tf.exp(shifted); // (N, V)
    const sums = tf.sum(powers, 1, true); // (N, 1)
    const rowStarts = tf.tensor1d(
      Int32Array.from({ length: n }, (_, i) => i * v),
      'int32',
    );
    const places = tf.add(targets, rowStarts) as tf.Tensor1D; // where the targets lie in (N*V)
    save([powers, sums, places]);
    const hit = tf.gather(tf.reshape(shifted, [-1]), places); // (N)
    return {
      value: tf.mean(tf.sub(tf.reshape(tf.log(sums), [-1]), hit)) as tf.Scalar,
      gradFunc: (dy, [e, z, at]) => {
        const scale = tf.mul(dy, 1 / n);
        const probabilities = tf.mul(e!, tf.div(scale, z!)); // (N, V), times dy / N
        const ones = tf.mul(tf.neg(scale), tf.ones([n]));
        const hits = tf.unsortedSegmentSum(ones, at as tf.Tensor1D, n * v); // (N*V)
        return tf.reshape(tf.add(tf.reshape(probabilities, [-1]), hits), [n, v]);
      },
    };
  });
}
