// tfjs kernels of this project's own: ONNX Runtime has each as one pass over memory, tfjs's backends run the
// composite given here. They carry no gradients: `model/operations.ts` writes those out.
import * as tf from '@tensorflow/tfjs';

type Composite = (inputs: Record<string, tf.Tensor>, attributes: Record<string, unknown>) => tf.Tensor[];

const half = (x: tf.Tensor, at: 0 | 1): tf.Tensor => tf.split(x, 2, -1)[at]!;

/** By kernel name. Recorders of the same names are in `kernels.ts`. */
const COMPOSITES: Readonly<Record<string, Composite>> = {
  RmsNorm({ x, gain }, { epsilon }) {
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(x!), -1, true), epsilon as number));
    return [tf.mul(tf.mul(x!, inverse), gain!), inverse];
  },
  Rotary({ x, cos, sin }) {
    const [batch, positions, inner] = x!.shape as [number, number, number];
    const headDim = 2 * cos!.shape[1]!;
    const heads = tf.reshape(x!, [batch, positions, inner / headDim, headDim]);
    const [first, second] = [half(heads, 0), half(heads, 1)];
    const [c, s] = [tf.expandDims(cos!, 1), tf.expandDims(sin!, 1)]; // (T, 1, headDim / 2)
    const turned = [tf.sub(tf.mul(first, c), tf.mul(second, s)), tf.add(tf.mul(second, c), tf.mul(first, s))];
    return [tf.reshape(tf.concat(turned, -1), x!.shape)];
  },
  Silu: ({ x }) => [tf.mul(x!, tf.sigmoid(x!))],
};

/** Registers the composites on one of tfjs's own backends. */
export function registerComposites(backendName: string): void {
  for (const [kernelName, composite] of Object.entries(COMPOSITES)) {
    if (tf.getKernel(kernelName, backendName) !== undefined) continue;
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs }) => {
        // What tfjs hands over are the tensors themselves; as descriptors they would be counted twice.
        const tensors = inputs as unknown as Record<string, tf.Tensor>;
        const results = composite(tensors, (attrs ?? {}) as Record<string, unknown>);
        return results.length === 1 ? results[0]! : results;
      },
    });
  }
}

function run(name: string, inputs: Record<string, tf.Tensor>, attributes: tf.NamedAttrMap = {}): tf.Tensor[] {
  const results = tf.engine().runKernel(name, inputs, attributes) as tf.Tensor | tf.Tensor[];
  return Array.isArray(results) ? results : [results];
}

/** `x / sqrt(mean(x^2) + epsilon) * gain` over the last axis, and the factor on `x` (last axis 1). */
export function rmsNormKernel(
  x: tf.Tensor2D,
  gain: tf.Tensor1D,
  epsilon: number,
): [tf.Tensor2D, tf.Tensor2D] {
  return run('RmsNorm', { x, gain }, { epsilon }) as [tf.Tensor2D, tf.Tensor2D];
}

/**
 * Turns the halves of each head of `x` (B, T, H*headDim) by the angles of its position; `cos` and `sin` are
 * (T, headDim / 2).
 */
export function rotaryKernel(x: tf.Tensor3D, cos: tf.Tensor2D, sin: tf.Tensor2D): tf.Tensor3D {
  return run('Rotary', { x, cos, sin })[0] as tf.Tensor3D;
}

/** `x * sigmoid(x)`. */
export function siluKernel<X extends tf.Tensor>(x: X): X {
  return run('Silu', { x })[0] as X;
}
