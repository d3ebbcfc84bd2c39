// `pick`: one member of a front by weights, with the reasons.
import type { Command } from 'commander';
import { type MetricName, type MetricTable, metricOf } from '../../space/metrics.ts';
import { noFrontYet, queryFront } from '../candidates/front-query.ts';
import { type Pick, pickMember, type Weight } from '../candidates/pick.ts';
import { describeArchitecture, describeDeployed } from '../describe.ts';
import { formatChange, formatMetric, formatNumber, formatTable, metricHeading, plural } from '../format.ts';
import { RunError } from '../run-error.ts';
import { type FrontMember, type RunDetails, RunReader } from '../store/queries.ts';
import { suggestion } from '../store/store-error.ts';
import { rangesText } from './condition-ranges.ts';
import { metricNamed } from './metric-name.ts';
import { type CommonOptions, print, printJson, prose, RUN_ARGUMENT, UsageError } from './terminal.ts';

interface PickOptions extends CommonOptions {
  readonly weights?: string;
  readonly where?: string;
}

const EXAMPLES = `
Examples:
  paretoformer pick                               of the latest run, all objectives alike
  paretoformer pick --weights loss=2,latency=1    the loss counts twice
  paretoformer pick --where 'memory < 1 GiB'      among members that meet a condition`;

/** Members that come next and are shown beside the choice. */
const N_RUNNERS_UP = 3;

export function addPick(program: Command): void {
  program
    .command('pick')
    .description('pick one member of the front by weights and say why')
    .argument('[run]', RUN_ARGUMENT, 'latest')
    .option('--weights <list>', 'objective=weight, separated by commas; 1 for each objective unless given')
    .option('--where <condition>', "only members that meet a condition: 'memory < 8 GiB'")
    .addHelpText('after', EXAMPLES)
    .action((run: string, _options, command: Command) => {
      const { db, json, weights: text, where } = command.optsWithGlobals<PickOptions>();
      const reader = new RunReader(db);
      try {
        const details = reader.run(reader.resolve(run));
        const metrics = reader.metrics(details.id);
        const objectives = details.objectives.map(({ metric }) => metric);
        const weights =
          text === undefined
            ? objectives.map((metric) => ({ metric, weight: 1 }))
            : weightsOf(text, objectives);
        const members = queryFront(reader, details.id, where === undefined ? {} : { where })?.members ?? [];
        if (members.length === 0) {
          throw new RunError(
            where === undefined
              ? noFrontYet(details)
              : `no member meets --where${rangesText(reader, details.id, metrics, where)}`,
          );
        }
        const pick = pickMember(
          weights,
          members.map(({ evaluation }) => evaluation.values),
          metrics,
        );
        if (json === true) printJson(documentOf(details, weights, members, pick));
        else print(textOf(db, details, metrics, weights, members, pick));
      } finally {
        reader.close();
      }
    });
}

/** `loss=2,latency=1`; an objective may be named by any part of its name that no other objective has. */
export function weightsOf(text: string, objectives: readonly MetricName[]): Weight[] {
  const weights = text.split(',').map((part) => {
    const [name = '', value = '', ...rest] = part.split('=').map((piece) => piece.trim());
    const weight = Number(value);
    if (name === '' || value === '' || rest.length > 0 || !(weight > 0) || !Number.isFinite(weight)) {
      throw new UsageError(
        `--weights: expected objective=weight with a weight above 0, not "${part.trim()}"`,
      );
    }
    return { metric: metricNamed(name, '--weights', objectives), weight };
  });
  const names = weights.map(({ metric }) => metric);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new UsageError(`--weights: ${twice} is listed twice`);
  return weights;
}

function documentOf(
  details: RunDetails,
  weights: readonly Weight[],
  members: readonly FrontMember[],
  pick: Pick,
) {
  const { candidate, evaluation } = members[pick.at]!;
  return {
    run: details.id,
    weights,
    candidate: candidate.number,
    key: candidate.key,
    values: evaluation.values,
    shares: pick.shares,
    // JSON has no Infinity: a bound that is absent means that no factor changes the choice.
    firmness: pick.firmness.map(({ metric, from, to }) => ({
      metric,
      ...(from === 0 ? {} : { from }),
      ...(Number.isFinite(to) ? { to } : {}),
    })),
    ranking: pick.ranking.map(({ at, score }) => ({ candidate: members[at]!.candidate.number, score })),
  };
}

function textOf(
  db: string,
  details: RunDetails,
  metrics: MetricTable,
  weights: readonly Weight[],
  members: readonly FrontMember[],
  pick: Pick,
): string {
  const { candidate } = members[pick.at]!;
  const { dModel, depth, nKvHeads, dFf } = describeArchitecture(candidate.architecture);
  const weighing = weights.map(({ metric, weight }) => `${metric} x${formatNumber(weight)}`).join(', ');
  const reasons = pick.shares.map(({ metric, share }) => {
    const value = formatMetric(metrics, metric, members[pick.at]!.evaluation.values[metric]);
    if (share === 0) return `  ${metric} ${value}: the best of the front`;
    const { best, worst } = endsOf(metrics, metric, members);
    const from = `the front's best (${formatMetric(metrics, metric, best)}) to its worst (${formatMetric(metrics, metric, worst)})`;
    return prose(`  ${metric} ${value}: ${Math.round(100 * share)} % of the way from ${from}`, 4);
  });
  return [
    prose(
      `candidate ${candidate.number} of run ${details.id}, one of ${plural(members.length, 'member')}, for ${weighing}`,
      2,
    ),
    prose(
      `  dModel ${dModel}, ${plural(depth, 'layer')}, kv heads ${nKvHeads}, dFf ${dFf}, ${describeDeployed(candidate.architecture, candidate.deployment)}`,
      4,
    ),
    '',
    'why: it gives up least',
    ...reasons,
    prose(
      '(each way times its weight; of a member the largest counts whole, the sum of all by a quarter)',
      1,
    ),
    ...runnersUp(metrics, weights, members, pick),
    ...firmnessLines(pick, members.length),
    '',
    `next: ${suggestion(`show ${details.id} ${candidate.number}`, db)}`,
    `      ${suggestion(`export ${details.id} ${candidate.number} --out my-model`, db)}`,
  ].join('\n');
}

/** The front's best and worst value of an objective. */
function endsOf(
  metrics: MetricTable,
  metric: MetricName,
  members: readonly FrontMember[],
): { best: number; worst: number } {
  const values = members.map(({ evaluation }) => evaluation.values[metric]!);
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  return metricOf(metrics, metric).better === 'higher'
    ? { best: high, worst: low }
    : { best: low, worst: high };
}

function runnersUp(
  metrics: MetricTable,
  weights: readonly Weight[],
  members: readonly FrontMember[],
  pick: Pick,
): string[] {
  const next = pick.ranking.slice(1, 1 + N_RUNNERS_UP);
  if (next.length === 0) return [];
  const own = members[pick.at]!.evaluation.values;
  const columns = [
    { heading: 'next best' },
    ...weights.flatMap(({ metric }) => [{ heading: metricHeading(metrics, metric) }, { heading: 'change' }]),
  ];
  const rows = next.map(({ at }) => {
    const { candidate, evaluation } = members[at]!;
    return [
      String(candidate.number),
      ...weights.flatMap(({ metric }) => [
        formatMetric(metrics, metric, evaluation.values[metric]),
        formatChange(own[metric], evaluation.values[metric]),
      ]),
    ];
  });
  return ['', formatTable(columns, rows)];
}

function firmnessLines(pick: Pick, nMembers: number): string[] {
  if (pick.firmness.length < 2 || nMembers < 2) return [];
  const lines = pick.firmness.map(({ metric, from, to }) => {
    if (from === 0 && !Number.isFinite(to)) return `  ${metric}: whatever its weight`;
    const low = from === 0 ? 'any smaller weight' : `x${formatNumber(from, 2)}`;
    const high = Number.isFinite(to) ? `x${formatNumber(to, 2)}` : 'any larger weight';
    return `  ${metric}: from ${low} to ${high}`;
  });
  return ['', 'the choice stays when one weight is multiplied, the others kept', ...lines];
}
