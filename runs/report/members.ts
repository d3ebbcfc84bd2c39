// The members of a front in full: genome, costs, and where the time of the deployed model goes.
import { LAYER_PARTS, type WeightStorage } from '../../space/deployment.ts';
import type { MetricName, MetricValues } from '../../space/metrics.ts';
import { deployedArchitecture, type Scale } from '../../space/scale.ts';
import { hasPart } from '../../space/storage-genes.ts';
import { type CostPart, sumParts } from '../candidates/breakdown.ts';
import type { Outlook, Outlooks } from '../candidates/outlook.ts';
import { describeDeployed, describeStorage } from '../describe.ts';
import type { CostSetting } from '../plan/cost-setting.ts';
import { estimateDeployed } from '../plan/costs.ts';
import type { EvaluationResult } from '../store/queries.ts';
import type { CandidateRecord } from '../store/records.ts';
import { bitsPerWeight } from './genes.ts';
import { shapeOf } from './points.ts';

/** One layer as it is trained and as it is deployed. */
interface LayerView {
  readonly nHeads: number;
  readonly nKvHeads: number;
  readonly dFf: number;
  readonly deployedHeads: number;
  readonly deployedKvHeads: number;
  readonly deployedDFf: number;
  /** How its parts are stored; absent where the layer leaves a part out. */
  readonly attention?: StorageView;
  readonly feedForward?: StorageView;
}

interface StorageView extends WeightStorage {
  readonly bitsPerWeight: number;
}

interface CostView {
  readonly calibration: string;
  /** Relative errors that the accelerator's measured rows showed, 0..1. */
  readonly expectedError: {
    readonly decode?: number;
    readonly prefill?: number;
    readonly throughput?: number;
  };
  readonly byOperation: readonly CostPart[];
  readonly byLayer: readonly CostPart[];
}

export interface MemberView {
  readonly candidate: number;
  readonly key: string;
  readonly origin: string;
  readonly parents: readonly number[];
  readonly shape: string;
  readonly values: MetricValues;
  /** Costs of the small model that was trained; absent where it is the deployed one. */
  readonly trainedCosts?: MetricValues;
  readonly model: {
    readonly dModel: number;
    readonly headDim: number;
    readonly vocabSize: number;
    readonly contextLength: number;
    readonly tieEmbeddings: boolean;
    readonly deployedDModel: number;
    readonly deployedHeadDim: number;
    readonly deployedVocabSize: number;
    readonly deployedContextLength: number;
    readonly embedding: string;
    readonly kvCacheFormat: string;
    readonly nCards: number;
  };
  readonly layers: readonly LayerView[];
  /** How layers and draft are stored, in words. */
  readonly stored: string;
  /** Every rung that the candidate reached. */
  readonly evaluations: readonly {
    readonly rung: number;
    readonly state: string;
    readonly reason?: string;
    /** Measured with the weights as the candidate stores them. */
    readonly loss?: number;
    /** Measured with the weights as they were trained. */
    readonly trainedLoss?: number;
    /** Exact bytes of the encoded model that was measured. */
    readonly encodedBytes?: number;
    /** Where training began from another model's weights: the first candidate with them, and their loss. */
    readonly inherited?: { readonly from?: number; readonly loss: number };
    readonly feasible: boolean;
  }[];
  readonly cost?: CostView;
  /** What speculation is to it; absent in runs without drafts. */
  readonly outlook?: Outlook;
  /** Way from the front's best (0) to its worst (1) value, per objective; absent off the front. */
  readonly normalised?: readonly number[];
  readonly marks?: string;
}

/** What the members of one run share. */
export interface MemberSetting {
  readonly scale: Scale | undefined;
  /** Absent where the accelerator's file is not there any more. */
  readonly cost: CostSetting | undefined;
  readonly outlooks?: Outlooks;
  /** The number of the first candidate with an architecture. */
  readonly firstOf: (architectureHash: string) => number | undefined;
}

/** One candidate in full. */
export function memberView(
  candidate: CandidateRecord,
  evaluations: readonly EvaluationResult[],
  { scale, cost, outlooks, firstOf }: MemberSetting,
): MemberView {
  const { architecture, deployment } = candidate;
  const deployed = deployedArchitecture(architecture, scale);
  const highest = evaluations.filter(({ state }) => state === 'ok').reduce(higher, undefined);
  const outlook = outlooks?.of(candidate, highest?.speculation);
  return {
    candidate: candidate.number,
    key: candidate.key,
    origin: candidate.origin,
    parents: candidate.parents,
    shape: shapeOf(candidate),
    values: highest?.values ?? candidate.deployedCosts,
    ...(scale === undefined ? {} : { trainedCosts: candidate.trainedCosts }),
    model: {
      dModel: architecture.dModel,
      headDim: architecture.headDim,
      vocabSize: architecture.vocabSize,
      contextLength: architecture.contextLength,
      tieEmbeddings: architecture.tieEmbeddings,
      deployedDModel: deployed.dModel,
      deployedHeadDim: deployed.headDim,
      deployedVocabSize: deployed.vocabSize,
      deployedContextLength: deployed.contextLength,
      embedding: describeStorage(deployment.embedding),
      kvCacheFormat: deployment.kvCacheFormat,
      nCards: deployment.nCards,
    },
    layers: architecture.layers.map((layer, at) => ({
      ...layer,
      deployedHeads: deployed.layers[at]!.nHeads,
      deployedKvHeads: deployed.layers[at]!.nKvHeads,
      deployedDFf: deployed.layers[at]!.dFf,
      ...Object.fromEntries(
        LAYER_PARTS.filter((part) => hasPart(layer, part)).map((part) => [
          part,
          storageView(deployment.layers[at]![part]),
        ]),
      ),
    })),
    stored: describeDeployed(architecture, deployment),
    evaluations: evaluations.map((evaluation) => evaluationView(evaluation, firstOf)),
    ...(cost === undefined ? {} : { cost: costView(candidate, cost) }),
    ...(outlook === undefined ? {} : { outlook }),
  };
}

function evaluationView(
  {
    rung,
    state,
    feasible,
    reason,
    loss,
    trainedLoss,
    encodedBits,
    donorHash,
    inheritedLoss,
  }: EvaluationResult,
  firstOf: MemberSetting['firstOf'],
): MemberView['evaluations'][number] {
  const from = donorHash === undefined ? undefined : firstOf(donorHash);
  return {
    rung,
    state,
    feasible,
    ...(reason === undefined ? {} : { reason }),
    ...(loss === undefined ? {} : { loss }),
    ...(trainedLoss === undefined ? {} : { trainedLoss }),
    ...(encodedBits === undefined ? {} : { encodedBytes: encodedBits / 8 }),
    ...(inheritedLoss === undefined
      ? {}
      : { inherited: { loss: inheritedLoss, ...(from === undefined ? {} : { from }) } }),
  };
}

function storageView(storage: WeightStorage): StorageView {
  return { ...storage, bitsPerWeight: Number(bitsPerWeight(storage).toPrecision(4)) };
}

function higher(known: EvaluationResult | undefined, next: EvaluationResult): EvaluationResult {
  return known === undefined || next.rung > known.rung ? next : known;
}

function costView(candidate: CandidateRecord, setting: CostSetting): CostView {
  const { breakdown, calibration, expectedError } = estimateDeployed(candidate, setting);
  return {
    calibration,
    expectedError,
    byOperation: sumParts(breakdown, ({ operation }) => operation).map(compact),
    byLayer: sumParts(breakdown, ({ layer }) => (layer === undefined ? 'outside' : `layer ${layer}`)).map(
      compact,
    ),
  };
}

function compact(part: CostPart): CostPart {
  const numbers = Object.entries(part).map(([name, value]) => [
    name,
    typeof value === 'number' ? Number(value.toPrecision(6)) : value,
  ]);
  return Object.fromEntries(numbers) as CostPart;
}

/** The metrics of a member, in the order of the objectives first. */
export function metricOrder(objectives: readonly MetricName[], known: readonly MetricName[]): MetricName[] {
  return [...objectives, ...known.filter((metric) => !objectives.includes(metric))];
}
