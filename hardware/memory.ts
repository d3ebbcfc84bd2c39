// What one device must hold, equation (9): weights, KV cache, activations, reserve.
import type { WeightStorage, Workload } from '../space/deployment.ts';
import type { Setting } from './layer-cost.ts';
import { headWidth, outerCounts } from './model-shape.ts';
import { weightMatrixBytes } from './weight-bits.ts';

const ACTIVATION_BYTES = 2;
const LOGIT_BYTES = 4;
/** Tokens that a server without compiled shapes pushes through one prefill pass at most. */
const PREFILL_TOKENS = 8192;

export interface DeviceMemory {
  /** Weights, KV cache, activations. */
  readonly modelBytes: number;
  /** The same with the reserve. */
  readonly neededBytes: number;
  readonly usableBytes: number;
}

/** Bytes of embedding, head, positions and final norm: of the whole model, and of one device. */
export function outerBytes(
  setting: Setting,
  { weightFormat, sparsity }: WeightStorage,
): { whole: number; device: number } {
  const { shape, nDevices } = setting;
  const counts = outerCounts(shape);
  const width = headWidth(shape);
  const tableBytes = (cols: number): number =>
    weightMatrixBytes(weightFormat, { rows: width, cols }, sparsity);
  const plainBytes = weightFormat === 'fp32' ? 4 : 2;
  const small = (counts.projectionWeights + counts.positionWeights + counts.vectors) * plainBytes;
  const nTables = shape.tieEmbeddings ? 1 : 2;
  return {
    whole: nTables * tableBytes(shape.vocabSize) + small,
    device: nTables * tableBytes(Math.ceil(shape.vocabSize / nDevices)) + small,
  };
}

/** Equation (9) for the fullest device. */
export function deviceMemory(
  setting: Setting,
  { batch, promptTokens }: Workload,
  heldTokens: number,
  model: {
    readonly weightBytes: number;
    readonly kvBytesPerToken: number;
    readonly widestFeedForward: number;
  },
): DeviceMemory {
  const { accelerator, shape, nDevices } = setting;
  const chunk = accelerator.staticShapes?.prefillChunkTokens;
  const tokens = chunk === undefined ? Math.min(batch * promptTokens, PREFILL_TOKENS) : batch * chunk;
  const activations = 2 * tokens * (shape.dModel + model.widestFeedForward / nDevices) * ACTIVATION_BYTES;
  const logits = (batch * shape.vocabSize * LOGIT_BYTES) / nDevices;
  const modelBytes = model.weightBytes + batch * heldTokens * model.kvBytesPerToken + activations + logits;
  return {
    modelBytes,
    neededBytes: modelBytes + accelerator.reserveBytes,
    usableBytes: accelerator.memoryBytes * accelerator.usableMemoryRatio,
  };
}
