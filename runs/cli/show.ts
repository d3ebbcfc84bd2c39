// `show`: a run as a whole, or one of its candidates with its layers and what they cost.
import type { Command } from 'commander';
import { isAlike, LAYER_PARTS } from '../../space/deployment.ts';
import { METRICS, type MetricTable, metricTable } from '../../space/metrics.ts';
import { deployedArchitecture } from '../../space/scale.ts';
import { hasPart } from '../../space/storage-genes.ts';
import { breakdownTable, sumParts } from '../candidates/breakdown.ts';
import { describeForecasts, forecastQuality } from '../candidates/loss-forecasts.ts';
import { CANDIDATE_ARGUMENT, namedCandidate } from '../candidates/named-candidate.ts';
import { createOutlooks, type Outlook } from '../candidates/outlook.ts';
import { describeEngine, describeScale, describeStorage, PART_NAMES } from '../describe.ts';
import { formatBytes, formatDuration, formatMetric, formatTable, plural } from '../format.ts';
import { costSetting } from '../plan/cost-plan.ts';
import { estimateDeployed } from '../plan/costs.ts';
import { engineOf } from '../plan/engine.ts';
import { describeOrigin } from '../report/page/format.js';
import { type RunDetails, RunReader } from '../store/queries.ts';
import type { CandidateRecord } from '../store/records.ts';
import type { EvaluationResult } from '../store/rows.ts';
import {
  type CommonOptions,
  fittedTable,
  leftOutLines,
  print,
  printJson,
  prose,
  RUN_ARGUMENT,
} from './terminal.ts';

const EXAMPLES = `
Examples:
  paretoformer show latest                    what was asked for, what happened, hypervolume by generation
  paretoformer show latest 12                 candidate 12: its layers, its losses, and what each part costs
  paretoformer show latest 12 --json > candidate.json`;

export function addShow(program: Command): void {
  program
    .command('show')
    .description('show a run, or one of its candidates with its layers and costs')
    .argument('<run>', RUN_ARGUMENT)
    .argument('[candidate]', CANDIDATE_ARGUMENT)
    .addHelpText('after', EXAMPLES)
    .action((run: string, candidate: string | undefined, _options, command: Command) => {
      const { db, json } = command.optsWithGlobals<CommonOptions>();
      const reader = new RunReader(db);
      try {
        const details = reader.run(reader.resolve(run));
        if (candidate === undefined) showRun(reader, details, json === true);
        else {
          const record = namedCandidate(reader, details.id, candidate);
          showCandidate(reader, details, record, json === true);
        }
      } finally {
        reader.close();
      }
    });
}

function showRun(reader: RunReader, details: RunDetails, asJson: boolean): void {
  const generations = reader.generations(details.id);
  const lossForecasts = forecastQuality(reader.lossForecasts(details.id));
  if (asJson) {
    printJson({
      ...details,
      createdAt: new Date(details.createdAt).toISOString(),
      generations,
      ...(lossForecasts === undefined ? {} : { lossForecasts }),
    });
    return;
  }
  const { id, name, state, nCandidates, nEvaluations, trainingSeconds, events, versions } = details;
  const spec = details.spec;
  const time = (at: number) => new Date(at).toISOString().slice(0, 19).replace('T', ' ');
  const metrics = metricTable(spec);
  const bounds = details.objectives.map(
    ({ metric, ideal, reference }) =>
      `  ${metric}: from ${formatMetric(metrics, metric, ideal)} (ideal) to ${formatMetric(metrics, metric, reference)} (reference)`,
  );
  const lines = [
    `run ${id}: ${name}, ${state}`,
    prose(
      `seed ${spec.seed}, ${spec.search.algorithm}, corpus ${spec.task.corpus}, accelerator ${spec.accelerator}, ` +
        `engine ${describeEngine(engineOf(spec))}`,
      2,
    ),
    `${nCandidates} candidates, ${nEvaluations} evaluations, ${formatDuration(trainingSeconds)} of training`,
    'objectives, and what the hypervolume is measured between:',
    ...bounds,
    ...(spec.constraints.length === 0
      ? []
      : ['constraints:', ...spec.constraints.map(({ text }) => `  ${text}`)]),
    ...(lossForecasts === undefined ? [] : [prose(describeForecasts(lossForecasts), 2)]),
    'events:',
    ...events.map(
      ({ at, kind, detail }) =>
        `  ${time(at)} ${kind}${detail === undefined ? '' : `: ${detailText(detail)}`}`,
    ),
    prose(
      `versions: ${Object.entries(versions)
        .map(([what, version]) => `${what} ${version}`)
        .join(', ')}; spec ${details.specSha256.slice(0, 12)}, corpus ${details.corpusSha256.slice(0, 12)}`,
      2,
    ),
  ];
  const table = formatTable(
    [{ heading: 'generation' }, { heading: 'evaluations' }, { heading: 'rung' }, { heading: 'hypervolume' }],
    generations.map((front) => [
      String(front.generation),
      String(front.nTold),
      String(front.rung),
      front.hypervolume.toFixed(4),
    ]),
  );
  print(`${lines.join('\n')}\n\n${table}`);
}

/** `rejected: duplicate 0, infeasible 1` instead of braces. */
function detailText(detail: unknown): string {
  if (typeof detail !== 'object' || detail === null) return String(detail);
  return Object.entries(detail)
    .map(([name, value]) => `${name}${typeof value === 'object' ? ':' : ''} ${detailText(value)}`)
    .join(', ');
}

function showCandidate(
  reader: RunReader,
  details: RunDetails,
  candidate: CandidateRecord,
  asJson: boolean,
): void {
  const spec = details.spec;
  const evaluations = reader.evaluations(details.id, candidate.number);
  const setting = costSetting(spec, details.specFolder);
  const estimate = estimateDeployed(candidate, setting);
  const judged = evaluations.findLast(({ state }) => state === 'ok');
  const outlook = createOutlooks(reader, details.id, spec, setting).of(candidate, judged?.speculation);
  const deployed = deployedArchitecture(candidate.architecture, spec.scale);
  if (asJson) {
    const { breakdown, calibration, expectedError } = estimate;
    printJson({
      run: details.id,
      ...candidate,
      deployedArchitecture: deployed,
      evaluations,
      ...(outlook === undefined ? {} : { outlook }),
      calibration,
      expectedError,
      breakdown,
    });
    return;
  }
  const { number, key, origin, parents } = candidate;
  const scale = describeScale(spec.scale);
  print(
    [
      prose(`candidate ${number} (${key}) of run ${details.id}: ${describeOrigin(origin, parents)}`, 2),
      '',
      layerTable(candidate, deployed),
      '',
      evaluationTable(evaluations, spec.training.rungs, (architectureHash) =>
        reader.firstOf(details.id, architectureHash),
      ),
      '',
      ...(outlook === undefined ? [] : [speculationText(outlook), '']),
      prose(`costs on ${spec.accelerator}${scale === undefined ? '' : `; deployed: ${scale}`}`, 2),
      costTable(withPair(candidate, judged), metricTable(spec), scale !== undefined),
      prose(`cost model: ${estimate.calibration}`, 2),
      '',
      ...(candidate.deployment.draft === undefined ? [] : ['where the target alone spends its time']),
      breakdownTable(
        sumParts(estimate.breakdown, ({ operation }) => operation),
        'operation',
      ),
      '',
      breakdownTable(
        sumParts(estimate.breakdown, ({ layer }) => (layer === undefined ? 'outside' : `layer ${layer}`)),
        'part',
      ),
    ].join('\n'),
  );
}

/** With the costs of the pair as they were judged, where something drafts. */
function withPair(candidate: CandidateRecord, judged: EvaluationResult | undefined): CandidateRecord {
  if (candidate.deployment.draft === undefined || judged === undefined) return candidate;
  const { loss: _, ...costs } = judged.values;
  return { ...candidate, deployedCosts: costs };
}

/** `speculation: first 2 layers: pays 1.21x: ...`, with the figures of a pair below. */
function speculationText({ draft, sentence, speculation }: Outlook): string {
  const named = draft === 'none' ? '' : `${draft}: `;
  const text = prose(`speculation: ${named}${sentence}`, 2);
  if (speculation === undefined) return text;
  const { draftLength, tokensPerRound, speedup, draftRatio, verifyRatio, acceptance, expectedAcceptance } =
    speculation;
  const columns = [
    'drafted a round',
    'tokens a round',
    'acceptance',
    'expected',
    'needed',
    'draft step',
    'verification',
    'speed-up',
  ];
  const cells = [
    String(draftLength),
    tokensPerRound.toFixed(2),
    acceptance.toFixed(3),
    expectedAcceptance.toFixed(3),
    speculation.neededAcceptance?.toFixed(3) ?? 'beyond 1',
    draftRatio.toFixed(3),
    verifyRatio.toFixed(3),
    `${speedup.toFixed(2)}x`,
  ];
  const note = 'draft step and verification in plain steps of the target';
  return [
    text,
    formatTable(
      columns.map((heading) => ({ heading })),
      [cells],
    ),
    note,
  ].join('\n');
}

function layerTable(
  { architecture, deployment }: CandidateRecord,
  deployed: CandidateRecord['architecture'],
): string {
  const isScaled = deployed !== architecture;
  const alike = deployment.layers.every(isAlike);
  const both = (small: number, large: number) => (isScaled ? `${small} -> ${large}` : String(small));
  const rows = architecture.layers.map((layer, at) => {
    const large = deployed.layers[at]!;
    const stored = deployment.layers[at]!;
    return [
      String(at),
      both(layer.nHeads, large.nHeads),
      both(layer.nKvHeads, large.nKvHeads),
      both(layer.dFf, large.dFf),
      ...(alike
        ? [describeStorage(stored.attention)]
        : LAYER_PARTS.map((part) => (hasPart(layer, part) ? describeStorage(stored[part]) : '-'))),
    ];
  });
  const { tieEmbeddings } = architecture;
  const heads = ['layer', 'heads', 'kv heads', 'dFf'].map((heading) => ({ heading }));
  const left = (alike ? ['weights'] : LAYER_PARTS.map((part) => PART_NAMES[part])).map((heading) => ({
    heading,
    align: 'left' as const,
  }));
  const shape = [
    `dModel ${both(architecture.dModel, deployed.dModel)}`,
    `headDim ${both(architecture.headDim, deployed.headDim)}`,
    `vocabulary ${both(architecture.vocabSize, deployed.vocabSize)}`,
    `context ${both(architecture.contextLength, deployed.contextLength)}`,
    `embeddings ${tieEmbeddings ? 'tied' : 'untied'} in ${describeStorage(deployment.embedding)}`,
    `KV cache in ${deployment.kvCacheFormat}`,
    plural(deployment.nCards, 'card'),
  ];
  const text = `${shape.join(', ')}${isScaled ? ' (trained -> deployed)' : ''}`;
  return `${prose(text, 2)}\n${formatTable([...heads, ...left], rows)}`;
}

/** `300`, or `+300` of a training that went on from the rung below. */
function stepsOf({ steps, rung }: EvaluationResult, rungs: readonly number[]): string {
  if (steps === undefined) return '-';
  return rung > 0 && steps < (rungs[rung] ?? 0) ? `+${steps}` : String(steps);
}

function evaluationTable(
  evaluations: readonly EvaluationResult[],
  rungs: readonly number[],
  firstOf: (architectureHash: string) => number | undefined,
): string {
  const left = (heading: string) => ({ heading, align: 'left' as const });
  const columns = [
    { heading: 'evaluation' },
    { heading: 'rung' },
    left('state'),
    { heading: 'loss (bits/byte)' },
    { heading: 'as trained' },
    { heading: 'stored' },
    { heading: 'of expected' },
    { heading: 'steps' },
    { heading: 'trained' },
  ];
  const rows = evaluations.map((each) => [
    String(each.number),
    String(each.rung),
    each.state,
    formatMetric(METRICS, 'loss', each.loss),
    formatMetric(METRICS, 'loss', each.trainedLoss),
    each.encodedBits === undefined ? '-' : formatBytes(each.encodedBits / 8),
    encodedShare(each),
    stepsOf(each, rungs),
    each.trainSeconds === undefined ? '-' : formatDuration(each.trainSeconds),
  ]);
  const notes = evaluations.flatMap((each) => {
    const text = noteOf(each, firstOf);
    return text === '' ? [] : [prose(`evaluation ${each.number}: ${text}`, 2)];
  });
  const spare = ['of expected', 'stored', 'trained', 'evaluation'];
  const { text, nLeftOut } = fittedTable(columns, rows, spare);
  return [text, ...leftOutLines(nLeftOut, '--json'), ...notes].join('\n');
}

/** `began from the weights of candidate 7, at a loss of 3.2145`, and what went wrong. */
function noteOf(
  { donorHash, inheritedLoss, reason, state, feasible }: EvaluationResult,
  firstOf: (architectureHash: string) => number | undefined,
): string {
  const donor = donorHash === undefined ? undefined : (firstOf(donorHash) ?? donorHash);
  const began =
    inheritedLoss === undefined
      ? []
      : [`began from the weights of candidate ${donor}, at a loss of ${inheritedLoss.toFixed(4)}`];
  const wrong = reason ?? (state === 'ok' && !feasible ? 'breaks a constraint' : undefined);
  return [...began, ...(wrong === undefined ? [] : [wrong])].join('; ');
}

/** Exact size of the encoded model that was measured over what the cost model expects of it. */
function encodedShare({ encodedBits, expectedBits }: EvaluationResult): string {
  if (encodedBits === undefined || expectedBits === undefined) return '-';
  return `${((100 * encodedBits) / expectedBits).toFixed(1)} %`;
}

function costTable(
  { trainedCosts, deployedCosts }: CandidateRecord,
  metrics: MetricTable,
  isScaled: boolean,
): string {
  const known = Object.keys(metrics).filter((metric) => deployedCosts[metric] !== undefined);
  const columns = [
    { heading: 'metric', align: 'left' as const },
    { heading: 'deployed' },
    ...(isScaled ? [{ heading: 'trained' }] : []),
  ];
  const rows = known.map((metric) => [
    metric,
    formatMetric(metrics, metric, deployedCosts[metric]),
    ...(isScaled ? [formatMetric(metrics, metric, trainedCosts[metric])] : []),
  ]);
  return formatTable(columns, rows);
}
