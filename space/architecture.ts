// The architecture of a decoder-only transformer and its exact arithmetic: parameters, multiply-accumulates.
// Nothing here depends on how the model is trained or served.

/** One block: attention (left out when `nHeads` is 0), then a SwiGLU feed-forward (left out when `dFf` is 0). */
export interface Layer {
  readonly nHeads: number;
  readonly nKvHeads: number;
  readonly dFf: number;
}

/** A decoder-only transformer: RMSNorm, rotary positions, grouped-query attention, SwiGLU. */
export interface Architecture {
  readonly dModel: number;
  readonly headDim: number;
  readonly vocabSize: number;
  readonly contextLength: number;
  readonly tieEmbeddings: boolean;
  readonly ropeTheta: number;
  readonly layers: readonly Layer[];
}

/** Parameters of one block, by part. A part that is left out has no norm either. */
export interface LayerParameters {
  readonly attention: number;
  readonly feedForward: number;
}

/**
 * Exact parameters of one block: q and o are `dModel x nHeads*headDim`, k and v `dModel x nKvHeads*headDim`,
 * the SwiGLU has three `dModel x dFf` matrices; each part that is present adds one RMSNorm gain of `dModel`.
 */
export function countLayerParameters(architecture: Architecture, layer: Layer): LayerParameters {
  const { dModel, headDim } = architecture;
  const attention = layer.nHeads === 0 ? 0 : 2 * dModel * headDim * (layer.nHeads + layer.nKvHeads) + dModel;
  const feedForward = layer.dFf === 0 ? 0 : 3 * dModel * layer.dFf + dModel;
  return { attention, feedForward };
}

/** Exact parameters of the whole model: blocks, embedding, output head (when untied) and final norm. */
export function countParameters(architecture: Architecture): number {
  const { dModel, vocabSize, tieEmbeddings } = architecture;
  let total = (tieEmbeddings ? 1 : 2) * vocabSize * dModel + dModel;
  for (const layer of architecture.layers) {
    const { attention, feedForward } = countLayerParameters(architecture, layer);
    total += attention + feedForward;
  }
  return total;
}

/**
 * Multiply-accumulates of one forward pass over `nTokens` new tokens, in weight products alone
 * (no attention scores, no norms, no embedding look-up): the convention of HW-GPT-Bench.
 */
export function countWeightMacs(architecture: Architecture, nTokens: number): number {
  const { dModel, headDim, vocabSize } = architecture;
  let perToken = vocabSize * dModel;
  for (const { nHeads, nKvHeads, dFf } of architecture.layers) {
    perToken += 2 * dModel * headDim * (nHeads + nKvHeads) + 3 * dModel * dFf;
  }
  return perToken * nTokens;
}

/**
 * Multiply-accumulates of the attention scores and their weighted sums for `nTokens` new tokens that follow
 * `pastTokens` cached ones, causal: token i sees `pastTokens + i + 1` positions.
 */
export function countAttentionMacs(architecture: Architecture, nTokens: number, pastTokens: number): number {
  const positions = nTokens * pastTokens + (nTokens * (nTokens + 1)) / 2;
  let total = 0;
  for (const { nHeads } of architecture.layers) total += 2 * nHeads * architecture.headDim * positions;
  return total;
}
