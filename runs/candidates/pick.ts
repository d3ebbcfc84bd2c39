// Picking one member of a front by weights, with the reasons: what it costs, who comes second, how firm the choice is.
import type { MetricName, MetricTable, MetricValues } from '../../space/metrics.ts';
import { normalised } from './marks.ts';

export interface Weight {
  readonly metric: MetricName;
  /** Above 0; only the ratios of the weights matter. */
  readonly weight: number;
}

export interface Pick {
  /** Position of the choice in the list of members. */
  readonly at: number;
  /** All members, best first, with their scores; lower is better. */
  readonly ranking: readonly { readonly at: number; readonly score: number }[];
  /** Way of the choice from the front's best (0) to its worst (1) value, per weighted objective. */
  readonly shares: readonly { readonly metric: MetricName; readonly share: number }[];
  /** Per weight: the factors between which it may be multiplied, the others kept, without another choice. */
  readonly firmness: readonly { readonly metric: MetricName; readonly from: number; readonly to: number }[];
}

/** Part of the plain weighted sum in the score: a slightly larger worst regret may buy much elsewhere. */
const AUGMENTATION = 0.25;
/** Factors on a weight that are tried, each way; beyond the last a choice counts as firm. */
const FACTORS = Array.from({ length: 48 }, (_, step) => 2 ** ((step + 1) / 8));

/**
 * The member whose largest weighted regret, with a quarter of all, is least: augmented weighted Chebyshev distance from the front's ideal
 * (Steuer and Choo 1983), which, unlike a weighted sum, also finds balanced members where the front bulges.
 * @throws RangeError without members, or where a weight is not above 0.
 */
export function pickMember(
  weights: readonly Weight[],
  members: readonly MetricValues[],
  metrics: MetricTable,
): Pick {
  if (members.length === 0) throw new RangeError('the front has no members');
  for (const { metric, weight } of weights) {
    if (!(weight > 0 && Number.isFinite(weight)))
      throw new RangeError(`the weight of ${metric} must be above 0`);
  }
  const points = normalised(
    weights.map(({ metric }) => metric),
    members,
    metrics,
  );
  const factors = weights.map(({ weight }) => weight);
  const ranking = rank(points, factors);
  const { at } = ranking[0]!;
  const isKept = (k: number, factor: number) =>
    bestAt(
      points,
      factors.map((weight, other) => (other === k ? weight * factor : weight)),
    ) === at;
  return {
    at,
    ranking,
    shares: weights.map(({ metric }, k) => ({ metric, share: points[at]![k]! })),
    firmness: weights.map(({ metric }, k) => ({
      metric,
      from: 1 / lastKept((factor) => isKept(k, 1 / factor)),
      to: lastKept((factor) => isKept(k, factor)),
    })),
  };
}

/** Augmented Chebyshev score of one member. */
function scoreOf(point: readonly number[], weights: readonly number[]): number {
  let worst = 0;
  let sum = 0;
  for (const [k, share] of point.entries()) {
    const regret = weights[k]! * share;
    worst = Math.max(worst, regret);
    sum += regret;
  }
  return worst + AUGMENTATION * sum;
}

function rank(points: readonly (readonly number[])[], weights: readonly number[]): Pick['ranking'] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const scored = points.map((point, at) => ({ at, score: scoreOf(point, weights) / total }));
  return scored.sort((a, b) => a.score - b.score || a.at - b.at);
}

function bestAt(points: readonly (readonly number[])[], weights: readonly number[]): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (const [at, point] of points.entries()) {
    const score = scoreOf(point, weights);
    if (score < least) [best, least] = [at, score];
  }
  return best;
}

/** The largest factor tried up to which the choice stays; Infinity where it never changes. */
function lastKept(isKept: (factor: number) => boolean): number {
  let last = 1;
  for (const factor of FACTORS) {
    if (!isKept(factor)) return last;
    last = factor;
  }
  return Number.POSITIVE_INFINITY;
}
