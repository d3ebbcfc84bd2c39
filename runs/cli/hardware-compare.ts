// Two accelerators side by side on one model.
import { type CostEstimate, type CostInput, smallestCards } from '../../hardware/index.ts';
import { describeWeights } from '../describe.ts';
import {
  formatBytes,
  formatCount,
  formatJoules,
  formatNumber,
  formatSeconds,
  formatShare,
  formatTable,
  plural,
} from '../format.ts';
import { requestError } from './estimate-text.ts';
import { cardOf, rate, summaryOf } from './hardware-figures.ts';

export interface Side {
  readonly input: CostInput;
  readonly cost: CostEstimate;
}

const flops = (flopsPerSecond: number): string =>
  flopsPerSecond === 0 ? '-' : `${formatCount(flopsPerSecond)}FLOPS`;

export function compareDocument(model: string, sides: readonly [Side, Side]) {
  const [a, b] = sides.map(({ input, cost }) => {
    const { breakdown: _, ...figures } = cost.toJSON();
    const cards = cost.fits ? undefined : smallestCards(input);
    return {
      accelerator: summaryOf(input.accelerator),
      ...figures,
      ...(cards === undefined ? {} : { smallestCards: cards }),
    };
  });
  const { deployment, workload } = sides[0].input;
  return { model, deployment, workload, a, b };
}

interface ComparedFigure {
  readonly name: string;
  readonly valueIn: (side: Side) => number | undefined;
  readonly format: (value: number) => string;
  /** Mean error to expect; absent for figures that have none. */
  readonly errorOf?: (side: Side) => number | undefined;
}

const ofRequest = ({ cost }: Side) =>
  requestError(cost.expectedError, cost.prefillSeconds, cost.requestSeconds);

const COMPARED: readonly ComparedFigure[] = [
  {
    name: 'bandwidth',
    valueIn: (side) => cardOf(side.input.accelerator).bandwidthBytesPerSecond,
    format: rate,
  },
  {
    name: '16-bit peak',
    valueIn: (side) => cardOf(side.input.accelerator).halfPeakFlopsPerSecond,
    format: flops,
  },
  {
    name: 'load power',
    valueIn: (side) => cardOf(side.input.accelerator).loadWatts,
    format: (watts) => `${formatNumber(watts)} W`,
  },
  { name: 'usable memory', valueIn: ({ cost }) => cost.usableBytesPerCard, format: formatBytes },
  { name: 'memory needed', valueIn: ({ cost }) => cost.memoryBytesPerCard, format: formatBytes },
  {
    name: 'prefill',
    valueIn: ({ cost }) => cost.prefillSeconds,
    format: formatSeconds,
    errorOf: ({ cost }) => cost.expectedError.prefill,
  },
  {
    name: 'first token',
    valueIn: ({ cost }) => cost.timeToFirstTokenSeconds,
    format: formatSeconds,
    errorOf: ({ cost }) => cost.expectedError.prefill,
  },
  {
    name: 'decode step',
    valueIn: ({ cost }) => cost.decodeSecondsPerToken,
    format: formatSeconds,
    errorOf: ({ cost }) => cost.expectedError.decode,
  },
  { name: 'request', valueIn: ({ cost }) => cost.requestSeconds, format: formatSeconds, errorOf: ofRequest },
  {
    name: 'tokens a second',
    valueIn: ({ cost }) => cost.tokensPerSecond,
    format: formatNumber,
    errorOf: ofRequest,
  },
  {
    name: 'energy a token',
    valueIn: ({ cost }) => cost.energyJoulesPerToken,
    format: formatJoules,
    errorOf: () => undefined,
  },
  {
    name: '$ a million tokens',
    valueIn: ({ cost }) => cost.dollarsPerMillionTokens,
    format: (dollars) => `$${formatNumber(dollars)}`,
    errorOf: ofRequest,
  },
];

export function compareText(model: string, sides: readonly [Side, Side]): string {
  const { deployment, workload, architecture } = sides[0].input;
  const { cost } = sides[0];
  const { nCards, kvCacheFormat } = deployment;
  const left = (heading: string) => ({ heading, align: 'left' as const });
  const widths = sides.map((side) => Math.max(...COMPARED.map((figure) => errorCell(figure, side).length)));
  const rows = COMPARED.map((figure) => {
    const [a, b] = sides.map(figure.valueIn) as [number | undefined, number | undefined];
    return [figure.name, ...sides.map((side, i) => cellOf(figure, side, widths[i]!)), ratioOf(a, b)];
  });
  const names = sides.map(({ input }) => ({ heading: input.accelerator.name }));
  return [
    `${model}: ${formatCount(cost.parameters)} parameters, ${formatBytes(cost.weightBytes)} of weights, ` +
      `${formatBytes(cost.kvBytesPerToken)} of KV cache a token`,
    `weights ${describeWeights(architecture, deployment)}, KV cache ${kvCacheFormat}, ${architecture.layers.length} layers, ` +
      `${plural(nCards, 'card')} each`,
    `batch ${workload.batch}, ${workload.promptTokens} tokens in, ${workload.generatedTokens} out`,
    '',
    formatTable([left('one card'), ...names, { heading: 'b to a' }], rows),
    '',
    ...sides.filter((side) => !side.cost.fits).map(misfitOf),
    '+-: mean error on measured rows; ?: uncalibrated, no rows of that figure',
  ].join('\n');
}

/** `+-1.2 %`, `?` where nothing was measured, nothing for figures that have no error. */
function errorCell({ errorOf, valueIn }: ComparedFigure, side: Side): string {
  if (errorOf === undefined || valueIn(side) === undefined) return '';
  const error = errorOf(side);
  return error === undefined ? '?' : `+-${formatShare(error)}`;
}

/** Errors are padded behind the values, so that the values stand in a column. */
function cellOf(figure: ComparedFigure, side: Side, errorWidth: number): string {
  const value = figure.valueIn(side);
  const shown = value === undefined ? '-' : figure.format(value);
  return `${shown} ${errorCell(figure, side).padEnd(errorWidth)}`;
}

function ratioOf(a: number | undefined, b: number | undefined): string {
  return a === undefined || b === undefined || a === 0 ? '-' : `x${formatNumber(b / a)}`;
}

function misfitOf({ input }: Side): string {
  const { name, maxCards } = input.accelerator;
  const cards = smallestCards(input);
  const answer = cards === undefined ? `nor on any number up to ${maxCards}` : `${cards} cards hold it`;
  return `${name}: DOES NOT FIT; ${answer}`;
}
