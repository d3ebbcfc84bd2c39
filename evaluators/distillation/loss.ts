// What a student is trained on: the text, the teacher's distribution, or directly the share of its tokens that the
// teacher would accept.
// Shapes: N = B*T tokens, V vocabulary.
import * as tf from '@tensorflow/tfjs';

/** Weights of the parts; those that are 0 are left out. */
export interface DistillationLoss {
  /** Cross entropy with the text. */
  readonly crossEntropy: number;
  /** KL(teacher, student) at `temperature`, times its square (Hinton et al. 2015, section 2.1). */
  readonly forwardKl: number;
  readonly temperature: number;
  /** Total variation between teacher and student: 1 - acceptance (Leviathan et al. 2023, theorem 3.5). */
  readonly totalVariation: number;
}

/** A part's value (N, V), to be summed and divided by N, and its gradient (N, V) by the student's logits. */
interface Part {
  readonly weight: number;
  readonly values: tf.Tensor;
  readonly gradient: tf.Tensor;
}

const LARGE = 1e30;
/** 1 where `x` is positive, else 0. */
const isPositive = (x: tf.Tensor): tf.Tensor => tf.minimum(tf.maximum(tf.mul(x, LARGE), 0), 1);

function textPart(weight: number, logits: tf.Tensor2D, targets: tf.Tensor1D): Part {
  const logQ = tf.logSoftmax(logits);
  const hot = tf.oneHot(targets, logits.shape[1], 1, 0, 'float32');
  return { weight, values: tf.neg(tf.mul(hot, logQ)), gradient: tf.sub(tf.exp(logQ), hot) };
}

function teacherPart(weight: number, temperature: number, logits: tf.Tensor2D, teacher: tf.Tensor2D): Part {
  const logQ = tf.logSoftmax(tf.mul(logits, 1 / temperature) as tf.Tensor2D);
  const logP = tf.logSoftmax(tf.mul(teacher, 1 / temperature) as tf.Tensor2D);
  const p = tf.exp(logP);
  return {
    weight: weight * temperature ** 2,
    values: tf.mul(p, tf.sub(logP, logQ)),
    gradient: tf.mul(tf.sub(tf.exp(logQ), p), 1 / temperature),
  };
}

/** TV = sum of max(0, q - p); d TV / d logits = q (g - sum(q g)) with g = 1 where q exceeds p. */
function overlapPart(weight: number, logits: tf.Tensor2D, teacher: tf.Tensor2D): Part {
  const q = tf.softmax(logits);
  const excess = tf.sub(q, tf.softmax(teacher));
  const taken = tf.mul(q, isPositive(excess));
  return {
    weight,
    values: tf.maximum(excess, 0),
    gradient: tf.sub(taken, tf.mul(q, tf.sum(taken, -1, true))),
  };
}

/**
 * The weighted loss of a student's `logits` (N, V) against the teacher's (N, V) and the text's next tokens (N), a mean
 * over tokens, with its gradient by `logits` written out; the teacher gets none.
 */
export function distillationLoss(
  spec: DistillationLoss,
  logits: tf.Tensor2D,
  teacherLogits: tf.Tensor2D,
  targets: tf.Tensor1D,
): tf.Scalar {
  const f = tf.customGrad((...args) => {
    const [z, save] = args as unknown as [tf.Tensor2D, (tensors: tf.Tensor[]) => void];
    const parts: Part[] = [];
    if (spec.crossEntropy > 0) parts.push(textPart(spec.crossEntropy, z, targets));
    if (spec.forwardKl > 0) parts.push(teacherPart(spec.forwardKl, spec.temperature, z, teacherLogits));
    if (spec.totalVariation > 0) parts.push(overlapPart(spec.totalVariation, z, teacherLogits));
    if (parts.length === 0) throw new RangeError('a distillation loss without any part');
    const n = z.shape[0];
    const weighted = (of: (part: Part) => tf.Tensor) =>
      parts.map((part) => tf.mul(of(part), part.weight / n)).reduce((a, b) => tf.add(a, b));
    save([weighted(({ gradient }) => gradient)]);
    return {
      value: tf.sum(weighted(({ values }) => values)),
      gradFunc: (dy: tf.Tensor, [gradient]: tf.Tensor[]) => tf.mul(gradient!, dy),
    };
  });
  return f(logits) as tf.Scalar;
}
