// How well a run foretold what storing weights does to the loss, over all that it had not measured when it foretold.
import { kendallTau } from '../../search/index.ts';
import type { LossForecastRecord } from '../store/records.ts';

export interface ForecastQuality {
  readonly nForetold: number;
  /** Mean absolute difference of foretold and measured change, bits per byte. */
  readonly meanError: number;
  /** Mean absolute measured change: the error of foretelling no change at all. */
  readonly meanChange: number;
  /** Kendall's tau-b of foretold and measured changes. */
  readonly rankCorrelation: number;
}

/** Undefined where nothing was foretold. */
export function forecastQuality(forecasts: readonly LossForecastRecord[]): ForecastQuality | undefined {
  const n = forecasts.length;
  if (n === 0) return undefined;
  const mean = (of: (forecast: LossForecastRecord) => number) =>
    forecasts.reduce((sum, forecast) => sum + Math.abs(of(forecast)) / n, 0);
  return {
    nForetold: n,
    meanError: mean(({ foretoldChange, measuredChange }) => foretoldChange - measuredChange),
    meanChange: mean(({ measuredChange }) => measuredChange),
    rankCorrelation: kendallTau(
      forecasts.map(({ foretoldChange }) => foretoldChange),
      forecasts.map(({ measuredChange }) => measuredChange),
    ),
  };
}

/** One sentence for people. */
export function describeForecasts({
  nForetold,
  meanError,
  meanChange,
  rankCorrelation,
}: ForecastQuality): string {
  return (
    `what storing weights does to the loss was foretold for ${nForetold} deployments before they were measured: ` +
    `mean error ${meanError.toFixed(4)} bits/byte where changes average ${meanChange.toFixed(4)}, ` +
    `rank correlation ${rankCorrelation.toFixed(2)}`
  );
}
