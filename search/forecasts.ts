// What a model foretold against what came.
import type { SurrogateReport } from './port.ts';
import type { Prediction } from './surrogate.ts';

/** A forecast made before the result was known, and the result. */
export interface Comparison {
  readonly forecast: Prediction;
  readonly value: number;
}

/** Kendall's tau-b of two equally long lists; 0 where either never varies. */
export function kendallTau(a: readonly number[], b: readonly number[]): number {
  let [sum, pairsA, pairsB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < i; j++) {
      const signA = Math.sign(a[i]! - a[j]!);
      const signB = Math.sign(b[i]! - b[j]!);
      sum += signA * signB;
      pairsA += Math.abs(signA);
      pairsB += Math.abs(signB);
    }
  }
  return pairsA === 0 || pairsB === 0 ? 0 : sum / Math.sqrt(pairsA * pairsB);
}

/** Comparisons of one report: enough for a rank correlation, few enough to follow the model. */
const WINDOW = 20;

export function reportOf(
  comparisons: readonly Comparison[],
  counts: Pick<SurrogateReport, 'nCandidates' | 'nObservations'>,
): SurrogateReport {
  const latest = comparisons.slice(-WINDOW);
  const n = latest.length;
  const squares = latest.reduce((sum, { forecast, value }) => sum + (forecast.mean - value) ** 2, 0);
  const within = latest.filter(
    ({ forecast, value }) => Math.abs(forecast.mean - value) <= 2 * forecast.deviation,
  );
  return {
    ...counts,
    nCompared: n,
    rootMeanSquareError: n === 0 ? 0 : Math.sqrt(squares / n),
    kendallTau: kendallTau(
      latest.map(({ forecast }) => forecast.mean),
      latest.map(({ value }) => value),
    ),
    coverage: n === 0 ? 0 : within.length / n,
  };
}
