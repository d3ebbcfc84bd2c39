// An estimate for people: each figure with the error to expect of it.

import type {
  CostEstimate,
  CostInput,
  ExpectedError,
  Sensitivity,
  SensitivityMetric,
  SpeculationEstimate,
} from '../../hardware/index.ts';
import { isSparse } from '../../space/deployment.ts';
import { breakdownTable, sumParts } from '../candidates/breakdown.ts';
import { describeWeights } from '../describe.ts';
import {
  formatBytes,
  formatCount,
  formatJoules,
  formatNumber,
  formatRate,
  formatSeconds,
  formatShare,
  formatTable,
} from '../format.ts';

export interface Estimated {
  readonly path: string;
  readonly input: CostInput;
  /** The target alone. */
  readonly cost: CostEstimate;
  readonly speculation: SpeculationEstimate | undefined;
  readonly draftPath: string | undefined;
  /** Cards that hold the model where those asked for do not. */
  readonly smallestCards: number | undefined;
  readonly sensitivity:
    | { readonly metric: SensitivityMetric; readonly changes: readonly Sensitivity[] }
    | undefined;
}

export function estimateText(estimated: Estimated): string {
  const { path, input, cost, speculation } = estimated;
  const { accelerator, deployment, workload } = input;
  const { nCards, kvCacheFormat } = deployment;
  const fits = (speculation ?? cost).fits;
  return [
    `${path} on ${nCards === 1 ? '' : `${nCards} cards of `}${accelerator.title}`,
    `weights ${describeWeights(input.architecture, deployment)}, KV cache ${kvCacheFormat}, ${input.architecture.layers.length} layers`,
    `batch ${workload.batch}, ${workload.promptTokens} tokens in, ${workload.generatedTokens} out`,
    ...(speculation === undefined ? [] : speculationLines(estimated, speculation)),
    '',
    figureTable(estimated),
    ...(fits ? [] : ['', fitAdvice(estimated)]),
    '',
    wrapped(cost.calibration),
    '',
    breakdownTable(
      sumParts(cost.breakdown, ({ operation }) => operation),
      'operation',
    ),
    ...(estimated.sensitivity === undefined ? [] : ['', sensitivityTable(estimated.sensitivity)]),
  ].join('\n');
}

/** Lines of at most 80 characters, broken at blanks. */
function wrapped(text: string): string {
  return text.replace(/(.{1,80})(?:\s+|$)/g, '$1\n').trimEnd();
}

/** `+-1.2 %`, or that nothing is known of it. */
function within(ratio: number | undefined): string {
  return ratio === undefined ? 'uncalibrated' : `+-${formatShare(ratio)}`;
}

/** Parts of a request that take less than this share may be uncalibrated. */
const SMALL_SHARE = 0.05;

/** Error of a request's time: measured, or that of prefill and decode in the shares that they have of it. */
export function requestError(
  error: ExpectedError,
  prefillSeconds: number,
  requestSeconds: number,
): number | undefined {
  if (error.throughput !== undefined) return error.throughput;
  const prefillShare = requestSeconds === 0 ? 0 : prefillSeconds / requestSeconds;
  let total = 0;
  let known = 0;
  for (const [ratio, share] of [
    [error.prefill, prefillShare],
    [error.decode, 1 - prefillShare],
  ] as const) {
    if (ratio === undefined) continue;
    total += ratio * share;
    known += share;
  }
  return known < 1 - SMALL_SHARE ? undefined : total / known;
}

function figureTable({ cost, speculation, input }: Estimated): string {
  const { expectedError: error } = cost;
  const joint = speculation ?? cost;
  const hasZeros = isSparse(input.deployment);
  const drafts = (speculation?.draftLength ?? 0) > 0;
  // The share of accepted tokens is the user's word, so the error is that of the passes alone.
  const withinRound = (ratio: number | undefined) =>
    within(ratio) + (drafts && ratio !== undefined ? ' a pass, given the acceptance' : '');
  const ofRequest = withinRound(requestError(error, joint.prefillSeconds, joint.requestSeconds));
  const rows: [string, string, string][] = [
    ['parameters', formatCount(cost.parameters), 'exact'],
    ['MACs a decode step', formatCount(cost.macs), 'exact'],
    ['weights', formatBytes(cost.weightBytes), hasZeros ? 'exact on average over random zeros' : 'exact'],
    ['KV cache', formatBytes(cost.kvCacheBytes), `exact; ${formatBytes(cost.kvBytesPerToken)} a token`],
    [
      'memory a card',
      formatBytes(joint.memoryBytesPerCard),
      `${joint.fits ? '' : 'DOES NOT FIT: '}${formatBytes(cost.usableBytesPerCard)} usable`,
    ],
    ['prefill', formatSeconds(joint.prefillSeconds), within(error.prefill)],
    [
      'time to first token',
      formatSeconds(cost.timeToFirstTokenSeconds),
      `${within(error.prefill)}; one prompt, no queue`,
    ],
    [
      drafts ? 'decode a token' : 'decode step',
      formatSeconds(joint.decodeSecondsPerToken),
      withinRound(error.decode),
    ],
    ['request', formatSeconds(joint.requestSeconds), ofRequest],
    ['throughput', formatRate(joint.tokensPerSecond), ofRequest],
    ['energy a token', formatJoules(joint.energyJoulesPerToken), 'uncalibrated'],
  ];
  if (joint.dollarsPerMillionTokens !== undefined) {
    const priced = `${ofRequest}; price of ${input.accelerator.price?.date}`;
    rows.push(['a million tokens', `$${formatNumber(joint.dollarsPerMillionTokens)}`, priced]);
  }
  const left = (heading: string) => ({ heading, align: 'left' as const });
  return formatTable([left('figure'), { heading: 'value' }, left('expected error')], rows);
}

function fitAdvice({ input, cost, speculation, smallestCards }: Estimated): string {
  const { accelerator } = input;
  if (cost.fits && speculation !== undefined) return 'does not fit: the target alone would';
  const cards =
    smallestCards === undefined
      ? `no number of cards up to ${accelerator.maxCards} holds it`
      : `the smallest number of cards that holds it is ${smallestCards}`;
  const others = cost.toFit.filter((change) => !change.startsWith(`${smallestCards} cards`));
  const advice = others.length === 0 ? '' : `; otherwise: ${others.join('; ')}`;
  return wrapped(`does not fit: ${cards}${advice}`);
}

function speculationLines({ draftPath }: Estimated, speculation: SpeculationEstimate): string[] {
  const { draft, draftLength, expectedTokensPerRound, speedup, target } = speculation;
  const who = `draft ${draftPath} (${formatCount(draft!.parameters)} parameters)`;
  if (draftLength === 0) return [`${who}: best not used, no draft length pays at this acceptance`];
  const alone = formatSeconds(target.decodeSecondsPerToken);
  return [
    `${who},`,
    `  ${draftLength} tokens drafted, ${formatNumber(expectedTokensPerRound)} expected out of a round,`,
    `  ${formatNumber(speedup)}x the decode speed of the target alone (${alone} a token)`,
  ];
}

const MAX_CHANGES = 15;

/** Equal changes that save the same in several layers are one line. */
function sensitivityTable({ metric, changes }: NonNullable<Estimated['sensitivity']>): string {
  const groups = new Map<string, { what: string; layers: number[]; change: Sensitivity }>();
  for (const change of changes) {
    const what = change.change.replace(/^layer \d+: /, '');
    const key = `${what} ${change.savedRatio.toPrecision(6)}`;
    const group = groups.get(key) ?? { what, layers: [], change };
    if (change.layer !== undefined) group.layers.push(change.layer);
    groups.set(key, group);
  }
  const useful = [...groups.values()].filter(({ change }) => change.savedRatio > 1e-6);
  const format = metricFormat(metric);
  const rows = useful.slice(0, MAX_CHANGES).map(({ what, layers, change }) => {
    return [`${whereOf(layers)}${what}`, formatShare(change.savedRatio), format(change.after)];
  });
  const rest = useful.length - rows.length;
  const columns = [{ heading: 'change', align: 'left' as const }, { heading: 'saves' }, { heading: 'then' }];
  const before = changes[0] === undefined ? '' : ` (now ${format(changes[0].before)})`;
  return [
    `what single changes save of ${metric}${before}`,
    '(what they cost in quality is not counted)',
    formatTable(columns, rows),
    ...(rest > 0 ? [`and ${rest} that save less`] : []),
  ].join('\n');
}

function whereOf(layers: readonly number[]): string {
  if (layers.length === 0) return '';
  if (layers.length === 1) return `layer ${layers[0]}: `;
  return `each of ${layers.length} layers (${Math.min(...layers)} to ${Math.max(...layers)}): `;
}

function metricFormat(metric: SensitivityMetric): (value: number) => string {
  if (metric === 'memoryBytes') return formatBytes;
  if (metric === 'energyJoulesPerToken') return formatJoules;
  return formatSeconds;
}
