// Questions about a stored front: other objectives, a condition, an order.
import { frontOf } from '../../search/front.ts';
import { evaluateExpression, parseExpression } from '../../space/expression.ts';
import type { MetricName, MetricTable, MetricUnit } from '../../space/metrics.ts';
import { toMinimised } from '../plan/problem.ts';
import type { FrontMember, RunDetails, RunReader, StoredFront } from '../store/queries.ts';

export interface FrontQuery {
  readonly generation?: number;
  /** Other objectives than the run's: the front is found anew among what was evaluated on its rung. */
  readonly objectives?: readonly MetricName[];
  /** Members for which this is not surely true are left out. `best` and `baseline` are references. */
  readonly where?: string;
  readonly sort?: { readonly metric: MetricName; readonly descending: boolean };
}

/** What `--where` knows beside the metrics. */
export const SHAPE_NAMES = ['candidate', 'rung', 'depth', 'dModel', 'headDim', 'cards'] as const;

/** Why a run has no front, and what to do. */
export function noFrontYet({ id, name, state, spec }: RunDetails): string {
  const what = `run ${id} (${name}, ${state}) has no front yet`;
  if (state !== 'running')
    return `${what}: it ended before its first generation; 'paretoformer resume ${id}' goes on`;
  const first = `the first one comes after ${spec.search.population} evaluations`;
  return `${what}: ${first}; 'paretoformer front ${id} --watch' waits for it`;
}

/** The front that a query asks for; `undefined` before the first generation. @throws ExpressionError, StoreError */
export function queryFront(reader: RunReader, runId: string, query: FrontQuery): StoredFront | undefined {
  const stored = reader.front(runId, query.generation);
  if (stored === undefined) return undefined;
  const front = query.objectives === undefined ? stored : frontUnder(reader, runId, stored, query.objectives);
  const kept = query.where === undefined ? front.members : membersWhere(reader, runId, front, query.where);
  return { ...front, members: sorted(kept, query.sort) };
}

function frontUnder(
  reader: RunReader,
  runId: string,
  stored: StoredFront,
  objectives: readonly MetricName[],
): StoredFront {
  const metrics = reader.metrics(runId);
  const points = reader.valuesAtRung(runId, stored, objectives).map(({ number, candidate, values }) => ({
    candidate,
    number,
    violations: [],
    objectives: values.map((value, k) => toMinimised(metrics, objectives[k]!, value)),
  }));
  const numbers = frontOf(points).map(({ number }) => number);
  return { ...stored, members: reader.membersOf(runId, numbers) };
}

function membersWhere(reader: RunReader, runId: string, front: StoredFront, where: string): FrontMember[] {
  const metrics = reader.metrics(runId);
  const counts = Object.fromEntries(SHAPE_NAMES.map((name) => [name, { unit: 'count' as MetricUnit }]));
  const vocabulary = { names: { ...metrics, ...counts }, references: ['best', 'baseline'] };
  const expression = parseExpression(where, vocabulary);
  const baseline =
    reader.candidate(runId, 0)?.origin === 'baseline'
      ? reader.evaluations(runId, 0).find(({ rung }) => rung === front.rung)
      : undefined;
  return front.members.filter((member) =>
    evaluateExpression(
      expression,
      (name) => namedValue(member, name),
      (reference, name) =>
        reference === 'best' ? bestOf(front.members, name, metrics) : baseline?.values[name],
    ),
  );
}

/** From where to where the metrics that a condition names go over the newest front. */
export function rangesNamed(
  reader: RunReader,
  runId: string,
  where: string,
): { readonly metric: MetricName; readonly low: number; readonly high: number }[] {
  const members = reader.front(runId)?.members ?? [];
  const metrics = Object.keys(reader.metrics(runId)).filter((name) =>
    new RegExp(`\\b${name}\\b`).test(where),
  );
  return metrics.flatMap((metric) => {
    const values = members.flatMap(({ evaluation }) => evaluation.values[metric] ?? []);
    return values.length === 0 ? [] : [{ metric, low: Math.min(...values), high: Math.max(...values) }];
  });
}

function namedValue({ candidate, evaluation }: FrontMember, name: string): number | undefined {
  switch (name) {
    case 'candidate':
      return candidate.number;
    case 'rung':
      return evaluation.rung;
    case 'depth':
      return candidate.architecture.layers.length;
    case 'dModel':
    case 'headDim':
      return candidate.architecture[name];
    case 'cards':
      return candidate.deployment.nCards;
    default:
      return evaluation.values[name];
  }
}

function bestOf(members: readonly FrontMember[], name: string, metrics: MetricTable): number | undefined {
  const values = members.flatMap((member) => namedValue(member, name) ?? []);
  if (values.length === 0) return undefined;
  const isHigherBetter = metrics[name]?.better === 'higher';
  return isHigherBetter ? Math.max(...values) : Math.min(...values);
}

function sorted(members: readonly FrontMember[], sort: FrontQuery['sort']): FrontMember[] {
  if (sort === undefined) return [...members];
  const { metric, descending } = sort;
  const direction = descending ? -1 : 1;
  return members.toSorted((a, b) => {
    const [x, y] = [a.evaluation.values[metric], b.evaluation.values[metric]];
    if (x === undefined || y === undefined) return Number(x === undefined) - Number(y === undefined);
    return direction * (x - y) || a.candidate.number - b.candidate.number;
  });
}
