// What training or fine-tuning costs: FLOPs, hours, energy. Zeros save time only where the device skips them.
import type { Accelerator } from './accelerator.ts';
import { HardwareError } from './errors.ts';
import { type ModelShape, weightMacsPerToken } from './model-shape.ts';

export interface TrainingInput {
  readonly architecture: ModelShape;
  readonly accelerator: Accelerator;
  readonly nCards: number;
  readonly tokens: number;
  /** Tokens of one training sequence. */
  readonly sequenceTokens: number;
  /** Share of zeros in the blocks' weight matrices, held while training. */
  readonly sparsity?: number;
}

export interface TrainingCost {
  /** Arithmetic that a dense device does. */
  readonly denseFlops: number;
  /** Arithmetic that this device does. */
  readonly flops: number;
  readonly hours: number;
  readonly joules: number;
  readonly dollars: number | undefined;
  /** What zeros are worth here, in words. */
  readonly note: string;
}

/**
 * Training cost: forward 2, backward 4 FLOPs a weight and token (Kaplan et al. 2020, section 2.1), and the same
 * three for scores and weighted sums over causal sequences; time at the device's stated training utilisation.
 * @throws HardwareError when the device does not train or the numbers make no sense.
 */
export function trainingCost(input: TrainingInput): TrainingCost {
  const { architecture, accelerator, nCards, tokens, sequenceTokens } = input;
  const sparsity = input.sparsity ?? 0;
  for (const [name, value] of Object.entries({ nCards, tokens, sequenceTokens })) {
    if (!(value > 0)) throw new HardwareError('bad-workload', `${name} must be above 0, not ${value}`);
  }
  if (!(sparsity >= 0 && sparsity < 1)) {
    throw new HardwareError('bad-deployment', `sparsity must be at least 0 and below 1, not ${sparsity}`);
  }
  if (architecture.layers.length === 0) {
    throw new HardwareError('bad-architecture', 'the architecture has no layers');
  }
  if (accelerator.training === undefined) {
    throw new HardwareError(
      'bad-deployment',
      `${accelerator.name} is an inference device and does not train`,
    );
  }
  const headMacs = architecture.vocabSize * architecture.dModel;
  const blockMacs = weightMacsPerToken(architecture) - headMacs;
  // Token i of a sequence sees i + 1 positions; two products a head and position.
  const positions = (sequenceTokens + 1) / 2;
  const attentionMacs = architecture.layers.reduce(
    (total, { nHeads }) => total + 2 * nHeads * architecture.headDim * positions,
    0,
  );
  const flopsOf = (blocks: number) => 6 * tokens * (blocks + headMacs + attentionMacs);
  const denseFlops = flopsOf(blockMacs);
  const skips = accelerator.sparse.skipsZeros;
  const flops = skips ? flopsOf(blockMacs * (1 - sparsity)) : denseFlops;
  const { peakFlopsPerSecond, utilisation } = accelerator.training;
  const nDevices = nCards * accelerator.devicesPerCard;
  const seconds = flops / (nDevices * peakFlopsPerSecond * utilisation);
  const price = accelerator.price;
  return {
    denseFlops,
    flops,
    hours: seconds / 3600,
    joules: seconds * nDevices * accelerator.power.loadWatts,
    dollars: price === undefined ? undefined : (price.dollarsPerHour * nCards * seconds) / 3600,
    note:
      sparsity === 0
        ? 'dense'
        : skips
          ? `skips zeros: ${((1 - flops / denseFlops) * 100).toFixed(0)} % of the dense arithmetic saved`
          : 'multiplies zeros like any number: sparsity saves no training time here',
  };
}
