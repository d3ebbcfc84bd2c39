// An architecture with the details that other model families add: two-matrix feed-forwards, biases, LayerNorm,
// learned positions. Parameters stay exact; operations that the details do not change are priced alike.
import type { Architecture, Layer } from '../space/architecture.ts';

/** What differs from the house architecture (RMSNorm, SwiGLU, rotary positions, no biases). */
export interface ModelDetails {
  /** 3: gate, up and down (SwiGLU); 2: up and down (GELU, ReLU). */
  readonly feedForwardMatrices: 2 | 3;
  readonly qkvBias: boolean;
  readonly attentionOutputBias: boolean;
  readonly feedForwardBias: boolean;
  readonly headBias: boolean;
  /** Parameters of one norm, in widths: 1 RMSNorm gain, 2 LayerNorm gain and bias. */
  readonly normWidths: 1 | 2;
  /** Norms a full block: 2, or 1 where attention and feed-forward share one. */
  readonly normsPerLayer: 1 | 2;
  readonly finalNorm: boolean;
  /** Norms of `headDim` on queries and keys. */
  readonly qkNorm: boolean;
  /** Rows of a learned position table; 0 = none. */
  readonly positionRows: number;
  /** Width of the token embedding where it differs from dModel and is projected in and out; 0 = dModel. */
  readonly embeddingWidth: number;
}

/** An architecture as the cost model prices it. A plain {@link Architecture} is one. */
export interface ModelShape extends Architecture {
  readonly details?: ModelDetails;
}

export const HOUSE_DETAILS: ModelDetails = {
  feedForwardMatrices: 3,
  qkvBias: false,
  attentionOutputBias: false,
  feedForwardBias: false,
  headBias: false,
  normWidths: 1,
  normsPerLayer: 2,
  finalNorm: true,
  qkNorm: false,
  positionRows: 0,
  embeddingWidth: 0,
};

/** Weights of matrix products of one block, and its other parameters (norm gains, biases). */
export interface LayerCounts {
  readonly attentionWeights: number;
  readonly feedForwardWeights: number;
  readonly attentionVectors: number;
  readonly feedForwardVectors: number;
}

/** Exact parameter counts of one block. */
export function layerCounts(shape: Omit<ModelShape, 'layers'>, layer: Layer): LayerCounts {
  const details = shape.details ?? HOUSE_DETAILS;
  const { dModel, headDim } = shape;
  const { nHeads, nKvHeads, dFf } = layer;
  const norm = details.normWidths * dModel;
  const hasAttention = nHeads > 0;
  const hasFeedForward = dFf > 0;
  const sharedNorm = details.normsPerLayer === 1 && hasAttention;
  return {
    attentionWeights: hasAttention ? 2 * dModel * headDim * (nHeads + nKvHeads) : 0,
    feedForwardWeights: details.feedForwardMatrices * dModel * dFf,
    attentionVectors: hasAttention
      ? norm +
        (details.qkvBias ? headDim * (nHeads + 2 * nKvHeads) : 0) +
        (details.attentionOutputBias ? dModel : 0) +
        (details.qkNorm ? 2 * headDim : 0)
      : 0,
    feedForwardVectors: hasFeedForward
      ? (sharedNorm ? 0 : norm) +
        (details.feedForwardBias ? (details.feedForwardMatrices - 1) * dFf + dModel : 0)
      : 0,
  };
}

/** Reduction width of the output head. */
export function headWidth({ dModel, details }: Omit<ModelShape, 'layers'>): number {
  return details?.embeddingWidth || dModel;
}

/** Parameters outside the blocks: matrices stored in the head format, and vectors. */
export interface OuterCounts {
  readonly embeddingWeights: number;
  /** The output head as it is multiplied; 0 extra storage when tied. */
  readonly headWeights: number;
  readonly projectionWeights: number;
  readonly positionWeights: number;
  readonly vectors: number;
}

/** Exact parameter counts outside the blocks. `headWeights` counts as parameters only when untied. */
export function outerCounts(shape: Omit<ModelShape, 'layers'>): OuterCounts {
  const details = shape.details ?? HOUSE_DETAILS;
  const width = headWidth(shape);
  return {
    embeddingWeights: shape.vocabSize * width,
    headWeights: shape.vocabSize * width,
    projectionWeights: details.embeddingWidth ? 2 * details.embeddingWidth * shape.dModel : 0,
    positionWeights: details.positionRows * shape.dModel,
    vectors:
      (details.finalNorm ? details.normWidths * shape.dModel : 0) + (details.headBias ? shape.vocabSize : 0),
  };
}

/** Exact parameters of a whole model, details included. */
export function countModelParameters(shape: ModelShape): number {
  const outer = outerCounts(shape);
  let total =
    outer.embeddingWeights +
    (shape.tieEmbeddings ? 0 : outer.headWeights) +
    outer.projectionWeights +
    outer.positionWeights +
    outer.vectors;
  for (const layer of shape.layers) {
    const counts = layerCounts(shape, layer);
    total +=
      counts.attentionWeights +
      counts.feedForwardWeights +
      counts.attentionVectors +
      counts.feedForwardVectors;
  }
  return total;
}

/** Multiply-accumulates in weight products for one token through the whole model, output head included. */
export function weightMacsPerToken(shape: ModelShape): number {
  const outer = outerCounts(shape);
  let total = outer.headWeights + outer.projectionWeights;
  for (const layer of shape.layers) {
    const counts = layerCounts(shape, layer);
    total += counts.attentionWeights + counts.feedForwardWeights;
  }
  return total;
}
