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
import { checkInput, checkLayer, checkWeightFormat } from './validate.ts';

function totalSeconds(operations: readonly OperationCost[]): number {
  let total = 0;
  for (const operation of operations) total += operation.seconds;
  return total;
}

/**
 * Seconds of one forward pass of the whole model.
 * @throws HardwareError for input that makes no sense.
 */
export function forwardSeconds(input: CostInput, pass: Pass): number {
  const { architecture, deployment, accelerator } = input;
  checkInput(input);
  checkWeightFormat(deployment.headFormat);
  const { layers, ...shape } = architecture;
  const setting: Setting = {
    accelerator,
    nDevices: deployment.nCards * accelerator.devicesPerCard,
    shape,
    kvCacheFormat: deployment.kvCacheFormat,
  };
  const known = new Map<string, number>();
  let seconds = totalSeconds(priceOuter(setting, pass, deployment.headFormat));
  if (pass.pastTokens > 0) seconds += sequenceSeconds(setting, pass, weightMacsPerToken(architecture));
  layers.forEach((layer, i) => {
    const stored = deployment.layers[i]!;
    const key = `${layer.nHeads}/${layer.nKvHeads}/${layer.dFf}/${stored.weightFormat}/${stored.sparsity}`;
    const remembered = known.get(key);
    if (remembered !== undefined) {
      seconds += remembered;
      return;
    }
    checkLayer(layer, stored);
    const priced = totalSeconds(priceLayer(setting, pass, layer, stored));
    known.set(key, priced);
    seconds += priced;
  });
  return seconds;
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
