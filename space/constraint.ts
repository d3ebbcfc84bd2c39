// Constraints of a run: one comparison each, with the relative amount by which a candidate breaks it.
import type { Bound, Operator } from './expression.ts';
import { boundValue, compare, ExpressionError, parseExpression } from './expression.ts';
import type { MetricName, MetricTable, MetricValues } from './metrics.ts';
import { METRICS } from './metrics.ts';

export interface Constraint {
  /** What the user wrote, blanks normalised. */
  readonly text: string;
  readonly metric: MetricName;
  readonly operator: Exclude<Operator, '==' | '!='>;
  /** A relative bound's reference is always `baseline`. */
  readonly bound: Bound;
}

/**
 * Parses `METRIC OPERATOR LIMIT`, for example `memory <= 16 GiB` or `loss <= 1.02 * baseline`.
 * @throws {ExpressionError}
 */
export function parseConstraint(text: string, metrics: MetricTable = METRICS): Constraint {
  const expression = parseExpression(text, { names: metrics, references: ['baseline'] });
  if (expression.kind !== 'comparison') {
    throw new ExpressionError(
      `one comparison a constraint: write "${expression.kind}" parts as separate lines`,
      0,
    );
  }
  const { name, operator, bound } = expression;
  if (operator === '==' || operator === '!=') {
    throw new ExpressionError(`a constraint needs one of <= < >= >, not ${operator}`, text.search(/[=!]/));
  }
  return { text: text.trim().replace(/\s+/g, ' '), metric: name, operator, bound };
}

/** The number that a constraint compares with; `undefined` for a relative one whose baseline value is not known yet. */
export function constraintLimit(
  constraint: Constraint,
  baseline: MetricValues | undefined,
): number | undefined {
  return boundValue(constraint.bound, () => baseline?.[constraint.metric]);
}

/**
 * How far `value` is beyond `limit`, as a share of the limit: 0 = met, 0.1 = 10 % over (or under, for >= and >).
 * A strict comparison that is missed by nothing counts as the smallest positive amount.
 */
export function constraintViolation(constraint: Constraint, value: number, limit: number): number {
  if (compare(value, constraint.operator, limit)) return 0;
  const share = Math.abs(value - limit) / (Math.abs(limit) || 1);
  return Math.max(share, Number.EPSILON);
}
