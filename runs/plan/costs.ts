// What a run's candidates cost: one accelerator, one workload, the deployed relative of each candidate.
import { type CostEstimate, estimateCost, metricsOf, metricsOfPair } from '../../hardware/index.ts';
import type { Candidate } from '../../space/candidate.ts';
import type { MetricValues } from '../../space/metrics.ts';
import { deployedArchitecture } from '../../space/scale.ts';
import { RunError } from '../run-error.ts';
import type { CostSetting } from './cost-setting.ts';
import { type Acceptance, expectedAcceptance, pairInput, pricePair, servedDraft } from './speculation.ts';

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

/** The exact costs of one candidate as it is deployed. */
export interface CandidateCosts {
  readonly deployed: MetricValues;
  /** Share of a card's memory that the deployed model needs beyond what there is; 0 = it fits. */
  readonly memoryOverflow: number;
}

/** What was measured of a candidate and replaces what is expected of it. */
export interface Found {
  /** Bits that the matrices of each layer take once they are encoded; only of a model that is its own relative. */
  readonly layerBits?: readonly number[];
  /** How often the target accepts what its draft proposes. */
  readonly acceptance?: Acceptance;
}

/** The metrics of the deployed model, with its draft where it has one, and how far it is from fitting. */
export function candidateCosts(
  candidate: Candidate,
  setting: CostSetting,
  found: Found = {},
): CandidateCosts {
  const { layerBits } = found;
  const ratios = layerBits === undefined ? undefined : encodedRatios(candidate, layerBits, setting);
  const { draft } = candidate.deployment;
  if (draft === undefined) {
    const estimate = estimateDeployed(candidate, setting, ratios);
    const own = ownMetrics(candidate, estimate, setting);
    return { deployed: { ...metricsOf(estimate), ...own }, memoryOverflow: overflowOf(estimate) };
  }
  const served = servedDraft(draft, 0, candidate.deployment);
  const { temperature, isAligned } = setting.draft ?? { temperature: 1, isAligned: false };
  const acceptance =
    found.acceptance ?? expectedAcceptance(candidate.architecture, served, temperature, isAligned);
  const pair = pricePair(pairInput(candidate, served, setting, ratios), acceptance, draft.draftLength);
  const own = ownMetrics(candidate, pair.target, setting);
  return { deployed: { ...metricsOfPair(pair), ...own }, memoryOverflow: overflowOf(pair) };
}

function overflowOf({
  fits,
  memoryBytesPerCard,
  usableBytesPerCard,
}: Pick<CostEstimate, 'fits' | 'memoryBytesPerCard' | 'usableBytesPerCard'>): number {
  const overflow = (memoryBytesPerCard - usableBytesPerCard) / usableBytesPerCard;
  return fits ? 0 : Math.max(overflow, Number.EPSILON);
}

/** A program's own metrics of the model that the estimate is of. */
function ownMetrics(
  candidate: Candidate,
  estimate: CostEstimate,
  { scale, own = [] }: CostSetting,
): MetricValues {
  if (own.length === 0) return {};
  const model = { ...candidate, architecture: deployedArchitecture(candidate.architecture, scale) };
  const values = own.map(({ name, value }) => [name, ownValue(name, () => value(model, estimate))] as const);
  return Object.fromEntries(values);
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

/** Bytes that each layer was found to take over those expected of it. */
function encodedRatios(
  candidate: Candidate,
  layerBits: readonly number[],
  setting: CostSetting,
): readonly number[] {
  const expectedBytes = layerBits.map(() => 0);
  for (const { layer, weightBytes } of estimateDeployed(candidate, setting).breakdown) {
    if (layer !== undefined) expectedBytes[layer]! += weightBytes;
  }
  return layerBits.map((bits, layer) => bits / 8 / expectedBytes[layer]!);
}

/** The metrics of the small model as it is trained, served with the same deployment. */
export function trainedCosts(candidate: Candidate, setting: CostSetting): MetricValues {
  return candidateCosts(candidate, { ...setting, scale: undefined }).deployed;
}
