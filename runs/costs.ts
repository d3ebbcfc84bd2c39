// A run's cost model: one accelerator, one workload, the deployed relative of each candidate.
import { type Accelerator, type CostEstimate, estimateCost, metricsOf } from '../hardware/index.ts';
import type { Candidate } from '../space/candidate.ts';
import type { Workload } from '../space/deployment.ts';
import type { MetricValues } from '../space/metrics.ts';
import { deployedArchitecture, type Scale } from '../space/scale.ts';
import type { CandidateCosts } from './problem.ts';

export interface CostSetting {
  readonly accelerator: Accelerator;
  readonly workload: Workload;
  readonly scale?: Scale | undefined;
}

/** The whole estimate of the model that a candidate stands for. */
export function estimateDeployed(
  candidate: Candidate,
  setting: CostSetting,
  encodedRatios?: readonly number[],
): CostEstimate {
  const { accelerator, workload, scale } = setting;
  const architecture = deployedArchitecture(candidate.architecture, scale);
  const input = { architecture, deployment: candidate.deployment, accelerator, workload };
  return estimateCost(encodedRatios === undefined ? input : { ...input, encodedRatios });
}

function costsOf(estimate: CostEstimate): CandidateCosts {
  const { fits, memoryBytesPerCard, usableBytesPerCard } = estimate;
  const overflow = (memoryBytesPerCard - usableBytesPerCard) / usableBytesPerCard;
  return {
    deployed: metricsOf(estimate),
    memoryOverflow: fits ? 0 : Math.max(overflow, Number.EPSILON),
  };
}

/** The metrics of the deployed model and how far it is from fitting. */
export function candidateCosts(candidate: Candidate, setting: CostSetting): CandidateCosts {
  return costsOf(estimateDeployed(candidate, setting));
}

/** The same with the bits that the matrices of each layer were found to take; for a model that is its own relative. */
export function encodedCosts(
  candidate: Candidate,
  layerBits: readonly number[],
  setting: CostSetting,
): CandidateCosts {
  const expectedBytes = layerBits.map(() => 0);
  for (const { layer, weightBytes } of estimateDeployed(candidate, setting).breakdown) {
    if (layer !== undefined) expectedBytes[layer]! += weightBytes;
  }
  const ratios = layerBits.map((bits, layer) => bits / 8 / expectedBytes[layer]!);
  return costsOf(estimateDeployed(candidate, setting, ratios));
}

/** The metrics of the small model as it is trained, served with the same deployment. */
export function trainedCosts(candidate: Candidate, setting: CostSetting): MetricValues {
  return metricsOf(estimateDeployed(candidate, { ...setting, scale: undefined }));
}
