// The transformer's own operations on tfjs tensors, each with its gradient written out, so that the backward pass
// touches memory no more often than it must.
// Shapes: N = B*T tokens, D width, F feed-forward, H heads, V vocabulary.
import * as tf from '@tensorflow/tfjs';

type Saver = (tensors: tf.Tensor[]) => void;
type GradientFunction<X extends tf.Tensor> = (dy: X, saved: tf.Tensor[]) => tf.Tensor | tf.Tensor[];

/** `tf.customGrad` with its arguments typed: `forward` gets the inputs and `save`. */
function withGradient<X extends tf.Tensor>(
  inputs: tf.Tensor[],
  forward: (save: Saver) => { value: X; gradFunc: GradientFunction<X> },
): X {
  return tf.customGrad((...args) => forward(args.at(-1) as unknown as Saver))(...inputs) as X;
}

/** Root-mean-square norm, `x / sqrt(mean(x^2) + eps) * gain` (Zhang and Sennrich 2019, eq. 4). */
export function rmsNorm(x: tf.Tensor2D, gain: tf.Tensor1D, epsilon = 1e-5): tf.Tensor2D {
  return withGradient<tf.Tensor2D>([x, gain], (save) => {
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon)); // (N, 1)
    const normed = tf.mul(x, inverse); // (N, D)
    save([normed, inverse, gain]);
    return {
      value: tf.mul(normed, gain) as tf.Tensor2D,
      gradFunc: (dy, [n, inv, g]) => {
        const dNormed = tf.mul(dy, g!); // (N, D)
        const projection = tf.mean(tf.mul(dNormed, n!), -1, true); // (N, 1)
        const dx = tf.mul(tf.sub(dNormed, tf.mul(n!, projection)), inv!); // (N, D)
        return [dx, tf.sum(tf.mul(dy, n!), 0)];
      },
    };
  });
}

/** SwiGLU's product, `gate * sigmoid(gate) * up` (Shazeer 2020). */
export function swiGlu(gate: tf.Tensor2D, up: tf.Tensor2D): tf.Tensor2D {
  return withGradient<tf.Tensor2D>([gate, up], (save) => {
    const sigmoid = tf.sigmoid(gate); // (N, F)
    const silu = tf.mul(gate, sigmoid); // (N, F)
    save([up, sigmoid, silu]);
    return {
      value: tf.mul(silu, up) as tf.Tensor2D,
      gradFunc: (dy, [u, s, a]) => {
        // d silu = s + silu * (1 - s)
        const dSilu = tf.add(s!, tf.sub(a!, tf.mul(a!, s!))); // (N, F)
        return [tf.mul(tf.mul(dy, u!), dSilu), tf.mul(dy, a!)];
      },
    };
  });
}

/** Cosines and signed sines of rotary positions, and the matrix that swaps the halves of a head. */
export interface RotaryTables {
  /** (T, 1, headDim) each; `cos` and `sin` repeat over the two halves. */
  readonly cos: tf.Tensor3D;
  readonly sin: tf.Tensor3D;
  /** (headDim, headDim): `x . rotate = [-second half, first half]`. */
  readonly rotate: tf.Tensor2D;
}

export function rotaryTables(
  contextLength: number,
  headDim: number,
  theta: number,
  firstPosition = 0,
): RotaryTables {
  const half = headDim / 2;
  const cos = new Float32Array(contextLength * headDim);
  const sin = new Float32Array(contextLength * headDim);
  for (let t = 0; t < contextLength; t++) {
    for (let i = 0; i < headDim; i++) {
      const angle = (firstPosition + t) * theta ** (-(i % half) / half);
      cos[t * headDim + i] = Math.cos(angle);
      sin[t * headDim + i] = Math.sin(angle);
    }
  }
  const rotate = new Float32Array(headDim * headDim);
  for (let i = 0; i < half; i++) {
    rotate[(i + half) * headDim + i] = -1;
    rotate[i * headDim + i + half] = 1;
  }
  return {
    cos: tf.tensor3d(cos, [contextLength, 1, headDim]),
    sin: tf.tensor3d(sin, [contextLength, 1, headDim]),
    rotate: tf.tensor2d(rotate, [headDim, headDim]),
  };
}

/** Rotary positions (Su et al. 2021) in the half-split layout of Llama, on `x` (B, T, H, headDim). */
export function rotary(x: tf.Tensor4D, { cos, sin, rotate }: RotaryTables): tf.Tensor4D {
  const [, , , headDim] = x.shape;
  const turn = (tensor: tf.Tensor, matrix: tf.Tensor) =>
    tf.reshape(tf.matMul(tf.reshape(tensor, [-1, headDim]), matrix), x.shape);
  return withGradient<tf.Tensor4D>([x], (save) => {
    save([cos, sin, rotate]);
    return {
      value: tf.add(tf.mul(x, cos), tf.mul(turn(x, rotate), sin)) as tf.Tensor4D,
      // A rotation's transpose is the rotation back.
      gradFunc: (dy, [c, s, r]) => tf.sub(tf.mul(dy, c!), tf.mul(turn(dy, r!), s!)),
    };
  });
}

/** Causal softmax over `scores` (B, H, T, T); `mask` (T, T) is 0 where a position may look and very negative elsewhere. */
export function causalSoftmax(scores: tf.Tensor4D, mask: tf.Tensor2D): tf.Tensor4D {
  return withGradient<tf.Tensor4D>([scores], (save) => {
    const weights = tf.softmax(tf.add(scores, mask)) as tf.Tensor4D; // (B, H, T, T)
    save([weights]);
    return {
      value: weights,
      gradFunc: (dy, [p]) => {
        const weighted = tf.mul(dy, p!);
        return tf.sub(weighted, tf.mul(p!, tf.sum(weighted, -1, true)));
      },
    };
  });
}

/** Mean cross entropy in nats of `logits` (N, V) against `targets` (N). */
export function crossEntropy(logits: tf.Tensor2D, targets: tf.Tensor1D): tf.Scalar {
  const [n, v] = logits.shape;
  return withGradient<tf.Scalar>([logits], (save) => {
    const logProbabilities = tf.logSoftmax(logits); // (N, V)
    const hot = tf.oneHot(targets, v, 1, 0, 'float32') as tf.Tensor2D; // (N, V)
    save([logProbabilities, hot]);
    return {
      value: tf.mul(tf.sum(tf.mul(logProbabilities, hot)), -1 / n) as tf.Scalar,
      gradFunc: (dy, [logP, target]) => tf.mul(tf.sub(tf.exp(logP!), target!), tf.mul(dy, 1 / n)),
    };
  });
}
