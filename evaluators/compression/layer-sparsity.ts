// How a mean sparsity is shared out over layers: evenly, or less for layers with more outliers (OWL, Yin et al. 2024).

export interface OwlOptions {
  /** A score counts as an outlier above `threshold` times its layer's mean. 5 as published. */
  readonly threshold?: number;
  /** Most that a layer's sparsity may differ from the mean. 0.08 as published. */
  readonly spread?: number;
}

/** Share of a layer's Wanda scores that are outliers (eq. 1). */
export function outlierShare(scores: readonly Float32Array[], threshold = 5): number {
  let sum = 0;
  let count = 0;
  for (const part of scores) {
    for (let i = 0; i < part.length; i++) sum += part[i]!;
    count += part.length;
  }
  const limit = (threshold * sum) / count;
  let nOutliers = 0;
  for (const part of scores) for (let i = 0; i < part.length; i++) if (part[i]! > limit) nOutliers++;
  return count === 0 ? 0 : nOutliers / count;
}

/**
 * Sparsities whose mean over all weights is `sparsity`, lower where there are more outliers: shares are stretched to a
 * width of twice `spread`, then moved to the mean and, where one would leave [0, 1], drawn in.
 */
export function outlierAwareSparsities(
  outlierShares: readonly number[],
  weightCounts: readonly number[],
  sparsity: number,
  spread = 0.08,
): readonly number[] {
  const low = Math.min(...outlierShares);
  const high = Math.max(...outlierShares);
  if (high === low) return outlierShares.map(() => sparsity);
  const stretched = outlierShares.map((share) => (share - low) / (high - low));
  const total = weightCounts.reduce((a, b) => a + b, 0);
  const mean = stretched.reduce((sum, share, i) => sum + (share * weightCounts[i]!) / total, 0);
  // Widest stretch that keeps every layer within [0, 1].
  const room = Math.min(2 * spread, (1 - sparsity) / mean, sparsity / (1 - mean));
  return stretched.map((share) => sparsity - room * (share - mean));
}
