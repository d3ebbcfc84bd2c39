// Prices remembered for one setting: distinct blocks are priced once, and a further model of known blocks is a sum.
import type { Layer } from '../space/architecture.ts';
import type { LayerDeployment, WeightStorage } from '../space/deployment.ts';
import type { Accelerator } from './accelerator.ts';
import { type BlockTable, createBlockTable } from './block-table.ts';
import type { CostInput } from './cost-input.ts';
import { HardwareError } from './errors.ts';
import {
  layerKvBytes,
  type OperationCost,
  type Pass,
  priceLayer,
  priceOuter,
  type Setting,
  type StoredBlock,
} from './layer-cost.ts';
import { outerBytes } from './memory.ts';
import { layerCounts, outerCounts } from './model-shape.ts';
import { checkInput, checkLayer, checkStorage } from './validate.ts';

/** What a block, or the part outside the blocks, adds to an estimate. Seconds and device bytes are of one device. */
export interface PartPrice {
  readonly decode: readonly OperationCost[];
  readonly prefill: readonly OperationCost[];
  /** By {@link TOTALS}: flat numbers, because sums over blocks are the hot loop of a search. */
  readonly totals: Float64Array;
}

/** Places in {@link PartPrice.totals}. `productWeights` are those that a token is multiplied with. */
export const TOTALS = {
  decodeSeconds: 0,
  decodeBusySeconds: 1,
  prefillSeconds: 2,
  prefillBusySeconds: 3,
  firstTokenSeconds: 4,
  parameters: 5,
  productWeights: 6,
  decodeMacs: 7,
  weightBytes: 8,
  deviceWeightBytes: 9,
  kvBytesPerToken: 10,
  deviceKvBytesPerToken: 11,
} as const;
type TotalName = keyof typeof TOTALS;
export const N_TOTALS = 12;

function toTotals(values: Readonly<Record<TotalName, number>>): Float64Array {
  const totals = new Float64Array(N_TOTALS);
  for (const [name, at] of Object.entries(TOTALS)) totals[at] = values[name as TotalName];
  return totals;
}

/** The three passes of an estimate. */
interface Passes {
  readonly decode: Pass;
  readonly prefill: Pass;
  readonly firstToken: Pass;
  /** Positions for which the KV cache has room. */
  readonly heldTokens: number;
}

export interface PriceBook {
  readonly setting: Setting;
  readonly passes: Passes;
  readonly blocks: BlockTable<PartPrice>;
  /** By format and sparsity. */
  readonly outers: Map<string, PartPrice>;
}

interface Shelf {
  readonly byKey: Map<string, PriceBook>;
  last: { readonly input: CostInput; readonly book: PriceBook } | undefined;
}

const MAX_BOOKS = 64;
/** Prices follow from accelerator and key alone, so results do not depend on what is remembered. */
const shelves = new WeakMap<Accelerator, Shelf>();

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

function bookKey({ architecture: a, deployment: d, workload: w, compiledContexts }: CostInput): string {
  const details = a.details === undefined ? '' : JSON.stringify(a.details);
  const contexts = compiledContexts === undefined ? '' : compiledContexts.join(',');
  return [
    a.dModel,
    a.headDim,
    a.vocabSize,
    a.tieEmbeddings,
    d.nCards,
    d.kvCacheFormat,
    w.batch,
    w.promptTokens,
    w.generatedTokens,
    contexts,
    details,
  ].join('/');
}

/** True where both inputs surely have the same key: a cheap test for the common case. */
function sameSetting(one: CostInput, other: CostInput): boolean {
  const a = one.architecture;
  const b = other.architecture;
  const d = one.deployment;
  const e = other.deployment;
  const v = one.workload;
  const w = other.workload;
  return (
    a.dModel === b.dModel &&
    a.headDim === b.headDim &&
    a.vocabSize === b.vocabSize &&
    a.tieEmbeddings === b.tieEmbeddings &&
    a.details === b.details &&
    d.nCards === e.nCards &&
    d.kvCacheFormat === e.kvCacheFormat &&
    v.batch === w.batch &&
    v.promptTokens === w.promptTokens &&
    v.generatedTokens === w.generatedTokens &&
    one.compiledContexts === other.compiledContexts
  );
}

/** The book of an input's setting. @throws HardwareError when the setting makes no sense. */
export function openBook(input: CostInput): PriceBook {
  const { accelerator, architecture, deployment } = input;
  let shelf = shelves.get(accelerator);
  if (shelf === undefined) {
    shelf = { byKey: new Map(), last: undefined };
    shelves.set(accelerator, shelf);
  }
  if (shelf.last !== undefined && sameSetting(shelf.last.input, input)) return shelf.last.book;
  const key = bookKey(input);
  let book = shelf.byKey.get(key);
  if (book === undefined) {
    checkInput(input);
    if (shelf.byKey.size >= MAX_BOOKS) shelf.byKey.clear();
    const { layers: _, ...shape } = architecture;
    const setting: Setting = {
      accelerator,
      nDevices: deployment.nCards * accelerator.devicesPerCard,
      shape,
      kvCacheFormat: deployment.kvCacheFormat,
    };
    book = { setting, passes: planPasses(input), blocks: createBlockTable(), outers: new Map() };
    shelf.byKey.set(key, book);
  }
  shelf.last = { input, book };
  return book;
}

function sum(operations: readonly OperationCost[], pick: (operation: OperationCost) => number): number {
  let total = 0;
  for (const operation of operations) total += pick(operation);
  return total;
}

const secondsOf = (operation: OperationCost): number => operation.seconds;
const busySecondsOf = (operation: OperationCost): number => operation.busySeconds;

function pricePasses({ passes }: PriceBook, price: (pass: Pass) => readonly OperationCost[]) {
  const decode = price(passes.decode);
  const prefill = price(passes.prefill);
  const firstToken = passes.prefill.nSequences === 1 ? prefill : price(passes.firstToken);
  const seconds = {
    decodeSeconds: sum(decode, secondsOf),
    decodeBusySeconds: sum(decode, busySecondsOf),
    prefillSeconds: sum(prefill, secondsOf),
    prefillBusySeconds: sum(prefill, busySecondsOf),
    firstTokenSeconds: sum(firstToken, secondsOf),
  };
  return { decode, prefill, seconds };
}

function priceBlock(book: PriceBook, layer: Layer, stored: StoredBlock): PartPrice {
  const { setting } = book;
  checkLayer(layer, stored);
  const { decode, prefill, seconds } = pricePasses(book, (pass) => priceLayer(setting, pass, layer, stored));
  const counts = layerCounts(setting.shape, layer);
  const bytesOf = ({ weightFormat }: WeightStorage) => (weightFormat === 'fp32' ? 4 : 2);
  const vectorBytes =
    counts.attentionVectors * bytesOf(stored.attention) +
    counts.feedForwardVectors * bytesOf(stored.feedForward);
  const productWeights = counts.attentionWeights + counts.feedForwardWeights;
  const kv = layerKvBytes(setting, layer);
  const totals = toTotals({
    ...seconds,
    parameters: productWeights + counts.attentionVectors + counts.feedForwardVectors,
    productWeights,
    decodeMacs: sum(decode, (operation) => operation.macs),
    weightBytes: sum(decode, (operation) => operation.weightBytes) + vectorBytes,
    deviceWeightBytes: sum(decode, (operation) => operation.deviceWeightBytes) + vectorBytes,
    kvBytesPerToken: kv.whole,
    deviceKvBytesPerToken: kv.device,
  });
  return { decode, prefill, totals };
}

/** The price of one block; an encoded one is nobody else's. @throws HardwareError when the block makes no sense. */
export function blockPrice(
  book: PriceBook,
  layer: Layer,
  stored: LayerDeployment,
  encodedRatio = 1,
): PartPrice {
  if (encodedRatio !== 1) return priceBlock(book, layer, { ...stored, encodedRatio });
  let price = book.blocks.get(layer, stored);
  if (price === undefined) {
    price = priceBlock(book, layer, stored);
    book.blocks.set(layer, stored, price);
  }
  return price;
}

/** The price of all that lies outside the blocks. @throws HardwareError for storage that makes no sense. */
export function outerPrice(book: PriceBook, embedding: WeightStorage): PartPrice {
  const { weightFormat, sparsity } = embedding;
  const key = sparsity === 0 ? weightFormat : `${weightFormat} ${sparsity}`;
  const known = book.outers.get(key);
  if (known !== undefined) return known;
  checkStorage(embedding);
  const { setting, passes } = book;
  const counts = outerCounts(setting.shape);
  const bytes = outerBytes(setting, embedding);
  const { decode, prefill, seconds } = pricePasses(book, (pass) => priceOuter(setting, pass, embedding));
  const totals = toTotals({
    ...seconds,
    parameters:
      counts.embeddingWeights +
      (setting.shape.tieEmbeddings ? 0 : counts.headWeights) +
      counts.projectionWeights +
      counts.positionWeights +
      counts.vectors,
    productWeights: counts.headWeights + counts.projectionWeights,
    decodeMacs: passes.decode.nSequences * (counts.headWeights + counts.projectionWeights),
    weightBytes: bytes.whole,
    deviceWeightBytes: bytes.device,
    kvBytesPerToken: 0,
    deviceKvBytesPerToken: 0,
  });
  const outer: PartPrice = { decode, prefill, totals };
  book.outers.set(key, outer);
  return outer;
}
