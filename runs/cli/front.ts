// `front`: the Pareto front of a run as a table, JSON or CSV.
import type { Command } from 'commander';
import { didYouMean } from '../../space/did-you-mean.ts';
import { METRIC_NAMES, METRICS, type MetricName } from '../../space/metrics.ts';
import type { RunSpec } from '../../space/spec.ts';
import { describeArchitecture, describeScale, describeWeights } from '../describe.ts';
import { type Column, formatCsv, formatMetric, formatTable, metricHeading } from '../format.ts';
import { type FrontQuery, queryFront } from '../front-query.ts';
import { type FrontMember, type RunDetails, RunReader, type StoredFront } from '../store/queries.ts';
import { type CommonOptions, note, print, printJson, UsageError, wholeNumber } from './terminal.ts';

interface FrontOptions extends CommonOptions {
  readonly csv?: boolean;
  readonly where?: string;
  readonly sort?: string;
  readonly objectives?: string;
  readonly generation?: number;
}

export function addFront(program: Command): void {
  program
    .command('front')
    .description('show the Pareto front of a run')
    .argument('<run>', "a run's id, a part of it that is unique, or latest")
    .option('--csv', 'comma-separated values in base units')
    .option('--where <condition>', "members that meet a condition: 'memory < 8 GiB and loss < 1.1 * best'")
    .option('--sort <metric>', 'order by a metric, best first; metric:asc or metric:desc for a direction')
    .option('--objectives <metrics>', 'the front under other objectives, separated by commas')
    .option('--generation <n>', 'the front after an earlier generation', wholeNumber(1))
    .action((run: string, _options, command: Command) => {
      const options = command.optsWithGlobals<FrontOptions>();
      if (options.csv === true && options.json === true)
        throw new UsageError('--csv and --json exclude each other');
      const reader = new RunReader(options.db);
      try {
        const details = reader.run(reader.resolve(run));
        const objectives = objectivesOf(options, details);
        const front = queryFront(reader, details.id, queryOf(options, objectives));
        if (options.json === true) printJson(frontDocument(details, objectives, front));
        else if (options.csv === true) print(frontCsv(front));
        else print(frontText(details, objectives, front));
        if (front?.members.length === 0 && options.where !== undefined) note('no member meets --where');
      } finally {
        reader.close();
      }
    });
}

function metricOf(name: string): MetricName {
  if ((METRIC_NAMES as readonly string[]).includes(name)) return name as MetricName;
  throw new UsageError(
    `unknown metric "${name}"${didYouMean(name, METRIC_NAMES) || `; known are ${METRIC_NAMES.join(', ')}`}`,
  );
}

function objectivesOf({ objectives }: FrontOptions, details: RunDetails): MetricName[] {
  if (objectives === undefined) return details.objectives.map(({ metric }) => metric);
  return [...new Set(objectives.split(',').map((name) => metricOf(name.trim())))];
}

function queryOf(options: FrontOptions, objectives: readonly MetricName[]): FrontQuery {
  const { where, generation } = options;
  const [name = '', direction] = (options.sort ?? objectives[0]!).split(':');
  const metric = metricOf(name);
  if (direction !== undefined && direction !== 'asc' && direction !== 'desc') {
    throw new UsageError(`--sort ${options.sort}: the direction is asc or desc`);
  }
  const bestFirst = METRICS[metric].better === 'higher' ? 'desc' : 'asc';
  return {
    ...(where === undefined ? {} : { where }),
    ...(generation === undefined ? {} : { generation }),
    ...(options.objectives === undefined ? {} : { objectives }),
    sort: { metric, descending: (direction ?? bestFirst) === 'desc' },
  };
}

/** The JSON document of a front; base units throughout. */
export function frontDocument(
  details: RunDetails,
  objectives: readonly MetricName[],
  front: StoredFront | undefined,
) {
  const { id, name, state } = details;
  return {
    run: id,
    name,
    state,
    objectives: objectives.map((metric) => ({
      metric,
      unit: METRICS[metric].unit,
      better: METRICS[metric].better,
    })),
    generation: front?.generation ?? 0,
    evaluations: front?.nTold ?? 0,
    rung: front?.rung ?? 0,
    hypervolume: front?.hypervolume ?? 0,
    members: (front?.members ?? []).map(({ candidate, evaluation }) => ({
      candidate: candidate.number,
      key: candidate.key,
      values: evaluation.values,
      architecture: candidate.architecture,
      deployment: candidate.deployment,
      trainedCosts: candidate.trainedCosts,
    })),
  };
}

/** The front as a table with a heading and what the figures are of. */
export function frontText(
  details: RunDetails,
  objectives: readonly MetricName[],
  front: StoredFront | undefined,
): string {
  const { id, name, state } = details;
  if (front === undefined) return `run ${id} (${name}, ${state}) has no front yet`;
  const spec = details.spec as RunSpec;
  const { generation, nTold, rung, hypervolume, members } = front;
  const steps = spec.training.rungs[rung];
  const lines = [
    `run ${id} (${name}, ${state}): generation ${generation}, ${nTold} evaluations, hypervolume ${hypervolume.toFixed(4)}`,
    `front of ${members.length} at rung ${rung} (${steps} steps)`,
  ];
  const scale = describeScale(spec.scale);
  const costs = `on ${spec.accelerator}, batch ${spec.workload.batch}, ${spec.workload.promptTokens} + ${spec.workload.generatedTokens} tokens`;
  lines.push(`costs ${costs}${scale === undefined ? '' : `, of the deployed relative (${scale})`}`, '');
  return `${lines.join('\n')}\n${members.length === 0 ? 'no members' : frontTable(objectives, members)}`;
}

function frontTable(objectives: readonly MetricName[], members: readonly FrontMember[]): string {
  const metrics = [...new Set<MetricName>([...objectives, 'loss', 'memory', 'parameters'])];
  const isShown = metrics.filter((metric) =>
    members.some(({ evaluation }) => evaluation.values[metric] !== undefined),
  );
  const hasCards = members.some(({ candidate }) => candidate.deployment.nCards > 1);
  const columns: Column[] = [
    { heading: 'candidate' },
    ...isShown.map((metric) => ({ heading: metricHeading(metric) })),
    { heading: 'dModel' },
    { heading: 'depth' },
    ...(['heads', 'kv heads', 'dFf', 'weights'] as const).map((heading) => ({
      heading,
      align: 'left' as const,
    })),
    ...(hasCards ? [{ heading: 'cards' }] : []),
  ];
  const rows = members.map(({ candidate, evaluation }) => {
    const { dModel, depth, nHeads, nKvHeads, dFf } = describeArchitecture(candidate.architecture);
    return [
      String(candidate.number),
      ...isShown.map((metric) => formatMetric(metric, evaluation.values[metric])),
      String(dModel),
      String(depth),
      nHeads,
      nKvHeads,
      dFf,
      describeWeights(candidate.deployment),
      ...(hasCards ? [String(candidate.deployment.nCards)] : []),
    ];
  });
  return formatTable(columns, rows);
}

function frontCsv(front: StoredFront | undefined): string {
  const members = front?.members ?? [];
  const metrics = METRIC_NAMES.filter((metric) =>
    members.some(({ evaluation }) => evaluation.values[metric] !== undefined),
  );
  const shape = ['dModel', 'headDim', 'depth', 'nHeads', 'nKvHeads', 'dFf'] as const;
  const headings = ['candidate', 'key', ...metrics, ...shape, 'weights', 'kvCacheFormat', 'nCards'];
  const rows = members.map(({ candidate, evaluation }) => {
    const { architecture, deployment } = candidate;
    const { layers } = architecture;
    return [
      candidate.number,
      candidate.key,
      ...metrics.map((metric) => evaluation.values[metric] ?? ''),
      architecture.dModel,
      architecture.headDim,
      layers.length,
      layers.map(({ nHeads }) => nHeads).join(' '),
      layers.map(({ nKvHeads }) => nKvHeads).join(' '),
      layers.map(({ dFf }) => dFf).join(' '),
      deployment.layers
        .map(({ weightFormat, sparsity }) => (sparsity === 0 ? weightFormat : `${weightFormat}@${sparsity}`))
        .join(' '),
      deployment.kvCacheFormat,
      deployment.nCards,
    ];
  });
  return formatCsv(headings, rows);
}
