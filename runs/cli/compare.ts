// `compare`: two candidates of a run side by side, and what taking one for the other means.
import type { Command } from 'commander';
import { dominates } from '../../search/dominance.ts';
import {
  type MetricName,
  type MetricTable,
  type MetricValues,
  metricOf,
  metricTable,
} from '../../space/metrics.ts';
import { CANDIDATE_ARGUMENT, namedCandidate } from '../candidates/named-candidate.ts';
import {
  describeArchitecture,
  describeDraft,
  describeLayerStorage,
  describeStorage,
  describeWeights,
} from '../describe.ts';
import {
  formatChange,
  formatMetric,
  formatNumber,
  formatShare,
  formatTable,
  metricHeading,
} from '../format.ts';
import { toMinimised } from '../plan/problem.ts';
import { type EvaluationResult, type RunDetails, RunReader } from '../store/queries.ts';
import type { CandidateRecord, SpeculationRecord } from '../store/records.ts';
import { type CommonOptions, fittedTable, print, printJson, prose, RUN_ARGUMENT } from './terminal.ts';

const EXAMPLES = `
Examples:
  paretoformer compare latest 3 12
  paretoformer compare latest 0 12       candidate 0 is the baseline where there is one`;

export function addCompare(program: Command): void {
  program
    .command('compare')
    .description('compare two candidates of a run')
    .argument('<run>', RUN_ARGUMENT)
    .argument('<a>', CANDIDATE_ARGUMENT)
    .argument('<b>', 'the other candidate')
    .addHelpText('after', EXAMPLES)
    .action((run: string, a: string, b: string, _options, command: Command) => {
      const { db, json } = command.optsWithGlobals<CommonOptions>();
      const reader = new RunReader(db);
      try {
        const details = reader.run(reader.resolve(run));
        const sides = [a, b].map((name) => sideOf(reader, details, name)) as [Side, Side];
        if (json === true) printJson(documentOf(details, sides));
        else print(textOf(details, sides));
      } finally {
        reader.close();
      }
    });
}

interface Side {
  readonly candidate: CandidateRecord;
  readonly evaluations: readonly EvaluationResult[];
}

function sideOf(reader: RunReader, details: RunDetails, name: string): Side {
  const candidate = namedCandidate(reader, details.id, name);
  return { candidate, evaluations: reader.evaluations(details.id, candidate.number) };
}

/** The highest rung that both reached, where losses compare. */
function commonRung([a, b]: readonly [Side, Side]): number | undefined {
  const reached = ({ evaluations }: Side) =>
    evaluations.filter(({ state }) => state === 'ok').map(({ rung }) => rung);
  const both = reached(a).filter((rung) => reached(b).includes(rung));
  return both.length === 0 ? undefined : Math.max(...both);
}

function valuesOf({ candidate, evaluations }: Side, rung: number | undefined): MetricValues {
  return (
    evaluations.find((each) => each.rung === rung && each.state === 'ok')?.values ?? candidate.deployedCosts
  );
}

function documentOf(details: RunDetails, sides: readonly [Side, Side]) {
  const rung = commonRung(sides);
  const [a, b] = sides.map((side) => ({
    candidate: side.candidate.number,
    key: side.candidate.key,
    values: valuesOf(side, rung),
    architecture: side.candidate.architecture,
    deployment: side.candidate.deployment,
  }));
  return {
    run: details.id,
    ...(rung === undefined ? {} : { rung }),
    verdict: verdictOf(details, sides),
    a,
    b,
  };
}

function verdictOf(details: RunDetails, sides: readonly [Side, Side]): string {
  const [a, b] = sides.map(({ candidate }) => `candidate ${candidate.number}`) as [string, string];
  const rung = commonRung(sides);
  const [first, second] = sides.map((side) => valuesOf(side, rung)) as [MetricValues, MetricValues];
  const metrics = metricTable(details.spec);
  const objectives = details.objectives.map(({ metric }) => metric);
  if (objectives.some((metric) => first[metric] === undefined || second[metric] === undefined)) {
    return 'they were never trained to the same rung, so only their costs compare';
  }
  const [x, y] = [first, second].map((values) =>
    objectives.map((metric) => toMinimised(metrics, metric, values[metric]!)),
  );
  if (dominates(x!, y!)) return `${a} is at least as good in every objective: nothing speaks for ${b}`;
  if (dominates(y!, x!)) return `${b} is at least as good in every objective: nothing speaks for ${a}`;
  const better = objectives.filter((_, k) => x![k]! < y![k]!);
  const worse = objectives.filter((_, k) => x![k]! > y![k]!);
  if (a === b) return 'they are one and the same candidate';
  if (better.length + worse.length === 0) return 'they are equal in every objective';
  const ways = (names: readonly MetricName[]) =>
    names.map((name) => advantage(metrics, name, first[name]!, second[name]!)).join(', ');
  return `${a} has ${ways(better)}; ${b} has ${ways(worse)}`;
}

/** `13.1 % lower decodeLatency`, `2.4x higher throughput`: what the better of two has over the other. */
function advantage(metrics: MetricTable, metric: MetricName, one: number, other: number): string {
  const word = metricOf(metrics, metric).better === 'higher' ? 'higher' : 'lower';
  const [least, most] = [Math.min(one, other), Math.max(one, other)];
  if (least <= 0) return `${word} ${metric}`;
  if (most >= 2 * least) return `${formatNumber(most / least)}x ${word} ${metric}`;
  const share = word === 'higher' ? most / least - 1 : 1 - least / most;
  return `${formatShare(share)} ${word} ${metric}`;
}

function textOf(details: RunDetails, sides: readonly [Side, Side]): string {
  const rung = commonRung(sides);
  const [first, second] = sides.map((side) => valuesOf(side, rung)) as [MetricValues, MetricValues];
  const headings = sides.map(({ candidate }) => ({ heading: `candidate ${candidate.number}` }));
  const metrics = metricTable(details.spec);
  const known = Object.keys(metrics).filter(
    (metric) => first[metric] !== undefined || second[metric] !== undefined,
  );
  const table = formatTable(
    [
      { heading: 'metric', align: 'left' },
      ...headings,
      { heading: 'b to a' },
      { heading: 'better', align: 'left' },
    ],
    known.map((metric) => [
      metricHeading(metrics, metric),
      formatMetric(metrics, metric, first[metric]),
      formatMetric(metrics, metric, second[metric]),
      formatChange(first[metric], second[metric]),
      betterSide(metrics, metric, first[metric], second[metric]),
    ]),
  );
  const judged = rung === undefined ? '' : `, losses at rung ${rung}`;
  return [
    prose(`run ${details.id} (${details.name})${judged}`, 2),
    prose(verdictOf(details, sides), 2),
    '',
    table,
    '',
    genomeTable(sides),
    '',
    layerTable(sides),
  ].join('\n');
}

function betterSide(
  metrics: MetricTable,
  metric: MetricName,
  a: number | undefined,
  b: number | undefined,
): string {
  if (a === undefined || b === undefined || a === b) return '';
  return toMinimised(metrics, metric, a) < toMinimised(metrics, metric, b) ? 'a' : 'b';
}

const left = (heading: string) => ({ heading, align: 'left' as const });
const shrinking = (heading: string) => ({ ...left(heading), canShrink: true });

function genomeTable(sides: readonly [Side, Side]): string {
  const hasDrafts = sides.some(({ candidate }) => candidate.deployment.draft !== undefined);
  const described = sides.map((side): Record<string, string> => {
    const { architecture, deployment } = side.candidate;
    const { dModel, headDim, depth } = describeArchitecture(architecture);
    return {
      dModel: String(dModel),
      headDim: String(headDim),
      depth: String(depth),
      'embedding and head': architecture.tieEmbeddings ? 'tied' : 'untied',
      weights: describeWeights(architecture, deployment),
      embedding: describeStorage(deployment.embedding),
      'KV cache': deployment.kvCacheFormat,
      cards: String(deployment.nCards),
      ...(hasDrafts ? draftRows(side) : {}),
    };
  }) as [Record<string, string>, Record<string, string>];
  const rows = Object.keys(described[0]).map((name) => [
    name,
    described[0][name]!,
    described[1][name]!,
    described[0][name] === described[1][name] ? '' : 'differs',
  ]);
  return fittedTable([left('genome'), shrinking('a'), shrinking('b'), left('')], rows, []).text;
}

/** What drafts, and what that came to at the highest rung. */
function draftRows({ candidate, evaluations }: Side): Record<string, string> {
  const speculation = evaluations.findLast((each) => each.speculation !== undefined)?.speculation;
  const figure = (of: (record: SpeculationRecord) => string) =>
    speculation === undefined ? '-' : of(speculation);
  return {
    draft: describeDraft(candidate.deployment.draft),
    'tokens drafted a round': figure(({ draftLength }) => String(draftLength)),
    acceptance: figure(({ acceptance, source }) => `${acceptance.toFixed(3)} (${source})`),
    'acceptance expected': figure(({ expectedAcceptance }) => expectedAcceptance.toFixed(3)),
    'tokens a round': figure(({ tokensPerRound }) => tokensPerRound.toFixed(2)),
    'speed-up over the target alone': figure(({ speedup }) => `${speedup.toFixed(2)}x`),
  };
}

function layerTable(sides: readonly [Side, Side]): string {
  const depth = Math.max(...sides.map(({ candidate }) => candidate.architecture.layers.length));
  const cell = ({ candidate }: Side, at: number): string => {
    const layer = candidate.architecture.layers[at];
    const stored = candidate.deployment.layers[at];
    if (layer === undefined || stored === undefined) return '-';
    return `${layer.nHeads}/${layer.nKvHeads} heads, dFf ${layer.dFf}, ${describeLayerStorage(stored)}`;
  };
  const rows = Array.from({ length: depth }, (_, at) => {
    const [a, b] = sides.map((side) => cell(side, at)) as [string, string];
    return [String(at), a, b, a === b ? '' : 'differs'];
  });
  return fittedTable([{ heading: 'layer' }, shrinking('a'), shrinking('b'), left('')], rows, []).text;
}
