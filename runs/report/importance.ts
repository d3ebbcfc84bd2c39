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

/** The columns of what varies, their values in groups. */
interface Grouping {
  readonly parameter: string;
  readonly groups: Int32Array;
  readonly nGroups: number;
  /** The same groups at random, as often as chance is asked. */
  readonly shuffled: readonly Int32Array[];
}

/** Values around their mean. */
interface Sample {
  readonly values: Float64Array;
  /** Sum of squares. */
  readonly spread: number;
}

/**
 * Importance of each parameter for each of several metrics, the largest first; parameters that do not vary are left out.
 * Empty below {@link FEWEST_RESULTS} results or where a metric does not vary. All metrics are held against the same
 * random assignments, so that many metrics cost little more than one.
 */
export function importanceOf<M extends string>(
  parameters: Readonly<Record<string, readonly (number | string)[]>>,
  metrics: Readonly<Record<M, readonly number[]>>,
): Record<M, Importance[]> {
  const groupings = Object.entries(parameters).flatMap(([parameter, column]): Grouping[] => {
    const { groups, nGroups } = groupsOf(column);
    if (column.length < FEWEST_RESULTS || nGroups < 2 || nGroups >= column.length) return [];
    return [{ parameter, groups, nGroups, shuffled: shufflesOf(parameter, groups, nGroups) }];
  });
  const entries = Object.entries<readonly number[]>(metrics).map(([metric, values]) => [
    metric,
    values.length < FEWEST_RESULTS || values.every((value) => value === values[0])
      ? []
      : rank(groupings, sampleOf(values)),
  ]);
  return Object.fromEntries(entries) as Record<M, Importance[]>;
}

function sampleOf(values: readonly number[]): Sample {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const centred = Float64Array.from(values, (value) => value - mean);
  return { values: centred, spread: centred.reduce((sum, value) => sum + value ** 2, 0) };
}

function rank(groupings: readonly Grouping[], sample: Sample): Importance[] {
  const found = groupings.map(({ parameter, groups, nGroups, shuffled }) => {
    const chances = shuffled.map((each) => epsilonSquared(each, nGroups, sample));
    const chance = chances.sort((a, b) => a - b)[Math.ceil(0.95 * N_PERMUTATIONS) - 1]!;
    return { parameter, share: epsilonSquared(groups, nGroups, sample), chance, nGroups };
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

/** (SS between - (k - 1) MS within) / SS total, cut off at 0. */
function epsilonSquared(groups: Int32Array, nGroups: number, { values, spread }: Sample): number {
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

function shufflesOf(parameter: string, groups: Int32Array, nGroups: number): Int32Array[] {
  const rng = deriveRng(0, nGroups, `importance ${parameter}`);
  const current = groups.slice();
  return Array.from({ length: N_PERMUTATIONS }, () => {
    for (let at = current.length - 1; at > 0; at--) {
      const other = rng.below(at + 1);
      const group = current[at]!;
      current[at] = current[other]!;
      current[other] = group;
    }
    return current.slice();
  });
}
