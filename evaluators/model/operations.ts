// The transformer's own operations on tfjs tensors, each with its gradient written out, so that the backward pass
// touches memory no more often than it must.
// Shapes: B sequences, T positions, N = B*T tokens, D width, F feed-forward, V vocabulary, H heads, K kv heads,
// G = H/K heads a group, d head size.
import * as tf from '@tensorflow/tfjs';
import { rmsNormKernel, rotaryKernel, siluKernel } from '../engine/fused.ts';

type Saver = (tensors: tf.Tensor[]) => void;
type GradientFunction<X extends tf.Tensor> = (dy: X, saved: tf.Tensor[]) => tf.Tensor | tf.Tensor[];

/** `tf.customGrad` with its arguments typed: `forward` gets `save` and must save what `gradFunc` uses. */
function withGradient<X extends tf.Tensor>(
  inputs: tf.Tensor[],
  forward: (save: Saver) => { value: X; gradFunc: GradientFunction<X> },
): X {
  return tf.customGrad((...args) => forward(args.at(-1) as unknown as Saver))(...inputs) as X;
}

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
 * `x^T . dy`. Products that read their left operand transposed are slow, so the narrower of the two is laid out
 * anew first; that of `x` is shared by all weights that read `x`.
 */
function weightGradient(x: tf.Tensor, dy: tf.Tensor): tf.Tensor {
  return x.shape[1]! <= dy.shape[1]!
    ? tf.matMul(tf.transpose(x), dy)
    : tf.transpose(tf.matMul(tf.transpose(dy), x));
}

/** Root-mean-square norm, `x / sqrt(mean(x^2) + eps) * gain` (Zhang and Sennrich 2019, eq. 4). */
export function rmsNorm(x: tf.Tensor2D, gain: tf.Tensor1D, epsilon = 1e-5): tf.Tensor2D {
  const width = x.shape[1];
  return withGradient<tf.Tensor2D>([x, gain], (save) => {
    const [value, inverse] = rmsNormKernel(x, gain, epsilon); // (N, D), (N, 1)
    save([x, inverse, gain]);
    return {
      value,
      gradFunc: (dy, [input, inv, g]) => {
        const product = tf.mul(dy, input!); // (N, D)
        // The part of dy along x, as a factor on x: inv^3 * sum(dy * x * gain) / D
        const along = tf.mul(
          tf.matMul(product, tf.reshape(g!, [width, 1])),
          tf.mul(tf.mul(inv!, tf.square(inv!)), 1 / width),
        ); // (N, 1)
        const dx = tf.sub(tf.mul(tf.mul(dy, g!), inv!), tf.mul(input!, along)); // (N, D)
        const dGain = tf.matMul(tf.reshape(inv!, [1, -1]), product); // (1, D)
        return [dx, tf.reshape(dGain, [width])];
      },
    };
  });
}

/** SwiGLU's product, `gate * sigmoid(gate) * up` (Shazeer 2020). */
export function swiGlu(gate: tf.Tensor2D, up: tf.Tensor2D): tf.Tensor2D {
  return withGradient<tf.Tensor2D>([gate, up], (save) => {
    const silu = siluKernel(gate); // (N, F)
    save([gate, up, silu]);
    return {
      value: tf.mul(silu, up) as tf.Tensor2D,
      gradFunc: (dy, [x, u, a]) => {
        const s = tf.sigmoid(x!); // (N, F)
        // d silu = s + silu * (1 - s)
        const dSilu = tf.add(s, tf.sub(a!, tf.mul(a!, s))); // (N, F)
        return [tf.mul(tf.mul(dy, u!), dSilu), tf.mul(dy, a!)];
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

/** (B, T, heads, d) to (B, heads, T, d), its own inverse. */
const swapHeads = (x: tf.Tensor, shape: [number, number, number, number]): tf.Tensor =>
  tf.transpose(tf.reshape(x, shape), [0, 2, 1, 3]);

/**
 * Causal attention of `q` (B, T, H*d), whose scores need no further scale, over `k` and `v` (B, T, K*d), as
 * (B, T, H*d). `mask` (T, T) is 0 where a position may look and very negative elsewhere.
 * The heads of a group read one kv head as rows of a single product, so keys and values are never repeated.
 */
export function causalAttention(
  q: tf.Tensor3D,
  k: tf.Tensor3D,
  v: tf.Tensor3D,
  mask: tf.Tensor2D,
  headDim: number,
): tf.Tensor3D {
  const [batch, positions, inner] = q.shape;
  const nHeads = inner / headDim;
  const nKvHeads = k.shape[2] / headDim;
  const rows = (nHeads / nKvHeads) * positions; // G*T
  const grouped = (x: tf.Tensor) =>
    tf.reshape(swapHeads(x, [batch, positions, nHeads, headDim]), [-1, rows, headDim]); // (B*K, G*T, d)
  const shared = (x: tf.Tensor) =>
    tf.reshape(swapHeads(x, [batch, positions, nKvHeads, headDim]), [-1, positions, headDim]); // (B*K, T, d)
  const ungrouped = (x: tf.Tensor) =>
    tf.reshape(swapHeads(x, [batch, nHeads, positions, headDim]), [batch, positions, inner]); // (B, T, H*d)
  // The gradient of a kv head arrives as (B*K, d, T).
  const unshared = (x: tf.Tensor) =>
    tf.reshape(tf.transpose(tf.reshape(x, [batch, nKvHeads, headDim, positions]), [0, 3, 1, 2]), k.shape);
  return withGradient<tf.Tensor3D>([q, k, v], (save) => {
    const [qg, ks, vs] = [grouped(q), shared(k), shared(v)];
    const scores = tf.reshape(tf.matMul(qg, ks, false, true), [batch, nHeads, positions, positions]);
    const weights = tf.reshape(tf.softmax(tf.add(scores, mask)), [-1, rows, positions]); // (B*K, G*T, T)
    const mixed = tf.matMul(weights, vs); // (B*K, G*T, d)
    save([qg, ks, vs, weights, mixed]);
    return {
      value: ungrouped(mixed) as tf.Tensor3D,
      gradFunc: (dy, [qs, kk, vv, p, o]) => {
        const dMixed = grouped(dy); // (B*K, G*T, d)
        const dWeights = tf.matMul(dMixed, vv!, false, true); // (B*K, G*T, T)
        // sum(weights * dWeights) over a row is sum(mixed * dMixed), which is narrower (Dao et al. 2022, eq. 4)
        const along = tf.sum(tf.mul(dMixed, o!), -1, true); // (B*K, G*T, 1)
        const dScores = tf.mul(p!, tf.sub(dWeights, along)); // (B*K, G*T, T)
        return [
          ungrouped(tf.matMul(dScores, kk!)),
          unshared(tf.matMul(qs!, dScores, true)),
          unshared(tf.matMul(dMixed, p!, true)),
        ];
      },
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
