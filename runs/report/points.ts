// Every candidate of a run as one point, in columns: what the scatter draws. A candidate stands where its highest
// rung put it. Very large runs are thinned, the front never.
import type { MetricName } from '../../space/metrics.ts';
import { describeArchitecture, describeDeployed } from '../describe.ts';
import { plural } from '../format.ts';
import type { EvaluationOutline, EvaluationResult } from '../store/queries.ts';
import type { CandidateRecord } from '../store/records.ts';
import { GENE_NAMES, type GeneName, genesOf } from './genes.ts';

/** Where a candidate stands: on the front, dominated, judged at a lower rung alone, or outside the constraints. */
const STANDINGS = ['front', 'dominated', 'lower', 'outside'] as const;

/** Columns of equal length; numbers to six significant digits. */
export interface PointTable {
  /** Candidates with a result, and how many of them these columns hold. */
  readonly nEvaluated: number;
  readonly candidate: readonly number[];
  readonly rung: readonly number[];
  /** 0 on the front, 1 dominated, 2 judged at a lower rung alone, 3 outside the constraints. */
  readonly standing: readonly number[];
  readonly values: Partial<Readonly<Record<MetricName, readonly (number | null)[]>>>;
  /** Parameters that vary in the run. */
  readonly genes: Partial<Readonly<Record<GeneName, readonly (number | string)[]>>>;
  /** The genome in a few words. */
  readonly shape: readonly string[];
}

export interface Standing {
  readonly candidate: CandidateRecord;
  readonly evaluation: EvaluationResult;
}

/** Points beyond this number are thinned evenly. */
export const MOST_POINTS = 20_000;

/** Each candidate's evaluation at the highest rung where one went well, by candidate number. */
export function highestOf<E extends Pick<EvaluationOutline, 'candidate' | 'rung' | 'state'>>(
  evaluations: readonly E[],
): E[] {
  const highest = new Map<number, E>();
  for (const evaluation of evaluations) {
    if (evaluation.state !== 'ok') continue;
    const known = highest.get(evaluation.candidate);
    if (known === undefined || known.rung < evaluation.rung) highest.set(evaluation.candidate, evaluation);
  }
  return [...highest.values()].sort((a, b) => a.candidate - b.candidate);
}

/** Those that are drawn: the members of the front, then at most {@link MOST_POINTS} of the others. */
export function shownOf<E extends Pick<EvaluationOutline, 'candidate'>>(
  highest: readonly E[],
  front: ReadonlySet<number>,
): E[] {
  const isMember = ({ candidate }: E) => front.has(candidate);
  const others = highest.filter((each) => !isMember(each));
  return [...highest.filter(isMember), ...thinned(others, MOST_POINTS)];
}

/**
 * The columns of what is `shown`, of `nEvaluated` candidates with a result, for those of `metrics` that are known;
 * `front` holds the candidates of the run's front, `frontRung` the rung they were compared at.
 */
export function pointTable(
  shown: readonly Standing[],
  nEvaluated: number,
  front: ReadonlySet<number>,
  frontRung: number,
  metrics: readonly MetricName[],
): PointTable {
  const known = metrics.filter((metric) =>
    shown.some(({ evaluation }) => evaluation.values[metric] !== undefined),
  );
  const values = known.map((metric) => [
    metric,
    shown.map(({ evaluation }) => rounded(evaluation.values[metric])),
  ]);
  return {
    nEvaluated,
    candidate: shown.map(({ candidate }) => candidate.number),
    rung: shown.map(({ evaluation }) => evaluation.rung),
    standing: shown.map((each) => STANDINGS.indexOf(standingOf(each, front, frontRung))),
    values: Object.fromEntries(values) as PointTable['values'],
    genes: varyingGenes(shown.map(({ candidate }) => candidate)),
    shape: shown.map(({ candidate }) => shapeOf(candidate)),
  };
}

/** At most `most` of a list, evenly spread over it. */
export function thinned<T>(list: readonly T[], most: number): T[] {
  const step = Math.max(1, list.length / most);
  return Array.from({ length: Math.min(list.length, most) }, (_, at) => list[Math.floor(at * step)]!);
}

function standingOf(
  { candidate, evaluation }: Standing,
  front: ReadonlySet<number>,
  frontRung: number,
): (typeof STANDINGS)[number] {
  if (front.has(candidate.number)) return 'front';
  if (!evaluation.feasible) return 'outside';
  return evaluation.rung < frontRung ? 'lower' : 'dominated';
}

/** Six significant digits: more than any screen shows, half the bytes. */
function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Number(value.toPrecision(6));
}

/** The parameters of these candidates, column by column, without those that are the same in all. */
export function varyingGenes(
  candidates: readonly CandidateRecord[],
): Partial<Record<GeneName, (number | string)[]>> {
  const rows = candidates.map(genesOf);
  const columns = GENE_NAMES.map((gene) => [
    gene,
    rows.map((row) => {
      const value = row[gene];
      return typeof value === 'number' ? Number(value.toPrecision(4)) : value;
    }),
  ]) as [GeneName, (number | string)[]][];
  return Object.fromEntries(columns.filter(([, column]) => column.some((value) => value !== column[0])));
}

/** `width 64, 4 layers, heads 4 x4, kv 2,1,1,2, dFf 128 x4, mxfp4-e2m1`. */
export function shapeOf({ architecture, deployment }: CandidateRecord): string {
  const { dModel, depth, nHeads, nKvHeads, dFf } = describeArchitecture(architecture);
  return `width ${dModel}, ${plural(depth, 'layer')}, heads ${nHeads}, kv ${nKvHeads}, dFf ${dFf}, ${describeDeployed(architecture, deployment)}`;
}
