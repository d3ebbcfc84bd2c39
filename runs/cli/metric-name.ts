// Metrics as people type them: any part of a name will do that no other has.
import { didYouMean } from '../../space/did-you-mean.ts';
import type { MetricName } from '../../space/metrics.ts';
import { UsageError } from './terminal.ts';

/**
 * The metric that `name` stands for: exactly, or by a part that only one has of the first list in which any has it.
 * @throws {@link UsageError} that begins with `option`
 */
export function metricNamed(
  name: string,
  option: string,
  ...lists: readonly (readonly MetricName[])[]
): MetricName {
  const known = lists.at(-1)!;
  if (known.includes(name)) return name;
  const wanted = name.toLowerCase();
  for (const list of lists) {
    const matches = wanted === '' ? [] : list.filter((metric) => metric.toLowerCase().includes(wanted));
    if (matches.length === 1) return matches[0]!;
    if (matches.length > 1) throw new UsageError(`${option}: "${name}" fits ${matches.join(' and ')}`);
  }
  const hint = didYouMean(name, known) || `; known are ${known.join(', ')}`;
  throw new UsageError(`${option}: unknown metric "${name}"${hint}`);
}
