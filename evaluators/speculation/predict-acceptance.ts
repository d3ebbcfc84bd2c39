// What an unmeasured pair's acceptance will be, from both models' losses and sizes: a ridge regression of its logit,
// fitted to measured pairs. Good for choosing which pairs to measure, never a substitute for measuring.

/** What is known of a pair without running it. */
export interface PairFacts {
  /** Validation losses, in bits per byte of the same text. */
  readonly targetBitsPerByte: number;
  readonly draftBitsPerByte: number;
  readonly targetParameters: number;
  readonly draftParameters: number;
}

export interface MeasuredPair extends PairFacts {
  readonly acceptance: number;
  /** Pairs of one group are left out together when the error is estimated: those that share a draft, say. */
  readonly group: string;
}

export interface AcceptanceModel {
  /** Between 0 and 1. */
  predict(pair: PairFacts): number;
  /** Mean absolute error on groups that the fit had not seen; infinite with fewer than two groups. */
  readonly expectedError: number;
}

/** Weight of a standardised coefficient's square against a pair's squared error. */
const RIDGE = 0.1;
/** Acceptances are kept away from 0 and 1, where the logit is infinite. */
const MARGIN = 1e-3;

const logit = (p: number): number => {
  const inside = Math.min(1 - MARGIN, Math.max(MARGIN, p));
  return Math.log(inside / (1 - inside));
};

/**
 * The loss gap (its square root too: total variation grows as the root of a divergence, by Pinsker's inequality),
 * the ratio of sizes and the target's own loss (on uncertain text distributions overlap differently).
 */
function features(pair: PairFacts): number[] {
  const gap = pair.draftBitsPerByte - pair.targetBitsPerByte;
  return [
    gap,
    Math.sqrt(Math.max(0, gap)),
    Math.log(pair.draftParameters / pair.targetParameters),
    pair.targetBitsPerByte,
  ];
}

/** Solves a symmetric positive definite system by elimination. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]!]);
  for (const [i, pivot] of rows.entries()) {
    for (const lower of rows.slice(i + 1)) {
      const factor = lower[i]! / pivot[i]!;
      for (let j = i; j < lower.length; j++) lower[j]! -= factor * pivot[j]!;
    }
  }
  const x = rows.map(() => 0);
  for (let i = rows.length - 1; i >= 0; i--) {
    let rest = rows[i]!.at(-1)!;
    for (let j = i + 1; j < rows.length; j++) rest -= rows[i]![j]! * x[j]!;
    x[i] = rest / rows[i]![i]!;
  }
  return x;
}

function regress(pairs: readonly MeasuredPair[]): (pair: PairFacts) => number {
  const table = pairs.map(features);
  const nFeatures = table[0]!.length;
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const columns = Array.from({ length: nFeatures }, (_, j) => table.map((row) => row[j]!));
  const centres = columns.map(mean);
  const spreads = columns.map((column, j) => Math.sqrt(mean(column.map((x) => (x - centres[j]!) ** 2))) || 1);
  const standard = (row: readonly number[]) => row.map((x, j) => (x - centres[j]!) / spreads[j]!);
  const x = table.map(standard);
  const y = pairs.map(({ acceptance }) => logit(acceptance));
  const level = mean(y);
  const gram = centres.map((_, i) =>
    centres.map((_, j) => x.reduce((sum, row) => sum + row[i]! * row[j]!, i === j ? RIDGE : 0)),
  );
  const moments = centres.map((_, i) => x.reduce((sum, row, k) => sum + row[i]! * (y[k]! - level), 0));
  const coefficients = solve(gram, moments);
  return (pair) => {
    const z = standard(features(pair)).reduce((sum, value, j) => sum + value * coefficients[j]!, level);
    return 1 / (1 + Math.exp(-z));
  };
}

/** Fits measured pairs and tells by leaving out one group after the other how far to trust it. @throws RangeError without pairs. */
export function fitAcceptance(pairs: readonly MeasuredPair[]): AcceptanceModel {
  if (pairs.length === 0) throw new RangeError('acceptance cannot be predicted from no measured pair');
  const groups = [...new Set(pairs.map(({ group }) => group))];
  let total = 0;
  for (const group of groups) {
    const seen = pairs.filter((pair) => pair.group !== group);
    if (seen.length === 0) break;
    const predict = regress(seen);
    for (const pair of pairs.filter((each) => each.group === group))
      total += Math.abs(predict(pair) - pair.acceptance);
  }
  const expectedError = groups.length < 2 ? Number.POSITIVE_INFINITY : total / pairs.length;
  return { predict: regress(pairs), expectedError };
}
