// What would make a model fit: more cards, smaller formats, a smaller batch.
import { type Deployment, mapStorage } from '../space/deployment.ts';
import type { CostInput } from './cost-input.ts';

type Fits = (input: CostInput) => boolean;

/** The smallest number of cards that holds the model, or `undefined` when even the most do not. */
export function findSmallestCards(input: CostInput, fits: Fits): number | undefined {
  for (let nCards = 1; nCards <= input.accelerator.maxCards; nCards += 1) {
    const deployment: Deployment = { ...input.deployment, nCards };
    if (nCards * input.accelerator.devicesPerCard > 1 && input.accelerator.links.length === 0)
      return undefined;
    if (fits({ ...input, deployment })) return nCards;
  }
  return undefined;
}

const SMALLER_FORMATS = ['fp8', 'mxfp6-e3m2', 'mxfp4-e2m1'] as const;

/** Single changes that would make `input` fit, in plain words; says so when none of them does. */
export function adviseFit(input: CostInput, fits: Fits): readonly string[] {
  const { deployment, workload, accelerator } = input;
  const advice: string[] = [];
  const nCards = findSmallestCards(input, fits);
  if (nCards !== undefined) advice.push(`${nCards} cards of ${accelerator.name}`);
  for (const weightFormat of SMALLER_FORMATS) {
    const smaller = mapStorage(deployment, (storage) => ({ ...storage, weightFormat }));
    if (fits({ ...input, deployment: smaller })) {
      advice.push(`weights in ${weightFormat}`);
      break;
    }
  }
  for (const kvCacheFormat of accelerator.kvCacheFormats) {
    if (kvCacheFormat === deployment.kvCacheFormat) continue;
    if (fits({ ...input, deployment: { ...deployment, kvCacheFormat } })) {
      advice.push(`KV cache in ${kvCacheFormat}`);
      break;
    }
  }
  for (let batch = Math.floor(workload.batch / 2); batch >= 1; batch = Math.floor(batch / 2)) {
    if (fits({ ...input, workload: { ...workload, batch } })) {
      advice.push(`batch ${batch}`);
      break;
    }
  }
  if (advice.length === 0) advice.push(`no single change: it is too large for ${accelerator.maxCards} cards`);
  return advice;
}
