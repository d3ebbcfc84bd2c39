// `front`: the Pareto front of a run as a table, JSON or CSV.
import type { Command } from 'commander';
import { isAlike, LAYER_PARTS, type LayerDeployment, type WeightStorage } from '../../space/deployment.ts';
import type { Draft } from '../../space/draft.ts';
import {
  type MetricName,
  type MetricTable,
  type MetricValues,
  metricOf,
  metricTable,
} from '../../space/metrics.ts';
import { type FrontQuery, noFrontYet, queryFront } from '../candidates/front-query.ts';
import { markLabels, marksOf } from '../candidates/marks.ts';
import { describeArchitecture, describeDraft, describeScale, describeWeights } from '../describe.ts';
import { type Column, formatCsv, formatMetric, metricHeading, plural } from '../format.ts';
import { type FrontMember, type RunDetails, RunReader, type StoredFront } from '../store/queries.ts';
import type { SpeculationRecord } from '../store/records.ts';
import { rangesText } from './condition-ranges.ts';
import { metricNamed } from './metric-name.ts';
import { plot } from './plot.ts';
import {
  bold,
  type CommonOptions,
  fittedTable,
  leftOutLines,
  note,
  print,
  printJson,
  prose,
  RUN_ARGUMENT,
  terminalWidth,
  UsageError,
  wholeNumber,
} from './terminal.ts';
import { watch } from './watch.ts';

interface FrontOptions extends CommonOptions {
  readonly csv?: boolean;
  readonly where?: string;
  readonly sort?: string;
  readonly objectives?: string;
  readonly generation?: number;
  readonly plot?: boolean;
  readonly watch?: boolean;
}

const EXAMPLES = `
Examples:
  paretoformer front                              of the latest run
  paretoformer front quickstart                   of the latest run of that name
  paretoformer front --where 'memory < 8 GiB and loss < 1.1 * best' --sort memory
  paretoformer front --objectives loss,throughput
  paretoformer front --watch                      again whenever the run gets on
  paretoformer front --csv > front.csv`;

export function addFront(program: Command): void {
  program
    .command('front')
    .description('show the Pareto front of a run')
    .argument('[run]', RUN_ARGUMENT, 'latest')
    .option('--csv', 'comma-separated values in base units')
    .option('--where <condition>', "members that meet a condition: 'memory < 8 GiB and loss < 1.1 * best'")
    .option('--sort <metric>', 'order by a metric, best first; metric:asc or metric:desc for a direction')
    .option('--objectives <metrics>', 'the front under other objectives, separated by commas')
    .option('--generation <n>', 'the front after an earlier generation', wholeNumber(1))
    .option('--plot', 'draw the front as well; the default on a terminal')
    .option('--no-plot', 'leave the picture out')
    .option('--watch', 'show it again whenever it changes, until the run ends')
    .addHelpText('after', EXAMPLES)
    .action(async (run: string, _options, command: Command) => {
      const options = command.optsWithGlobals<FrontOptions>();
      if (options.csv === true && options.json === true)
        throw new UsageError('--csv and --json exclude each other');
      if (options.watch === true && (options.csv ?? options.json) === true)
        throw new UsageError('--watch shows a table: leave --csv and --json out');
      const reader = new RunReader(options.db);
      try {
        const id = reader.resolve(run);
        const look = () => {
          const details = reader.run(id);
          const metrics = metricTable(details.spec);
          const objectives = objectivesOf(options, details, metrics);
          const query = queryOf(options, objectives, metrics);
          return { details, metrics, objectives, front: queryFront(reader, id, query) };
        };
        const text = ({ details, metrics, objectives, front }: ReturnType<typeof look>) => {
          const table = frontText(details, objectives, front);
          const isDrawn = options.plot ?? process.stdout.isTTY === true;
          const picture = isDrawn ? frontPlot(metrics, objectives, front) : '';
          return picture === '' ? table : `${table}\n\n${picture}`;
        };
        if (options.watch === true) {
          await watch(() => {
            const seen = look();
            return { text: text(seen), isRunning: seen.details.state === 'running' };
          }, process.stdout);
          return;
        }
        const seen = look();
        const { details, metrics, objectives, front } = seen;
        if (options.json === true) printJson(frontDocument(details, objectives, front));
        else if (options.csv === true) print(frontCsv(metrics, front));
        else print(text(seen));
        if (front?.members.length === 0 && options.where !== undefined) {
          note(`no member meets --where${rangesText(reader, details.id, metrics, options.where)}`);
        }
      } finally {
        reader.close();
      }
    });
}

function objectivesOf({ objectives }: FrontOptions, details: RunDetails, metrics: MetricTable): MetricName[] {
  const own = details.objectives.map(({ metric }) => metric);
  if (objectives === undefined) return own;
  const names = objectives.split(',').map((name) => name.trim());
  return [...new Set(names.map((name) => metricNamed(name, '--objectives', own, Object.keys(metrics))))];
}

function queryOf(options: FrontOptions, objectives: readonly MetricName[], metrics: MetricTable): FrontQuery {
  const { where, generation } = options;
  const [name = '', direction] = (options.sort ?? objectives[0]!).split(':');
  const metric = metricNamed(name, '--sort', objectives, Object.keys(metrics));
  if (direction !== undefined && direction !== 'asc' && direction !== 'desc') {
    throw new UsageError(`--sort ${options.sort}: the direction is asc or desc`);
  }
  const bestFirst = metricOf(metrics, metric).better === 'higher' ? 'desc' : 'asc';
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
  const members = front?.members ?? [];
  const metrics = metricTable(details.spec);
  const { knee, best } = marksFor(metrics, objectives, members);
  return {
    run: id,
    name,
    state,
    objectives: objectives.map((metric) => {
      const { unit, better } = metricOf(metrics, metric);
      return { metric, unit, better };
    }),
    generation: front?.generation ?? 0,
    evaluations: front?.nTold ?? 0,
    rung: front?.rung ?? 0,
    hypervolume: front?.hypervolume ?? 0,
    ...(knee === undefined ? {} : { knee: members[knee]!.candidate.number }),
    best: best.map(({ metric, at }) => ({ metric, candidate: members[at]!.candidate.number })),
    members: members.map(({ candidate, evaluation }) => ({
      candidate: candidate.number,
      key: candidate.key,
      values: evaluation.values,
      architecture: candidate.architecture,
      deployment: candidate.deployment,
      ...(evaluation.speculation === undefined ? {} : { speculation: evaluation.speculation }),
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
  if (front === undefined) return noFrontYet(details);
  const { id, name, state } = details;
  const spec = details.spec;
  const { generation, nTold, rung, hypervolume, members } = front;
  const steps = spec.training.rungs[rung];
  const lines = [
    prose(
      `run ${id} (${name}, ${state}): generation ${generation}, ${plural(nTold, 'evaluation')}, hypervolume ${hypervolume.toFixed(4)}`,
      2,
    ),
    `front of ${members.length} at rung ${rung} (${steps} steps)`,
  ];
  const scale = describeScale(spec.scale);
  const costs = `on ${spec.accelerator}, batch ${spec.workload.batch}, ${spec.workload.promptTokens} + ${spec.workload.generatedTokens} tokens`;
  lines.push(
    prose(`costs ${costs}${scale === undefined ? '' : `, of the deployed relative (${scale})`}`, 2),
    '',
  );
  return `${lines.join('\n')}\n${members.length === 0 ? 'no members' : frontTable(metricTable(spec), objectives, members)}`;
}

/** Lines and columns of the picture; wider terminals leave it readable. */
const PLOT_HEIGHT = 16;
const PLOT_WIDTH = 100;

/** The first two objectives as a picture, the second across; empty where there is nothing to draw. */
function frontPlot(
  metrics: MetricTable,
  objectives: readonly MetricName[],
  front: StoredFront | undefined,
): string {
  const [up, across] = objectives;
  const members = front?.members ?? [];
  if (up === undefined || across === undefined || members.length < 2) return '';
  const { knee, labels } = marksFor(metrics, objectives, members);
  const points = members.flatMap(({ candidate, evaluation }, at) => {
    const [x, y] = [evaluation.values[across], evaluation.values[up]];
    if (x === undefined || y === undefined) return [];
    const label = labels[at] === '' ? '' : `${candidate.number} ${labels[at]}`;
    return [{ x, y, label, isKnee: at === knee }];
  });
  return plot(points, {
    xName: `${across}, ${metricOf(metrics, across).better} is better`,
    yName: `${metricHeading(metrics, up)}, ${metricOf(metrics, up).better} is better`,
    formatX: (value) => formatMetric(metrics, across, value),
    formatY: (value) => formatMetric(metrics, up, value),
    width: Math.min(PLOT_WIDTH, terminalWidth() ?? PLOT_WIDTH),
    height: PLOT_HEIGHT,
  });
}

/** Knee and ends of the members shown; nothing where an objective of theirs is not known. */
function marksFor(metrics: MetricTable, objectives: readonly MetricName[], members: readonly FrontMember[]) {
  const values = members.map(({ evaluation }) => evaluation.values);
  const complete = objectives.filter((metric) => values.every((each) => each[metric] !== undefined));
  const marks = marksOf(complete, values, metrics);
  return { knee: marks.knee, best: marks.best, labels: markLabels(marks, members.length, metrics) };
}

/** Left out of a table that is wider than the terminal, in this order. */
const SPARE_COLUMNS = [
  'heads',
  'kv heads',
  'dFf',
  'drafted',
  'accepted',
  'dModel',
  'parameters',
  'weights',
  'cards',
  'depth',
  'draft',
  'bits a weight',
  'memory',
];

function frontTable(
  metrics: MetricTable,
  objectives: readonly MetricName[],
  members: readonly FrontMember[],
): string {
  const wanted = [...new Set<MetricName>([...objectives, 'loss', 'memory', 'parameters'])];
  const isShown = wanted.filter((metric) =>
    members.some(({ evaluation }) => evaluation.values[metric] !== undefined),
  );
  const hasCards = members.some(({ candidate }) => candidate.deployment.nCards > 1);
  const hasDrafts = members.some(({ candidate }) => candidate.deployment.draft !== undefined);
  const columns: Column[] = [
    { heading: 'candidate' },
    { heading: 'marked', align: 'left' },
    ...isShown.map((metric) => ({ heading: metricHeading(metrics, metric) })),
    { heading: 'bits a weight' },
    { heading: 'dModel' },
    { heading: 'depth' },
    ...(hasCards ? [{ heading: 'cards' }] : []),
    ...(hasDrafts
      ? [
          { heading: 'draft', align: 'left' as const, canShrink: true },
          { heading: 'drafted' },
          { heading: 'accepted' },
          { heading: 'speed-up' },
        ]
      : []),
    ...(['heads', 'kv heads', 'dFf', 'weights'] as const).map((heading) => ({
      heading,
      align: 'left' as const,
      canShrink: true,
    })),
  ];
  const { labels, knee } = marksFor(metrics, objectives, members);
  const rows = members.map(({ candidate, evaluation }, at) => {
    const { dModel, depth, nHeads, nKvHeads, dFf } = describeArchitecture(candidate.architecture);
    return [
      String(candidate.number),
      labels[at]!,
      ...isShown.map((metric) => formatMetric(metrics, metric, evaluation.values[metric])),
      bitsAWeight(evaluation.values),
      String(dModel),
      String(depth),
      ...(hasCards ? [String(candidate.deployment.nCards)] : []),
      ...(hasDrafts ? draftCells(candidate.deployment.draft, evaluation.speculation) : []),
      nHeads,
      nKvHeads,
      dFf,
      describeWeights(candidate.architecture, candidate.deployment),
    ];
  });
  const spare = SPARE_COLUMNS.filter((heading) => !objectives.includes(heading));
  const { text, nLeftOut } = fittedTable(columns, rows, spare);
  const [heading = '', ...lines] = text.split('\n');
  return [
    bold(heading),
    ...lines.map((line, at) => (at === knee ? bold(line) : line)),
    ...leftOutLines(nLeftOut, '--csv'),
  ].join('\n');
}

/** Stored bits over parameters, of the whole deployed model. */
function bitsAWeight({ weightBytes, parameters }: MetricValues): string {
  return weightBytes === undefined || parameters === undefined
    ? '-'
    : ((8 * weightBytes) / parameters).toFixed(1);
}

/** Draft, tokens drafted a round, acceptance and speed-up over the target alone. */
function draftCells(draft: Draft | undefined, speculation: SpeculationRecord | undefined): string[] {
  if (speculation === undefined) return [describeDraft(draft), '-', '-', '-'];
  const { draftLength, acceptance, speedup } = speculation;
  return [
    describeDraft(draft),
    String(draftLength),
    acceptance.toFixed(2),
    draftLength === 0 ? 'alone' : `${speedup.toFixed(2)}x`,
  ];
}

/** `mxfp4-e2m1`, or `mxfp4-e2m1@0.8` where 80 % are zeros. */
function storageWord({ weightFormat, sparsity }: WeightStorage): string {
  return sparsity === 0 ? weightFormat : `${weightFormat}@${sparsity}`;
}

/** One word where both parts are stored alike, else `attention/feed-forward`. */
function layerWord(stored: LayerDeployment): string {
  const parts = isAlike(stored) ? LAYER_PARTS.slice(0, 1) : LAYER_PARTS;
  return parts.map((part) => storageWord(stored[part])).join('/');
}

function frontCsv(metrics: MetricTable, front: StoredFront | undefined): string {
  const members = front?.members ?? [];
  const columns = Object.keys(metrics).filter((metric) =>
    members.some(({ evaluation }) => evaluation.values[metric] !== undefined),
  );
  const shape = ['dModel', 'headDim', 'depth', 'nHeads', 'nKvHeads', 'dFf'] as const;
  const hasDrafts = members.some(({ candidate }) => candidate.deployment.draft !== undefined);
  const headings = [
    'candidate',
    'key',
    ...columns,
    ...shape,
    'weights',
    'embedding',
    'kvCacheFormat',
    'nCards',
    ...(hasDrafts ? ['draft', 'draftLength', 'acceptance', 'tokensPerRound', 'speedup'] : []),
  ];
  const rows = members.map(({ candidate, evaluation }) => {
    const { architecture, deployment } = candidate;
    const { layers } = architecture;
    return [
      candidate.number,
      candidate.key,
      ...columns.map((metric) => evaluation.values[metric] ?? ''),
      architecture.dModel,
      architecture.headDim,
      layers.length,
      layers.map(({ nHeads }) => nHeads).join(' '),
      layers.map(({ nKvHeads }) => nKvHeads).join(' '),
      layers.map(({ dFf }) => dFf).join(' '),
      deployment.layers.map(layerWord).join(' '),
      storageWord(deployment.embedding),
      deployment.kvCacheFormat,
      deployment.nCards,
      ...(hasDrafts
        ? [
            describeDraft(deployment.draft),
            evaluation.speculation?.draftLength ?? 0,
            evaluation.speculation?.acceptance ?? '',
            evaluation.speculation?.tokensPerRound ?? '',
            evaluation.speculation?.speedup ?? '',
          ]
        : []),
    ];
  });
  return formatCsv(headings, rows);
}
