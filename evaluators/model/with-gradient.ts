// `tf.customGrad` with its arguments typed.
import * as tf from '@tensorflow/tfjs';

type Saver = (tensors: tf.Tensor[]) => void;
type GradientFunction<X extends tf.Tensor> = (dy: X, saved: tf.Tensor[]) => tf.Tensor | tf.Tensor[];

/** A value with its gradient by `inputs`: `forward` gets `save` and must save every tensor that `gradFunc` uses. */
export function withGradient<X extends tf.Tensor>(
  inputs: tf.Tensor[],
  forward: (save: Saver) => { value: X; gradFunc: GradientFunction<X> },
): X {
  return tf.customGrad((...args) => forward(args.at(-1) as unknown as Saver))(...inputs) as X;
}
