// What a model costs on an accelerator: the pure function a search calls for each candidate.
import { weightFormatsOf } from '../space/deployment.ts';
import type { MetricValues } from '../space/metrics.ts';
import type { Accelerator, ValidationRecord } from './accelerator.ts';
import type { CostInput } from './cost-input.ts';
import { deviceJoules } from './energy.ts';
import { HardwareError } from './errors.ts';
import { adviseFit, findSmallestCards } from './fit-advice.ts';
import { type OperationName, sequenceSeconds } from './layer-cost.ts';
import { deviceMemory } from './memory.ts';
import {
  blockPrice,
  N_TOTALS,
  openBook,
  outerPrice,
  type PartPrice,
  type PriceBook,
  TOTALS,
} from './price-book.ts';
import { familyOf } from './weight-bits.ts';

/** One operation of one block; `layer` is undefined outside the blocks. Seconds are of a whole pass. */
export interface BreakdownRow {
  readonly layer: number | undefined;
  readonly operation: OperationName;
  readonly decodeSeconds: number;
  readonly prefillSeconds: number;
  /** Decode step: multiply-accumulates of the whole batch, bytes moved by one device. */
  readonly decodeMacs: number;
  readonly decodeBytes: number;
  /** The same for the prefill of the whole batch. */
  readonly prefillMacs: number;
  readonly prefillBytes: number;
  readonly weightBytes: number;
}

/**
 * Mean relative errors that the accelerator's validation rows showed; absent where it has none, and where a weight
 * format of the deployment is only assumed there or the batch is beyond the measured ones.
 */
export interface ExpectedError {
  readonly decode?: number;
  readonly prefill?: number;
  readonly throughput?: number;
}

export interface CostEstimate {
  readonly parameters: number;
  /** Multiply-accumulates of one decode step of the whole batch at mid-generation context. */
  readonly macs: number;
  readonly weightBytes: number;
  /** Without the copies that tensor parallelism makes. */
  readonly kvBytesPerToken: number;
  readonly kvCacheBytes: number;
  /** Weights, KV cache and activations on all cards, copies included. */
  readonly memoryBytes: number;
  /** What the fullest card must hold, runtime reserve included, and what it may hold. */
  readonly memoryBytesPerCard: number;
  readonly usableBytesPerCard: number;
  readonly fits: boolean;
  /** What would make it fit, most direct first; empty when it fits. */
  readonly toFit: readonly string[];
  /** Prefill of the whole batch at once. */
  readonly prefillSeconds: number;
  /** One prompt on an idle device: the time to first token without any queue. */
  readonly timeToFirstTokenSeconds: number;
  /** One decode step of the batch at mid-generation context. */
  readonly decodeSecondsPerToken: number;
  readonly requestSeconds: number;
  /** Generated tokens of the whole batch over the whole request, prefill included. */
  readonly tokensPerSecond: number;
  /** Continuous batching: a decode step with the prefills of arriving requests in between, and its rate. */
  readonly steadySecondsPerToken: number;
  readonly steadyTokensPerSecond: number;
  /** All cards, whole request, a generated token. */
  readonly energyJoulesPerToken: number;
  /** All cards: the prefill of the batch, and one decode step of it. */
  readonly prefillJoules: number;
  readonly decodeStepJoules: number;
  readonly dollarsPerMillionTokens: number | undefined;
  readonly expectedError: ExpectedError;
  /** In words: what the expected errors rest on, or that there is nothing they could rest on. */
  readonly calibration: string;
  readonly breakdown: readonly BreakdownRow[];
  /** All of the above as plain data. */
  toJSON(): Omit<CostEstimate, 'toJSON'>;
}

/** Formats of a deployment whose figures on this device are assumed, not measured or fitted. */
function assumedFormats({ accelerator, deployment }: CostInput): string[] {
  const formats = weightFormatsOf(deployment.layers);
  return formats.filter((format) => !accelerator.weightFormats[familyOf(format)].isCalibrated);
}

/** Whether measured rows say anything about a batch of this size. */
function covers({ maxBatch }: ValidationRecord, { workload }: CostInput): boolean {
  return maxBatch === undefined || workload.batch <= maxBatch;
}

function describeCalibration(input: CostInput): string {
  const { validation } = input.accelerator;
  if (validation.length === 0) {
    return 'uncalibrated: there are no measured rows of this device, and efficiencies are assumed';
  }
  const known = validation.filter((record) => covers(record, input));
  if (known.length === 0) {
    const largest = Math.max(...validation.map(({ maxBatch }) => maxBatch ?? 0));
    return `uncalibrated at batch ${input.workload.batch}: the measured rows of this device go up to batch ${largest}`;
  }
  const parts = known.map(
    ({ figure, errorRatio, rows, source }) =>
      `${figure} ${(errorRatio * 100).toFixed(1)} % (${rows} rows: ${source})`,
  );
  const assumed = assumedFormats(input);
  const doubt = assumed.length === 0 ? '' : `uncalibrated for ${assumed.join(', ')}; other formats: `;
  return `${doubt}mean error ${parts.join('; ')}`;
}

function expectedErrors(input: CostInput): ExpectedError {
  if (assumedFormats(input).length > 0) return {};
  const known = input.accelerator.validation.filter((record) => covers(record, input));
  return Object.fromEntries(known.map(({ figure, errorRatio }) => [figure, errorRatio]));
}

function breakdownOf(input: CostInput): BreakdownRow[] {
  const book = openBook(input);
  const rows = (price: PartPrice, layer: number | undefined) =>
    price.decode.map((decode, i): BreakdownRow => {
      const prefill = price.prefill[i]!;
      return {
        layer,
        operation: decode.operation,
        decodeSeconds: decode.seconds,
        prefillSeconds: prefill.seconds,
        decodeMacs: decode.macs,
        decodeBytes: decode.bytes,
        prefillMacs: prefill.macs,
        prefillBytes: prefill.bytes,
        weightBytes: decode.weightBytes,
      };
    });
  const blocks = input.architecture.layers.flatMap((layer, i) =>
    rows(blockPrice(book, layer, input.deployment.layers[i]!, input.encodedRatios?.[i]), i),
  );
  return [...blocks, ...rows(outerPrice(book, input.deployment.embedding), undefined)];
}

/** One array for all estimates: its values are read before the next estimate begins. */
const scratch = new Float64Array(N_TOTALS);

/** Totals over the blocks and the part outside them, by TOTALS. */
function sumParts(book: PriceBook, { architecture, deployment, encodedRatios }: CostInput): Float64Array {
  const { layers } = architecture;
  if (layers.length === 0) throw new HardwareError('bad-architecture', 'the architecture has no layers');
  if (deployment.layers.length !== layers.length) {
    throw new HardwareError(
      'bad-deployment',
      `the deployment describes ${deployment.layers.length} layers, the architecture has ${layers.length}`,
    );
  }
  const sums = scratch;
  sums.set(outerPrice(book, deployment.embedding).totals);
  for (let i = 0; i < layers.length; i += 1) {
    const { totals } = blockPrice(book, layers[i]!, deployment.layers[i]!, encodedRatios?.[i]);
    for (let j = 0; j < N_TOTALS; j += 1) sums[j]! += totals[j]!;
  }
  return sums;
}

function widestFeedForward(input: CostInput): number {
  let widest = 0;
  for (const { dFf } of input.architecture.layers) if (dFf > widest) widest = dFf;
  return widest;
}

/**
 * An estimate whose explanations are made only when somebody looks: a search reads a few numbers of millions of
 * estimates, and making the rows would take most of its time. Serialises with all of them.
 */
class Estimate implements CostEstimate {
  readonly parameters: number;
  readonly macs: number;
  readonly weightBytes: number;
  readonly kvBytesPerToken: number;
  readonly kvCacheBytes: number;
  readonly memoryBytes: number;
  readonly memoryBytesPerCard: number;
  readonly usableBytesPerCard: number;
  readonly fits: boolean;
  readonly prefillSeconds: number;
  readonly timeToFirstTokenSeconds: number;
  readonly decodeSecondsPerToken: number;
  readonly requestSeconds: number;
  readonly tokensPerSecond: number;
  readonly steadySecondsPerToken: number;
  readonly steadyTokensPerSecond: number;
  readonly energyJoulesPerToken: number;
  readonly prefillJoules: number;
  readonly decodeStepJoules: number;
  readonly dollarsPerMillionTokens: number | undefined;
  readonly #input: CostInput;

  constructor(input: CostInput) {
    const { deployment, accelerator, workload } = input;
    const { batch, generatedTokens } = workload;
    const book = openBook(input);
    const { setting, passes } = book;
    const sums = sumParts(book, input);
    const sequences = sequenceSeconds(setting, passes.decode, sums[TOTALS.productWeights]!);
    const memory = deviceMemory(setting, workload, passes.heldTokens, {
      weightBytes: sums[TOTALS.deviceWeightBytes]!,
      kvBytesPerToken: sums[TOTALS.deviceKvBytesPerToken]!,
      widestFeedForward: widestFeedForward(input),
    });
    // The first token comes out of the prefill.
    const decodeSteps = Math.max(0, generatedTokens - 1);
    this.#input = input;
    this.parameters = sums[TOTALS.parameters]!;
    this.macs = sums[TOTALS.decodeMacs]!;
    this.weightBytes = sums[TOTALS.weightBytes]!;
    this.kvBytesPerToken = sums[TOTALS.kvBytesPerToken]!;
    this.kvCacheBytes = this.kvBytesPerToken * batch * passes.heldTokens;
    this.memoryBytes = setting.nDevices * memory.modelBytes;
    this.memoryBytesPerCard = accelerator.devicesPerCard * memory.neededBytes;
    this.usableBytesPerCard = accelerator.devicesPerCard * memory.usableBytes;
    this.fits = memory.neededBytes <= memory.usableBytes;
    this.prefillSeconds = sums[TOTALS.prefillSeconds]!;
    this.timeToFirstTokenSeconds = sums[TOTALS.firstTokenSeconds]!;
    this.decodeSecondsPerToken = sums[TOTALS.decodeSeconds]! + sequences;
    this.requestSeconds = this.prefillSeconds + decodeSteps * this.decodeSecondsPerToken;
    this.tokensPerSecond = (batch * generatedTokens) / this.requestSeconds;
    const prompts = generatedTokens > 0 ? (batch - 1) / generatedTokens : 0;
    const waiting = accelerator.prefillInterference * prompts * this.timeToFirstTokenSeconds;
    this.steadySecondsPerToken = this.decodeSecondsPerToken + waiting;
    this.steadyTokensPerSecond = batch / this.steadySecondsPerToken;
    const prefillBusySeconds = sums[TOTALS.prefillBusySeconds]!;
    const decodeBusySeconds = sums[TOTALS.decodeBusySeconds]! + sequences;
    this.prefillJoules =
      setting.nDevices * deviceJoules(accelerator, prefillBusySeconds, this.prefillSeconds);
    this.decodeStepJoules =
      setting.nDevices * deviceJoules(accelerator, decodeBusySeconds, this.decodeSecondsPerToken);
    this.energyJoulesPerToken =
      generatedTokens === 0
        ? 0
        : (this.prefillJoules + decodeSteps * this.decodeStepJoules) / (batch * generatedTokens);
    this.dollarsPerMillionTokens = dollarsPerMillionTokens(
      accelerator,
      deployment.nCards,
      this.tokensPerSecond,
    );
  }

  get expectedError(): ExpectedError {
    return expectedErrors(this.#input);
  }

  get calibration(): string {
    return describeCalibration(this.#input);
  }

  get toFit(): readonly string[] {
    return this.fits ? [] : adviseFit(this.#input, fits);
  }

  get breakdown(): readonly BreakdownRow[] {
    return breakdownOf(this.#input);
  }

  toJSON(): Omit<CostEstimate, 'toJSON'> {
    const { expectedError, calibration, toFit, breakdown } = this;
    return Object.assign({}, this, { expectedError, calibration, toFit, breakdown });
  }
}

/**
 * The cost of serving an architecture. A model that does not fit is data (`fits: false`).
 * @throws HardwareError for input that makes no sense or a format that the device does not know.
 */
export function estimateCost(input: CostInput): CostEstimate {
  return new Estimate(input);
}

function fits(input: CostInput): boolean {
  return estimateCost(input).fits;
}

/**
 * The smallest number of cards that holds the model, or `undefined` when even the most do not.
 * @throws HardwareError as {@link estimateCost}.
 */
export function smallestCards(input: CostInput): number | undefined {
  return findSmallestCards(input, fits);
}

function dollarsPerMillionTokens(
  { price }: Accelerator,
  nCards: number,
  tokensPerSecond: number,
): number | undefined {
  if (price === undefined || tokensPerSecond === 0) return undefined;
  return ((price.dollarsPerHour * nCards) / 3600 / tokensPerSecond) * 1e6;
}

/** The search's metrics that need no training. */
export function metricsOf(cost: CostEstimate): MetricValues {
  return {
    decodeLatency: cost.decodeSecondsPerToken,
    prefillLatency: cost.timeToFirstTokenSeconds,
    requestLatency: cost.requestSeconds,
    throughput: cost.tokensPerSecond,
    memory: cost.memoryBytes,
    weightBytes: cost.weightBytes,
    kvCacheBytes: cost.kvCacheBytes,
    parameters: cost.parameters,
    macs: cost.macs,
    energy: cost.energyJoulesPerToken,
    ...(cost.dollarsPerMillionTokens === undefined ? {} : { price: cost.dollarsPerMillionTokens }),
  };
}
