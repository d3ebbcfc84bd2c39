// The members of a front that a reader looks for first: the best in each objective, and the knee.
import { type MetricName, type MetricTable, type MetricValues, metricOf } from '../../space/metrics.ts';
import { toMinimised } from '../plan/problem.ts';

/** One member per objective that is best in it, and the knee where the front has one; positions in the list. */
export interface Marks {
  readonly best: readonly { readonly metric: MetricName; readonly at: number }[];
  readonly knee: number | undefined;
}

/**
 * Every member's way from the best (0) to the worst (1) value of the front, objective by objective; 0 where all
 * members are equal. @throws RangeError where a value is missing.
 */
export function normalised(
  objectives: readonly MetricName[],
  members: readonly MetricValues[],
  metrics: MetricTable,
): readonly (readonly number[])[] {
  const columns = objectives.map((metric) => {
    const values = members.map((member) => {
      const value = member[metric];
      if (value === undefined) throw new RangeError(`${metric} of a front member is not known`);
      return toMinimised(metrics, metric, value);
    });
    const low = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    const high = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    return values.map((value) => (high === low ? 0 : (value - low) / (high - low)));
  });
  return members.map((_, at) => columns.map((column) => column[at]!));
}

/**
 * The marks of a front. The knee is the member that lies deepest below the plane in which the normalised objectives
 * sum to a constant (Das 1999, "On characterizing the knee of the Pareto curve", in normalised coordinates); a front
 * whose deepest member is one of its ends has none. Ties go to the earlier member.
 */
export function marksOf(
  objectives: readonly MetricName[],
  members: readonly MetricValues[],
  metrics: MetricTable,
): Marks {
  if (members.length === 0) return { best: [], knee: undefined };
  const points = normalised(objectives, members, metrics);
  const sums = points.map((point) => point.reduce((sum, each) => sum + each, 0));
  const best = objectives.map((metric, k) => {
    let at = 0;
    for (const [other, point] of points.entries()) {
      const isBetter =
        point[k]! < points[at]![k]! || (point[k] === points[at]![k] && sums[other]! < sums[at]!);
      if (isBetter) at = other;
    }
    return { metric, at };
  });
  const ends = new Set(best.map(({ at }) => at));
  let deepest = 0;
  for (const [at, sum] of sums.entries()) if (sum < sums[deepest]!) deepest = at;
  return { best, knee: objectives.length < 2 || ends.has(deepest) ? undefined : deepest };
}

/** What each member is marked for, for people: `knee`, `best loss, best memory`, or nothing. */
export function markLabels({ best, knee }: Marks, nMembers: number, metrics: MetricTable): string[] {
  return Array.from({ length: nMembers }, (_, at) => {
    const labels = best.filter((mark) => mark.at === at).map(({ metric }) => bestLabel(metric, metrics));
    return (knee === at ? ['knee', ...labels] : labels).join(', ');
  });
}

function bestLabel(metric: MetricName, metrics: MetricTable): string {
  return `${metricOf(metrics, metric).better === 'higher' ? 'highest' : 'lowest'} ${metric}`;
}
