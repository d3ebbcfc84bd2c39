// A front in the forms that people and spreadsheets read: picture, table, CSV.
import { isAlike, LAYER_PARTS, type LayerDeployment, type WeightStorage } from '../../space/deployment.ts';
import type { Draft } from '../../space/draft.ts';
import { type MetricName, type MetricTable, type MetricValues, metricOf } from '../../space/metrics.ts';
import { markLabels, marksOf } from '../candidates/marks.ts';
import { describeArchitecture, describeDraft, describeWeights } from '../describe.ts';
import { type Column, formatCsv, formatMetric, metricHeading } from '../format.ts';
import type { FrontMember, StoredFront } from '../store/queries.ts';
import type { SpeculationRecord } from '../store/records.ts';
import { plot } from './plot.ts';
import { bold, fittedTable, leftOutLines, terminalWidth } from './terminal.ts';

/** Lines and columns of the picture; wider terminals leave it readable. */
const PLOT_HEIGHT = 16;
const PLOT_WIDTH = 100;

/** The first two objectives as a picture, the second across; empty where there is nothing to draw. */
export function frontPlot(
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
export function marksFor(
  metrics: MetricTable,
  objectives: readonly MetricName[],
  members: readonly FrontMember[],
) {
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

export function frontTable(
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

export function frontCsv(metrics: MetricTable, front: StoredFront | undefined): string {
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
