// What a model costs on an accelerator: the pure function a search calls for each candidate. Distinct blocks are
// priced once for each setting and remembered, so that a further model of known blocks is a sum.
import type { Layer } from '../space/architecture.ts';
import { type LayerDeployment, WEIGHT_FORMATS, type WeightFormat } from '../space/deployment.ts';
import type { MetricValues } from '../space/metrics.ts';
import type { Accelerator, ValidationRecord } from './accelerator.ts';
import type { CostInput } from './cost-input.ts';
import { HardwareError } from './errors.ts';
import { adviseFit, findSmallestCards } from './fit-advice.ts';
import {
  layerKvBytes,
  type OperationCost,
  type OperationName,
  type Pass,
  priceLayer,
  priceOuter,
  type Setting,
  sequenceSeconds,
} from './layer-cost.ts';
import { deviceMemory, outerBytes } from './memory.ts';
import { layerCounts, type OuterCounts, outerCounts } from './model-shape.ts';
import { checkInput, checkLayer, checkWeightFormat } from './validate.ts';

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

/** Mean relative errors that the accelerator's validation rows showed; absent where it has none. */
export interface ExpectedErrorRatio {
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
  readonly fitsInMemory: boolean;
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
  readonly joulesPerToken: number;
  readonly dollarsPerMillionTokens: number | undefined;
  readonly expectedErrorRatio: ExpectedErrorRatio;
  /** In words: what the expected errors rest on, or that there is nothing they could rest on. */
  readonly calibration: string;
  readonly breakdown: readonly BreakdownRow[];
}

interface PassTotals {
  readonly operations: readonly OperationCost[];
  readonly seconds: number;
  readonly busySeconds: number;
}

/** All that one block adds to an estimate. */
interface BlockPrice {
  readonly decode: PassTotals;
  readonly prefill: PassTotals;
  readonly firstToken: PassTotals;
  readonly parameters: number;
  readonly weights: number;
  readonly decodeMacs: number;
  readonly weightBytes: number;
  readonly deviceWeightBytes: number;
  readonly kvBytesPerToken: number;
  readonly deviceKvBytesPerToken: number;
}

/** All that lies outside the blocks. */
interface OuterPrice {
  readonly decode: PassTotals;
  readonly prefill: PassTotals;
  readonly firstToken: PassTotals;
  readonly counts: OuterCounts;
  readonly parameters: number;
  readonly decodeMacs: number;
  readonly weightBytes: number;
  readonly deviceWeightBytes: number;
}

function passTotals(operations: readonly OperationCost[]): PassTotals {
  let seconds = 0;
  let busySeconds = 0;
  for (const operation of operations) {
    seconds += operation.seconds;
    busySeconds += operation.busySeconds;
  }
  return { operations, seconds, busySeconds };
}

/** The three passes of an estimate. */
interface Passes {
  readonly decode: Pass;
  readonly prefill: Pass;
  readonly firstToken: Pass;
  /** Positions for which the KV cache has room. */
  readonly heldTokens: number;
}

function planPasses(input: CostInput): Passes {
  const { accelerator, workload, compiledContexts } = input;
  const { batch, promptTokens, generatedTokens } = workload;
  const needed = promptTokens + generatedTokens;
  const isStatic = accelerator.staticShapes !== undefined;
  let heldTokens = needed;
  if (isStatic && compiledContexts !== undefined && compiledContexts.length > 0) {
    const roomy = compiledContexts.filter((context) => context >= needed);
    if (roomy.length === 0) {
      throw new HardwareError(
        'bad-workload',
        `no compiled context holds prompt and generated tokens (${needed}): ${compiledContexts.join(', ')}`,
      );
    }
    heldTokens = Math.min(...roomy);
  }
  const pastTokens = isStatic ? heldTokens - 1 : promptTokens + generatedTokens / 2;
  const prefill: Pass = { nSequences: batch, newTokens: promptTokens, pastTokens: 0, logitRows: 1 };
  return {
    decode: { nSequences: batch, newTokens: 1, pastTokens: Math.max(1, pastTokens), logitRows: 1 },
    prefill,
    firstToken: { ...prefill, nSequences: 1 },
    heldTokens,
  };
}

interface Book {
  readonly setting: Setting;
  readonly passes: Passes;
  /** Blocks by (heads, kv heads, feed-forward), then by (format, sparsity). */
  readonly blocks: Map<number, Map<number, BlockPrice>>;
  readonly outers: Map<WeightFormat, OuterPrice>;
  size: number;
}

const FORMAT_NUMBER = new Map<string, number>(WEIGHT_FORMATS.map((format, i) => [format, i]));
const MAX_BLOCKS = 65_536;
const MAX_BOOKS = 64;
/** Remembered prices: they follow from the key alone, so results do not depend on what is remembered. */
const books = new WeakMap<Accelerator, Map<string, Book>>();

function bookKey({ architecture: a, deployment: d, workload: w, compiledContexts }: CostInput): string {
  const details = a.details === undefined ? '' : JSON.stringify(a.details);
  const contexts = compiledContexts === undefined ? '' : compiledContexts.join(',');
  return `${a.dModel}/${a.headDim}/${a.vocabSize}/${a.tieEmbeddings}/${d.nCards}/${d.kvCacheFormat}/${w.batch}/${w.promptTokens}/${w.generatedTokens}/${contexts}${details}`;
}

function openBook(input: CostInput): Book {
  const { accelerator, architecture, deployment } = input;
  let shelf = books.get(accelerator);
  if (shelf === undefined) {
    shelf = new Map();
    books.set(accelerator, shelf);
  }
  const key = bookKey(input);
  let book = shelf.get(key);
  if (book === undefined) {
    checkInput(input);
    if (shelf.size >= MAX_BOOKS) shelf.clear();
    const { layers: _, ...shape } = architecture;
    const setting: Setting = {
      accelerator,
      nDevices: deployment.nCards * accelerator.devicesPerCard,
      shape,
      kvCacheFormat: deployment.kvCacheFormat,
    };
    book = { setting, passes: planPasses(input), blocks: new Map(), outers: new Map(), size: 0 };
    shelf.set(key, book);
  }
  return book;
}

function priceBlock(book: Book, layer: Layer, stored: LayerDeployment): BlockPrice {
  const { setting, passes } = book;
  checkLayer(layer, stored);
  const decode = passTotals(priceLayer(setting, passes.decode, layer, stored));
  const prefill = passTotals(priceLayer(setting, passes.prefill, layer, stored));
  const firstToken =
    passes.decode.nSequences === 1
      ? prefill
      : passTotals(priceLayer(setting, passes.firstToken, layer, stored));
  const counts = layerCounts(setting.shape, layer);
  const vectors = counts.attentionVectors + counts.feedForwardVectors;
  const vectorBytes = vectors * (stored.weightFormat === 'fp32' ? 4 : 2);
  const weights = counts.attentionWeights + counts.feedForwardWeights;
  const kv = layerKvBytes(setting, layer);
  const sum = (pick: (operation: OperationCost) => number) =>
    decode.operations.reduce((total, operation) => total + pick(operation), 0);
  return {
    decode,
    prefill,
    firstToken,
    parameters: weights + vectors,
    weights,
    decodeMacs: sum((operation) => operation.macs),
    weightBytes: sum((operation) => operation.weightBytes) + vectorBytes,
    deviceWeightBytes: sum((operation) => operation.deviceWeightBytes) + vectorBytes,
    kvBytesPerToken: kv.whole,
    deviceKvBytesPerToken: kv.device,
  };
}

function blockPrice(book: Book, layer: Layer, stored: LayerDeployment): BlockPrice {
  const layerKey = (layer.dFf * 4096 + layer.nHeads) * 4096 + layer.nKvHeads;
  const storedKey = (FORMAT_NUMBER.get(stored.weightFormat) ?? -1) + stored.sparsity;
  let byStorage = book.blocks.get(layerKey);
  let price = byStorage?.get(storedKey);
  if (price === undefined) {
    price = priceBlock(book, layer, stored);
    if (book.size >= MAX_BLOCKS) {
      book.blocks.clear();
      book.size = 0;
      byStorage = undefined;
    }
    if (byStorage === undefined) {
      byStorage = new Map();
      book.blocks.set(layerKey, byStorage);
    }
    byStorage.set(storedKey, price);
    book.size += 1;
  }
  return price;
}

function watts({ power }: Accelerator, busySeconds: number, seconds: number): number {
  const utilisation = seconds === 0 ? 0 : Math.min(1, busySeconds / seconds);
  return power.idleWatts + (power.loadWatts - power.idleWatts) * utilisation;
}

function describeCalibration({ validation }: Accelerator): string {
  if (validation.length === 0)
    return 'uncalibrated: no measured rows of this device; efficiencies are assumed';
  const parts = validation.map(
    ({ figure, errorRatio, rows, source }) =>
      `${figure} ${(errorRatio * 100).toFixed(1)} % on ${rows} measured rows (${source})`,
  );
  return `mean error: ${parts.join('; ')}`;
}

function expectedErrors(validation: readonly ValidationRecord[]): ExpectedErrorRatio {
  return Object.fromEntries(validation.map(({ figure, errorRatio }) => [figure, errorRatio]));
}

const descriptions = new WeakMap<Accelerator, { calibration: string; errors: ExpectedErrorRatio }>();

function describe(accelerator: Accelerator): { calibration: string; errors: ExpectedErrorRatio } {
  let known = descriptions.get(accelerator);
  if (known === undefined) {
    known = {
      calibration: describeCalibration(accelerator),
      errors: expectedErrors(accelerator.validation),
    };
    descriptions.set(accelerator, known);
  }
  return known;
}

function outerPrice(book: Book, headFormat: WeightFormat): OuterPrice {
  const known = book.outers.get(headFormat);
  if (known !== undefined) return known;
  checkWeightFormat(headFormat);
  const { setting, passes } = book;
  const price = (pass: Pass) => passTotals(priceOuter(setting, pass, headFormat));
  const decode = price(passes.decode);
  const prefill = price(passes.prefill);
  const counts = outerCounts(setting.shape);
  const bytes = outerBytes(setting, headFormat);
  const outer: OuterPrice = {
    decode,
    prefill,
    firstToken: passes.decode.nSequences === 1 ? prefill : price(passes.firstToken),
    counts,
    parameters:
      counts.embeddingWeights +
      (setting.shape.tieEmbeddings ? 0 : counts.headWeights) +
      counts.projectionWeights +
      counts.positionWeights +
      counts.vectors,
    decodeMacs: passes.decode.nSequences * (counts.headWeights + counts.projectionWeights),
    weightBytes: bytes.whole,
    deviceWeightBytes: bytes.device,
  };
  book.outers.set(headFormat, outer);
  return outer;
}

function breakdownOf(
  blocks: readonly BlockPrice[],
  outer: Pick<BlockPrice, 'decode' | 'prefill'>,
): BreakdownRow[] {
  const rows = (price: Pick<BlockPrice, 'decode' | 'prefill'>, layer: number | undefined) =>
    price.decode.operations.map((decode, i): BreakdownRow => {
      const prefill = price.prefill.operations[i]!;
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
  return [...blocks.flatMap((block, layer) => rows(block, layer)), ...rows(outer, undefined)];
}

interface Sums {
  decodeSeconds: number;
  decodeBusy: number;
  prefillSeconds: number;
  prefillBusy: number;
  firstToken: number;
  parameters: number;
  weights: number;
  macs: number;
  weightBytes: number;
  deviceWeightBytes: number;
  kvBytes: number;
  deviceKvBytes: number;
  widestFeedForward: number;
}

function sumBlocks(book: Book, input: CostInput): { sums: Sums; blocks: BlockPrice[] } {
  const { architecture, deployment } = input;
  const sums: Sums = {
    decodeSeconds: 0,
    decodeBusy: 0,
    prefillSeconds: 0,
    prefillBusy: 0,
    firstToken: 0,
    parameters: 0,
    weights: 0,
    macs: 0,
    weightBytes: 0,
    deviceWeightBytes: 0,
    kvBytes: 0,
    deviceKvBytes: 0,
    widestFeedForward: 0,
  };
  const nLayers = architecture.layers.length;
  if (nLayers === 0) throw new HardwareError('bad-architecture', 'the architecture has no layers');
  if (deployment.layers.length !== nLayers) {
    throw new HardwareError(
      'bad-deployment',
      `the deployment describes ${deployment.layers.length} layers, the architecture has ${nLayers}`,
    );
  }
  const blocks: BlockPrice[] = new Array(nLayers);
  for (let i = 0; i < nLayers; i += 1) {
    const layer = architecture.layers[i]!;
    const block = blockPrice(book, layer, deployment.layers[i]!);
    blocks[i] = block;
    sums.decodeSeconds += block.decode.seconds;
    sums.decodeBusy += block.decode.busySeconds;
    sums.prefillSeconds += block.prefill.seconds;
    sums.prefillBusy += block.prefill.busySeconds;
    sums.firstToken += block.firstToken.seconds;
    sums.parameters += block.parameters;
    sums.weights += block.weights;
    sums.macs += block.decodeMacs;
    sums.weightBytes += block.weightBytes;
    sums.deviceWeightBytes += block.deviceWeightBytes;
    sums.kvBytes += block.kvBytesPerToken;
    sums.deviceKvBytes += block.deviceKvBytesPerToken;
    if (layer.dFf > sums.widestFeedForward) sums.widestFeedForward = layer.dFf;
  }
  return { sums, blocks };
}

/**
 * The cost of serving an architecture. A model that does not fit is data (`fitsInMemory: false`).
 * @throws HardwareError for input that makes no sense or a format that the device does not know.
 */
export function estimateCost(input: CostInput): CostEstimate {
  const { deployment, accelerator, workload } = input;
  const book = openBook(input);
  const { setting, passes } = book;
  const { sums, blocks } = sumBlocks(book, input);
  const outer = outerPrice(book, deployment.headFormat);
  const sequences = sequenceSeconds(setting, passes.decode, sums.weights + outer.counts.headWeights);
  const decodeSecondsPerToken = sums.decodeSeconds + outer.decode.seconds + sequences;
  const prefillSeconds = sums.prefillSeconds + outer.prefill.seconds;
  const timeToFirstTokenSeconds = sums.firstToken + outer.firstToken.seconds;
  const memory = deviceMemory(setting, workload, passes.heldTokens, {
    weightBytes: sums.deviceWeightBytes + outer.deviceWeightBytes,
    kvBytesPerToken: sums.deviceKvBytes,
    widestFeedForward: sums.widestFeedForward,
  });
  const { batch, generatedTokens } = workload;
  // The first token comes out of the prefill.
  const decodeSteps = Math.max(0, generatedTokens - 1);
  const requestSeconds = prefillSeconds + decodeSteps * decodeSecondsPerToken;
  const tokensPerSecond = (batch * generatedTokens) / requestSeconds;
  const waiting = generatedTokens > 0 ? ((batch - 1) / generatedTokens) * timeToFirstTokenSeconds : 0;
  const steadySecondsPerToken = decodeSecondsPerToken + waiting;
  const prefillWatts = watts(accelerator, sums.prefillBusy + outer.prefill.busySeconds, prefillSeconds);
  const decodeBusy = sums.decodeBusy + outer.decode.busySeconds + sequences;
  const decodeWatts = watts(accelerator, decodeBusy, decodeSecondsPerToken);
  const joulesPerRequest =
    setting.nDevices * (prefillWatts * prefillSeconds + decodeWatts * decodeSteps * decodeSecondsPerToken);
  const fitsInMemory = memory.neededBytes <= memory.usableBytes;
  const known = describe(accelerator);
  return {
    parameters: sums.parameters + outer.parameters,
    macs: sums.macs + outer.decodeMacs,
    weightBytes: sums.weightBytes + outer.weightBytes,
    kvBytesPerToken: sums.kvBytes,
    kvCacheBytes: sums.kvBytes * batch * passes.heldTokens,
    memoryBytes: setting.nDevices * memory.modelBytes,
    memoryBytesPerCard: accelerator.devicesPerCard * memory.neededBytes,
    usableBytesPerCard: accelerator.devicesPerCard * memory.usableBytes,
    fitsInMemory,
    get toFit() {
      return fitsInMemory ? [] : adviseFit(input, fits);
    },
    prefillSeconds,
    timeToFirstTokenSeconds,
    decodeSecondsPerToken,
    requestSeconds,
    tokensPerSecond,
    steadySecondsPerToken,
    steadyTokensPerSecond: batch / steadySecondsPerToken,
    joulesPerToken: generatedTokens === 0 ? 0 : joulesPerRequest / (batch * generatedTokens),
    dollarsPerMillionTokens: dollarsPerMillionTokens(accelerator, deployment.nCards, tokensPerSecond),
    expectedErrorRatio: known.errors,
    calibration: known.calibration,
    get breakdown() {
      return breakdownOf(blocks, outer);
    },
  };
}

function fits(input: CostInput): boolean {
  return estimateCost(input).fitsInMemory;
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
    energy: cost.joulesPerToken,
    ...(cost.dollarsPerMillionTokens === undefined ? {} : { price: cost.dollarsPerMillionTokens }),
  };
}
