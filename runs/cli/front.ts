// `front`: the Pareto front of a run as a table, JSON or CSV.
import type { Command } from 'commander';
import { type MetricName, type MetricTable, metricOf, metricTable } from '../../space/metrics.ts';
import { type FrontQuery, noFrontYet, queryFront } from '../candidates/front-query.ts';
import { describeScale } from '../describe.ts';
import { plural } from '../format.ts';
import { type RunDetails, RunReader, type StoredFront } from '../store/queries.ts';
import { rangesText } from './condition-ranges.ts';
import { frontCsv, frontPlot, frontTable, marksFor } from './front-forms.ts';
import { metricNamed } from './metric-name.ts';
import {
  type CommonOptions,
  note,
  print,
  printJson,
  prose,
  RUN_ARGUMENT,
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
