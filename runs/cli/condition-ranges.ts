// What a condition that nothing meets could have asked for.
import type { MetricTable } from '../../space/metrics.ts';
import { rangesNamed } from '../candidates/front-query.ts';
import { formatMetric } from '../format.ts';
import type { RunReader } from '../store/queries.ts';

/** `: on the front memory goes from 235 MiB to 585 MiB`, for every metric that the condition names; empty for none. */
export function rangesText(reader: RunReader, id: string, metrics: MetricTable, where: string): string {
  const ranges = rangesNamed(reader, id, where).map(
    ({ metric, low, high }) =>
      `${metric} goes from ${formatMetric(metrics, metric, low)} to ${formatMetric(metrics, metric, high)}`,
  );
  return ranges.length === 0 ? '' : `: on the front ${ranges.join(', ')}`;
}
