// The models that the training benchmark trains, and the floating-point work of one step.
import type { Architecture, Layer } from '../../space/architecture.ts';

export interface Shape {
  readonly name: string;
  readonly architecture: Architecture;
  readonly batch: number;
}

/** SwiGLU as wide as this times the model, where a shape does not mix widths. */
const FEED_FORWARD = 2.75;

/** `kvHeads` names the kv heads of each layer's four heads, `feedForward` each layer's width over the model's. */
function shapeOf(
  width: number,
  kvHeads: readonly number[],
  batch: number,
  contextLength: number,
  feedForward: readonly number[] = [FEED_FORWARD],
): Shape {
  const layers = kvHeads.map(
    (nKvHeads, i): Layer => ({
      nHeads: 4,
      nKvHeads,
      dFf: Math.round(feedForward[i % feedForward.length]! * width),
    }),
  );
  const architecture = {
    dModel: width,
    headDim: width / 4,
    vocabSize: 256,
    contextLength,
    tieEmbeddings: true,
    ropeTheta: 10_000,
    layers,
  };
  return {
    name: `width ${width}, ${layers.length} layers, ${batch} x ${contextLength}`,
    architecture,
    batch,
  };
}

const MIXED = [4, 2, 1, 2];
const MIXED_WIDTHS = [4, 2, 0, 3];
const repeat = (times: number): number[] =>
  Array.from({ length: times * MIXED.length }, (_, i) => MIXED[i % 4]!);

/** The first is the project's yardstick: 0.78 M parameters, batch 8 x 128. */
export const SHAPES: readonly Shape[] = [
  shapeOf(128, MIXED, 8, 128),
  shapeOf(256, MIXED, 8, 128),
  shapeOf(512, MIXED, 4, 128),
  shapeOf(64, [2, 1], 8, 64),
  shapeOf(96, [...MIXED, 1, 4], 8, 128, MIXED_WIDTHS),
  shapeOf(128, repeat(3), 8, 128, MIXED_WIDTHS),
  shapeOf(128, MIXED, 2, 512),
];

/**
 * Floating-point operations of the matrix products of one training step, each multiply-add counted as two:
 * a weight takes part in one product forward and two backward, so do scores and their weighted sums. Attention is
 * counted whole, the half above the diagonal included. Norms, activations and the optimiser are not counted.
 */
export function productOperations({ architecture, batch }: Shape): number {
  const { dModel, headDim, vocabSize, contextLength, layers } = architecture;
  const nTokens = batch * contextLength;
  let forward = 2 * nTokens * vocabSize * dModel;
  for (const { nHeads, nKvHeads, dFf } of layers) {
    forward += 2 * nTokens * (2 * dModel * headDim * (nHeads + nKvHeads) + 3 * dModel * dFf);
    forward += 2 * (2 * nTokens * contextLength * nHeads * headDim);
  }
  return 3 * forward;
}
