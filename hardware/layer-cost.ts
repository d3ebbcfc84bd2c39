// One block, or the part outside the blocks, priced for one forward pass on one device of a tensor-parallel group.
import type { Layer } from '../space/architecture.ts';
import type { LayerDeployment, WeightStorage } from '../space/deployment.ts';
import type { KvCacheFormat } from '../space/number-formats.ts';
import type { Accelerator, Kernel } from './accelerator.ts';
import { kvHeadBytes } from './kv-cache.ts';
import { HOUSE_DETAILS, headWidth, type ModelShape } from './model-shape.ts';
import {
  type AttentionWork,
  allReduceSeconds,
  attentionBytes,
  attentionMacs,
  attentionTime,
  elementwiseTime,
  type OperationTime,
  productBytes,
  productTime,
} from './roofline.ts';
import { familyOf, weightMatrixBytes } from './weight-bits.ts';

export type OperationName =
  | 'qkv'
  | 'attention'
  | 'attention-output'
  | 'feed-forward-in'
  | 'feed-forward-out'
  | 'elementwise'
  | 'all-reduce'
  | 'logits'
  | 'step';

/** One operation of one pass. `macs` and `weightBytes` are of the whole model; seconds and the other bytes of one device. */
export interface OperationCost extends OperationTime {
  readonly operation: OperationName;
  readonly macs: number;
  /** Bytes moved. */
  readonly bytes: number;
  readonly weightBytes: number;
  readonly deviceWeightBytes: number;
}

const NO_WEIGHTS = { weightBytes: 0, deviceWeightBytes: 0 };

/** Tokens that one forward pass adds to each sequence. */
export interface Pass {
  readonly nSequences: number;
  readonly newTokens: number;
  readonly pastTokens: number;
  /** Rows of logits a sequence: 1 in serving, all new tokens in verification and scoring. */
  readonly logitRows: number;
}

/** What stays the same over the blocks of one estimate. */
export interface Setting {
  readonly accelerator: Accelerator;
  readonly nDevices: number;
  readonly shape: Omit<ModelShape, 'layers'>;
  readonly kvCacheFormat: KvCacheFormat;
}

/** How a block is stored, with the size that it was found to have. */
export interface StoredBlock extends LayerDeployment {
  /** Stored bytes of the matrices over the expected ones; 1 when absent. */
  readonly encodedRatio?: number | undefined;
}

type StoredPart = WeightStorage & Pick<StoredBlock, 'encodedRatio'>;

const ACTIVATION_BYTES = 2;

/** Heads of one device: the fullest shard decides; KV heads are replicated when there are fewer than devices. */
function shardHeads(nHeads: number, nDevices: number): number {
  return Math.ceil(nHeads / nDevices);
}

/** A pass cut into the equal chunks that a static-shape device compiles; one chunk elsewhere. */
function chunksOf({ accelerator }: Setting, pass: Pass): { nChunks: number; tokens: number } {
  const tokens = pass.nSequences * pass.newTokens;
  const chunk = accelerator.staticShapes?.prefillChunkTokens;
  if (chunk === undefined || pass.newTokens <= chunk) return { nChunks: 1, tokens };
  // The last chunk is padded to the compiled length.
  return { nChunks: Math.ceil(pass.newTokens / chunk), tokens: pass.nSequences * chunk };
}

interface Matrix {
  readonly operation: OperationName;
  readonly inputs: number;
  readonly outputs: number;
  /** Weights of the whole matrix, all devices, without replication. */
  readonly fullInputs: number;
  readonly fullOutputs: number;
}

function priceMatrix(
  setting: Setting,
  pass: Pass,
  { weightFormat, sparsity, encodedRatio = 1 }: StoredPart,
  matrix: Matrix,
): OperationCost {
  const { accelerator } = setting;
  const { inputs, outputs, fullInputs, fullOutputs } = matrix;
  const { nChunks, tokens } = chunksOf(setting, pass);
  const bytesOf = (rows: number, cols: number): number =>
    encodedRatio * weightMatrixBytes(weightFormat, { rows, cols }, sparsity);
  // A shard is a matrix of its own: it has its own scales, its own columns and the whole table of a codebook.
  const weightBytes = bytesOf(inputs, outputs);
  const full = setting.nDevices === 1 ? weightBytes : bytesOf(fullInputs, fullOutputs);
  const product = { tokens, inputs, outputs, weightBytes, sparsity };
  const time = productTime(accelerator, accelerator.weightFormats[familyOf(weightFormat)], product);
  return {
    operation: matrix.operation,
    seconds: nChunks * time.seconds,
    busySeconds: nChunks * time.busySeconds,
    macs: pass.nSequences * pass.newTokens * fullInputs * fullOutputs,
    bytes: nChunks * productBytes(product),
    weightBytes: full,
    deviceWeightBytes: weightBytes,
  };
}

/** The kernel that prices 16-bit work which has no stored weights. */
function wideKernel(accelerator: Accelerator): Kernel {
  return accelerator.weightFormats.fp16.kernel;
}

function allReduce(setting: Setting, tokens: number): OperationCost[] {
  if (setting.nDevices === 1) return [];
  const bytes = tokens * setting.shape.dModel * ACTIVATION_BYTES;
  const seconds = allReduceSeconds(setting.accelerator, setting.nDevices, bytes);
  return [{ operation: 'all-reduce', seconds, busySeconds: 0, macs: 0, bytes: 0, ...NO_WEIGHTS }];
}

function elementwise(setting: Setting, nKernels: number, bytes: number): OperationCost {
  const time = elementwiseTime(setting.accelerator, nKernels, bytes);
  return { operation: 'elementwise', ...time, macs: 0, bytes, ...NO_WEIGHTS };
}

/** Keys and values of one token in one block: of the whole model, and of one device with replication. */
export function layerKvBytes(setting: Setting, layer: Layer): { whole: number; device: number } {
  if (layer.nHeads === 0) return { whole: 0, device: 0 };
  const head = kvHeadBytes(setting.kvCacheFormat, setting.shape.headDim);
  return { whole: head * layer.nKvHeads, device: head * shardHeads(layer.nKvHeads, setting.nDevices) };
}

function priceAttention(setting: Setting, pass: Pass, layer: Layer, stored: StoredPart): OperationCost[] {
  const { accelerator, nDevices, shape } = setting;
  const { dModel, headDim } = shape;
  const tokens = pass.nSequences * pass.newTokens;
  const heads = shardHeads(layer.nHeads, nDevices);
  const kvHeads = shardHeads(layer.nKvHeads, nDevices);
  const work: AttentionWork = {
    nSequences: pass.nSequences,
    newTokens: pass.newTokens,
    pastTokens: pass.pastTokens,
    nHeads: heads,
    nKvHeads: kvHeads,
    headDim,
    kvBytesPerToken: layerKvBytes(setting, layer).device,
  };
  const time = attentionTime(accelerator, wideKernel(accelerator), work);
  return [
    priceMatrix(setting, pass, stored, {
      operation: 'qkv',
      inputs: dModel,
      outputs: (heads + 2 * kvHeads) * headDim,
      fullInputs: dModel,
      fullOutputs: (layer.nHeads + 2 * layer.nKvHeads) * headDim,
    }),
    {
      operation: 'attention',
      ...time,
      macs: attentionMacs({ ...work, nHeads: layer.nHeads }),
      bytes: attentionBytes(work),
      ...NO_WEIGHTS,
    },
    priceMatrix(setting, pass, stored, {
      operation: 'attention-output',
      inputs: heads * headDim,
      outputs: dModel,
      fullInputs: layer.nHeads * headDim,
      fullOutputs: dModel,
    }),
    // Norm with residual: read two, write two; rotation: read and write queries and keys.
    elementwise(setting, 2, tokens * ACTIVATION_BYTES * (4 * dModel + 2 * (heads + kvHeads) * headDim)),
    ...allReduce(setting, tokens),
  ];
}

function priceFeedForward(setting: Setting, pass: Pass, layer: Layer, stored: StoredPart): OperationCost[] {
  const { nDevices, shape } = setting;
  const details = shape.details ?? HOUSE_DETAILS;
  const tokens = pass.nSequences * pass.newTokens;
  const width = Math.ceil(layer.dFf / nDevices);
  const nIn = details.feedForwardMatrices - 1;
  return [
    priceMatrix(setting, pass, stored, {
      operation: 'feed-forward-in',
      inputs: shape.dModel,
      outputs: nIn * width,
      fullInputs: shape.dModel,
      fullOutputs: nIn * layer.dFf,
    }),
    priceMatrix(setting, pass, stored, {
      operation: 'feed-forward-out',
      inputs: width,
      outputs: shape.dModel,
      fullInputs: layer.dFf,
      fullOutputs: shape.dModel,
    }),
    elementwise(setting, 2, tokens * ACTIVATION_BYTES * (4 * shape.dModel + (nIn + 1) * width)),
    ...allReduce(setting, tokens),
  ];
}

/** The operations of one block in one pass, in order. */
export function priceLayer(
  setting: Setting,
  pass: Pass,
  layer: Layer,
  { attention, feedForward, encodedRatio }: StoredBlock,
): readonly OperationCost[] {
  return [
    ...(layer.nHeads > 0 ? priceAttention(setting, pass, layer, { ...attention, encodedRatio }) : []),
    ...(layer.dFf > 0 ? priceFeedForward(setting, pass, layer, { ...feedForward, encodedRatio }) : []),
  ];
}

/** Final norm, output head and the step's own overhead in one pass. */
export function priceOuter(setting: Setting, pass: Pass, embedding: WeightStorage): readonly OperationCost[] {
  const { accelerator, nDevices, shape } = setting;
  const width = headWidth(shape);
  const rows: Pass = { ...pass, newTokens: pass.logitRows };
  return [
    elementwise(setting, 1, pass.nSequences * pass.newTokens * shape.dModel * 2 * ACTIVATION_BYTES),
    priceMatrix(setting, rows, embedding, {
      operation: 'logits',
      inputs: width,
      outputs: Math.ceil(shape.vocabSize / nDevices),
      fullInputs: width,
      fullOutputs: shape.vocabSize,
    }),
    { operation: 'step', seconds: accelerator.stepSeconds, busySeconds: 0, macs: 0, bytes: 0, ...NO_WEIGHTS },
  ];
}

/**
 * What every token of a decode or verification step beyond the first costs a device that holds its share of
 * `modelWeights`, on top of the rooflines; the first one's share is inside the fitted rates already.
 */
export function sequenceSeconds(
  { accelerator, nDevices }: Setting,
  pass: Pass,
  modelWeights: number,
): number {
  const extraTokens = pass.nSequences * pass.newTokens - 1;
  return extraTokens * accelerator.sequenceSecondsPerWeight * (modelWeights / nDevices);
}
