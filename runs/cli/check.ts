// `check`: what a file describes, what its members cost, what the constraints admit, how long a run would take.
import { dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Candidate } from '../../space/candidate.ts';
import { countArchitectures, countMembers } from '../../space/count.ts';
import { largestCandidate, middleCandidate, smallestCandidate } from '../../space/extremes.ts';
import { type MetricName, metricTable } from '../../space/metrics.ts';
import type { RunSpec } from '../../space/spec.ts';
import { describeArchitecture, describeScale, describeWeights } from '../describe.ts';
import {
  formatBytes,
  formatDuration,
  formatMetric,
  formatNumber,
  formatShare,
  metricHeading,
  plural,
} from '../format.ts';
import { explainIdle, explainInfeasible, idleObjectives, surveySpace } from '../plan/bounds.ts';
import { plannedEvaluations } from '../plan/budget.ts';
import { planRun, type RunPlan, readSpec } from '../plan/plan.ts';
import { estimateRunTime } from '../plan/run-time.ts';
import { threadsOf } from '../plan/train.ts';
import { suggestion } from '../store/store-error.ts';
import { addEngineOptions, type EngineOptions, withWorkingEngine } from './engine-options.ts';
import {
  type CommonOptions,
  EXIT_FAILURE,
  fittedTable,
  leftOutLines,
  note,
  print,
  printJson,
  prose,
} from './terminal.ts';

interface CheckOptions extends CommonOptions, EngineOptions {
  readonly timing: boolean;
}

const EXAMPLES = `
Examples:
  paretoformer check space.yaml
  paretoformer check space.yaml --no-timing        costs and constraints alone, in a second`;

/** Random members that the shares are counted over. */
const N_SAMPLES = 2000;
/** Where fewer than this share of them is feasible, one that is is shown. */
const FEW = 0.05;
/** A training that reads its text more often than this is told of. */
const MANY_PASSES = 12;
/** Left out of the table of members where it is wider than the terminal, in this order. */
const SPARE_COLUMNS: readonly string[] = [
  'dModel',
  'depth',
  'trained parameters',
  'weights',
  'parameters',
  'memory',
];

export function addCheck(program: Command): void {
  addEngineOptions(
    program
      .command('check')
      .description('validate a file; show size, costs, what the constraints admit, and the time of a run'),
  )
    .argument('<file>', 'YAML file of the space')
    .option('--no-timing', 'skip the short trainings that the time of a run is estimated from')
    .addHelpText('after', EXAMPLES)
    .action(async (file: string, _options, command: Command) => {
      const options = command.optsWithGlobals<CheckOptions>();
      const specFolder = dirname(resolve(file));
      const spec = await withWorkingEngine(readSpec(file, specFolder), options);
      const plan = planRun(spec, specFolder);
      const findings = await examine(plan, options.timing);
      if (options.json === true) printJson({ file, valid: true, ...findings });
      else print(textOf(file, options.db, plan, findings));
      if (findings.infeasible === undefined) return;
      note(`paretoformer: ${findings.infeasible}`);
      process.exitCode = EXIT_FAILURE;
    });
}

type Findings = Awaited<ReturnType<typeof examine>>;

async function examine(plan: RunPlan, withTiming: boolean) {
  const { spec, space, problem, dataset } = plan;
  const survey = surveySpace(problem, spec.seed, N_SAMPLES, N_SAMPLES);
  const maxThreads = threadsOf(spec);
  const isEmpty = survey.feasible.length === 0;
  const time = withTiming && !isEmpty ? await estimateRunTime(plan, survey, maxThreads) : undefined;
  const member = (candidate: Candidate) => ({
    architecture: candidate.architecture,
    deployment: candidate.deployment,
    trained: problem.trainedCosts(candidate),
    deployed: problem.costs(candidate).deployed,
    violations: problem.facts(candidate).violations,
  });
  return {
    name: spec.name,
    // Larger than a JSON number can hold.
    architectures: countArchitectures(space).toString(),
    members: countMembers(space).toString(),
    smallest: member(smallestCandidate(space)),
    middle: member(middleCandidate(space)),
    largest: member(largestCandidate(space)),
    ...(isEmpty || survey.nFeasible >= FEW * survey.nSampled
      ? {}
      : { feasible: member(survey.feasible[0]!) }),
    admittedShare: survey.nFeasible / survey.nSampled,
    sampled: survey.nSampled,
    rejections: survey.rejections.map(({ constraint, rejects, rejectsAlone }) => ({
      constraint,
      rejectedShare: rejects,
      rejectedAloneShare: rejectsAlone,
    })),
    idleObjectives: idleObjectives(problem, survey),
    plannedEvaluations: plannedEvaluations(spec),
    threads: maxThreads,
    ...(time === undefined ? {} : { time }),
    corpus: {
      trainBytes: dataset.trainBytes,
      validationBytes: dataset.validationBytes,
      vocabSize: dataset.vocabSize,
      passes: trainedTokens(spec) / dataset.train.length,
      unigramBitsPerByte: dataset.unigramBitsPerByte,
    },
    ...(isEmpty ? { infeasible: explainInfeasible(survey) } : {}),
  };
}

/** Tokens that a candidate of the highest rung sees, repeated ones too. */
function trainedTokens({ training, task }: RunSpec): number {
  return Math.max(...training.rungs) * training.batch * task.contextLength;
}

function textOf(file: string, db: string, plan: RunPlan, findings: Findings): string {
  const { spec } = plan;
  const { corpus } = findings;
  const scale = describeScale(spec.scale);
  const nEvaluations = findings.plannedEvaluations.reduce((sum, n) => sum + n, 0);
  const lines = [
    `${file} is valid: ${findings.name}`,
    `corpus ${spec.task.corpus}: ${formatBytes(corpus.trainBytes)} to train, ${formatBytes(corpus.validationBytes)} to validate, vocabulary ${corpus.vocabSize}`,
    `  the longest training reads it ${formatNumber(corpus.passes, 2)} times; guessing by how often each byte appears has a loss of ${corpus.unigramBitsPerByte.toFixed(3)} bits/byte`,
    ...(corpus.passes > MANY_PASSES
      ? ['  what is read so often is learnt by heart: take more text, or fewer steps in training.rungs']
      : []),
    `space: ${large(findings.architectures)} architectures, ${large(findings.members)} members with their deployments`,
    '',
    `costs on ${spec.accelerator}${scale === undefined ? '' : ` of the deployed relative (${scale})`}`,
    memberTable(plan, findings),
    '',
    `constraints admit ${formatShare(findings.admittedShare)} of ${findings.sampled} random members`,
    ...findings.rejections.map(rejectionText),
    ...findings.idleObjectives.map(explainIdle),
    '',
    `run: ${nEvaluations} evaluations (${findings.plannedEvaluations.join(' + ')} by rung) on ${plural(findings.threads, 'thread')}${timeText(findings)}`,
    ...(findings.infeasible === undefined ? [`next: ${suggestion(`run ${file}`, db)}`] : []),
  ];
  // The table keeps to the width by itself.
  return lines.map((line) => (line.includes('\n') ? line : prose(line, 4))).join('\n');
}

function rejectionText({
  constraint,
  rejectedShare,
  rejectedAloneShare,
}: Findings['rejections'][number]): string {
  const alone =
    rejectedShare === rejectedAloneShare
      ? ''
      : `, ${formatShare(rejectedAloneShare)} that no other constraint rejects`;
  return `  ${constraint}: rejects ${formatShare(rejectedShare)}${alone}`;
}

function timeText({ time }: Findings): string {
  if (time === undefined) return '';
  return time.kind === 'estimated'
    ? `, estimated ${formatDuration(time.seconds)} from two short trainings on this machine`
    : `; its time could not be estimated: ${time.reason}`;
}

const LARGE_WORDS = ['thousand', 'million', 'billion', 'trillion'];

/** `12345`, `404 million`, `2.27 trillion`, `1.23e+20`: of the digits of a whole number. */
function large(digits: string): string {
  if (digits.length <= 5) return digits;
  const nGroups = Math.floor((digits.length - 1) / 3);
  const word = LARGE_WORDS[nGroups - 1];
  if (word === undefined) return `${digits[0]}.${digits.slice(1, 3)}e+${digits.length - 1}`;
  return `${formatNumber(Number(digits) / 1000 ** nGroups)} ${word}`;
}

function memberTable({ spec }: RunPlan, { smallest, middle, largest, feasible }: Findings): string {
  const wanted: readonly MetricName[] = ['parameters', 'memory', 'decodeLatency', ...spec.objectives];
  const table = metricTable(spec);
  const metrics = Object.keys(table).filter(
    (metric) => wanted.includes(metric) && smallest.deployed[metric] !== undefined,
  );
  const left = (heading: string) => ({ heading, align: 'left' as const });
  const columns = [
    left('member'),
    { heading: 'trained parameters' },
    ...metrics.map((metric) => ({ heading: metricHeading(table, metric) })),
    { heading: 'dModel' },
    { heading: 'depth' },
    { ...left('weights'), canShrink: true },
    left('constraints'),
  ];
  const members = { smallest, middle, largest, ...(feasible === undefined ? {} : { feasible }) };
  const rows = Object.entries(members).map(([name, member]) => [
    name,
    formatMetric(table, 'parameters', member.trained.parameters),
    ...metrics.map((metric) => formatMetric(table, metric, member.deployed[metric])),
    String(describeArchitecture(member.architecture).dModel),
    String(member.architecture.layers.length),
    describeWeights(member.architecture, member.deployment),
    member.violations.every((violation) => violation === 0) ? 'met' : 'broken',
  ]);
  const spare = SPARE_COLUMNS.filter((name) => !spec.objectives.includes(name));
  const { text, nLeftOut } = fittedTable(columns, rows, spare);
  return [text, ...leftOutLines(nLeftOut, '--json')].join('\n');
}
