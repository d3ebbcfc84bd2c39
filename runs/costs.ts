// A run's cost model: one accelerator, one workload, the deployed relative of each candidate.
import { type Accelerator, type CostEstimate, estimateCost, metricsOf } from '../hardware/index.ts';
import type { Candidate } from '../space/candidate.ts';
import type { Workload } from '../space/deployment.ts';
import type { MetricUnit, MetricValues } from '../space/metrics.ts';
import { deployedArchitecture, type Scale } from '../space/scale.ts';
import type { CandidateCosts } from './problem.ts';
import { RunError } from './run-error.ts';

/** A metric of a program's own, computed from a model and what it costs: an objective, or something to constrain. */
export interface OwnMetric {
  /** A word like `flopsPerByte`: what objectives, constraints and filters call it. */
  readonly name: string;
  /** The direction that is better. */
  readonly better: 'lower' | 'higher';
  /** How values are written; a bare number unless given. */
  readonly unit?: MetricUnit;
  /** What it is, in a few words, for the report. */
  readonly about?: string;
  /**
   * Its value for the model as it is deployed. It must be finite, and always the same for the same model: it is
   * computed before anything is trained, and again when a run is resumed.
   */
  readonly value: (model: Candidate, cost: CostEstimate) => number;
}

export interface CostSetting {
  readonly accelerator: Accelerator;
  readonly workload: Workload;
  readonly scale?: Scale | undefined;
  /** Metrics beside those of the cost model. */
  readonly own?: readonly OwnMetric[];
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

function costsOf(candidate: Candidate, estimate: CostEstimate, setting: CostSetting): CandidateCosts {
  const { fits, memoryBytesPerCard, usableBytesPerCard } = estimate;
  const overflow = (memoryBytesPerCard - usableBytesPerCard) / usableBytesPerCard;
  return {
    deployed: allMetrics(candidate, estimate, setting),
    memoryOverflow: fits ? 0 : Math.max(overflow, Number.EPSILON),
  };
}

/** The metrics of the model that the estimate is of, a program's own among them. */
function allMetrics(
  candidate: Candidate,
  estimate: CostEstimate,
  { scale, own = [] }: CostSetting,
): MetricValues {
  if (own.length === 0) return metricsOf(estimate);
  const model = { ...candidate, architecture: deployedArchitecture(candidate.architecture, scale) };
  const values = own.map(({ name, value }) => [name, ownValue(name, () => value(model, estimate))] as const);
  return { ...metricsOf(estimate), ...Object.fromEntries(values) };
}

function ownValue(name: string, compute: () => number): number {
  let value: unknown;
  try {
    value = compute();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RunError(`the function of "${name}" threw: ${reason}`, { cause: error });
  }
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new RunError(`the function of "${name}" gave ${String(value)}; it must give a finite number`);
}

/** The metrics of the deployed model and how far it is from fitting. */
export function candidateCosts(candidate: Candidate, setting: CostSetting): CandidateCosts {
  return costsOf(candidate, estimateDeployed(candidate, setting), setting);
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
  return costsOf(candidate, estimateDeployed(candidate, setting, ratios), setting);
}

/** The metrics of the small model as it is trained, served with the same deployment. */
export function trainedCosts(candidate: Candidate, setting: CostSetting): MetricValues {
  const unscaled = { ...setting, scale: undefined };
  return allMetrics(candidate, estimateDeployed(candidate, unscaled), unscaled);
}
