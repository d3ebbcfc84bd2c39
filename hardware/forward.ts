// Time of any one forward pass: what speculation verifies with and what scoring a text costs.
import type { CostInput } from './cost-input.ts';
import {
  type OperationCost,
  type Pass,
  priceLayer,
  priceOuter,
  type Setting,
  sequenceSeconds,
} from './layer-cost.ts';
import { weightMacsPerToken } from './model-shape.ts';
import type { OperationTime } from './roofline.ts';
import { checkInput, checkLayer, checkStorage } from './validate.ts';

function totalTime(operations: readonly OperationCost[]): OperationTime {
  let seconds = 0;
  let busySeconds = 0;
  for (const operation of operations) {
    seconds += operation.seconds;
    busySeconds += operation.busySeconds;
  }
  return { seconds, busySeconds };
}

/**
 * Time of one forward pass of the whole model.
 * @throws HardwareError for input that makes no sense.
 */
export function forwardTime(input: CostInput, pass: Pass): OperationTime {
  const { architecture, deployment, accelerator } = input;
  checkInput(input);
  checkStorage(deployment.embedding);
  const { layers, ...shape } = architecture;
  const setting: Setting = {
    accelerator,
    nDevices: deployment.nCards * accelerator.devicesPerCard,
    shape,
    kvCacheFormat: deployment.kvCacheFormat,
  };
  const known = new Map<string, OperationTime>();
  let { seconds, busySeconds } = totalTime(priceOuter(setting, pass, deployment.embedding));
  if (pass.pastTokens > 0) {
    const sequences = sequenceSeconds(setting, pass, weightMacsPerToken(architecture));
    seconds += sequences;
    busySeconds += sequences;
  }
  layers.forEach((layer, i) => {
    const stored = deployment.layers[i]!;
    const { attention, feedForward } = stored;
    const key = [
      layer.nHeads,
      layer.nKvHeads,
      layer.dFf,
      attention.weightFormat,
      attention.sparsity,
      feedForward.weightFormat,
      feedForward.sparsity,
    ].join('/');
    let priced = known.get(key);
    if (priced === undefined) {
      checkLayer(layer, stored);
      priced = totalTime(priceLayer(setting, pass, layer, stored));
      known.set(key, priced);
    }
    seconds += priced.seconds;
    busySeconds += priced.busySeconds;
  });
  return { seconds, busySeconds };
}

/** Seconds of one forward pass of the whole model. @throws as {@link forwardTime}. */
export function forwardSeconds(input: CostInput, pass: Pass): number {
  return forwardTime(input, pass).seconds;
}

/** Seconds to score whole texts: every token of the batch's prompts gets logits. */
export function scoringSeconds(input: CostInput): number {
  const { batch, promptTokens } = input.workload;
  return forwardSeconds(input, {
    nSequences: batch,
    newTokens: promptTokens,
    pastTokens: 0,
    logitRows: promptTokens,
  });
}
