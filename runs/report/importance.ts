// How much of a metric's spread one parameter explains by itself, from what the run has stored. A one-way analysis of
// variance per parameter: values in groups, epsilon squared (Kelley 1935), which is free of the bias that many groups
// give eta squared. A permutation test says what chance alone would reach.
import { deriveRng } from '../../space/random.ts';

export interface Importance {
  readonly parameter: string;
  /** Share of the variance, 0..1; never below 0. */
  readonly share: number;
  /** What the best of 19 in 20 random assignments of the same groups reaches. */
  readonly chance: number;
  readonly nGroups: number;
}

/** Fewer results than this say nothing. */
export const FEWEST_RESULTS = 12;
const MOST_GROUPS = 6;
const N_PERMUTATIONS = 99;

/** Results beyond this number tell nothing more: take them evenly. */
export const MOST_RESULTS = 2000;

/**
 * Importance of each parameter for `values`, the largest first; parameters that do not vary are left out. Empty below {@link FEWEST_RESULTS} results or where the values do not vary.
 */
export function importanceOf(
  parameters: Readonly<Record<string, readonly (number | string)[]>>,
  values: readonly number[],
): Importance[] {
  if (values.length < FEWEST_RESULTS || values.every((value) => value === values[0])) return [];
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const sample = Float64Array.from(values, (value) => value - mean);
  const spread = sample.reduce((sum, value) => sum + value ** 2, 0);
  const found = Object.entries(parameters).flatMap(([parameter, column]) => {
    const { groups, nGroups } = groupsOf(column);
    if (nGroups < 2 || nGroups >= sample.length) return [];
    const share = epsilonSquared(groups, nGroups, sample, spread);
    return [{ parameter, share, chance: chanceLevel(parameter, groups, nGroups, sample, spread), nGroups }];
  });
  return found.sort((a, b) => b.share - a.share || (a.parameter < b.parameter ? -1 : 1));
}

/** The group of each result: its value, or its quantile where there are more than a few values. */
function groupsOf(column: readonly (number | string)[]): {
  groups: Int32Array;
  nGroups: number;
} {
  const distinct = [...new Set(column)];
  const isNumeric = distinct.every((value) => typeof value === 'number');
  if (!isNumeric || distinct.length <= MOST_GROUPS) {
    const groups = Int32Array.from(column, (value) => distinct.indexOf(value));
    return { groups, nGroups: distinct.length };
  }
  const sorted = (column as readonly number[]).toSorted((a, b) => a - b);
  const cuts = Array.from(
    { length: MOST_GROUPS - 1 },
    (_, k) => sorted[Math.floor(((k + 1) * sorted.length) / MOST_GROUPS)]!,
  );
  const edges = [...new Set(cuts)];
  const raw = (column as readonly number[]).map((value) => edges.filter((edge) => value >= edge).length);
  const used = [...new Set(raw)];
  return { groups: Int32Array.from(raw, (group) => used.indexOf(group)), nGroups: used.length };
}

/** (SS between - (k - 1) MS within) / SS total, cut off at 0; `spread` is SS total and `values` have mean 0. */
function epsilonSquared(groups: Int32Array, nGroups: number, values: Float64Array, spread: number): number {
  const sums = new Float64Array(nGroups);
  const counts = new Float64Array(nGroups);
  for (let at = 0; at < values.length; at++) {
    sums[groups[at]!]! += values[at]!;
    counts[groups[at]!]! += 1;
  }
  let between = 0;
  for (let group = 0; group < nGroups; group++) {
    if (counts[group]! > 0) between += sums[group]! ** 2 / counts[group]!;
  }
  const within = Math.max(0, spread - between);
  return Math.max(0, (between - ((nGroups - 1) * within) / (values.length - nGroups)) / spread);
}

function chanceLevel(
  parameter: string,
  groups: Int32Array,
  nGroups: number,
  values: Float64Array,
  spread: number,
): number {
  const rng = deriveRng(0, nGroups, `importance ${parameter}`);
  const shuffled = groups.slice();
  const shares = Array.from({ length: N_PERMUTATIONS }, () => {
    for (let at = shuffled.length - 1; at > 0; at--) {
      const other = rng.below(at + 1);
      const group = shuffled[at]!;
      shuffled[at] = shuffled[other]!;
      shuffled[other] = group;
    }
    return epsilonSquared(shuffled, nGroups, values, spread);
  });
  return shares.sort((a, b) => a - b)[Math.ceil(0.95 * N_PERMUTATIONS) - 1]!;
}
