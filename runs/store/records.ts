// The rows of the store as the rest of the program sees them. Values are in natural units, never negated.
import type { NoiseTable, PairLength } from '../../evaluators/outcome.ts';
import type { Architecture } from '../../space/architecture.ts';
import type { Deployment } from '../../space/deployment.ts';
import type { Draft } from '../../space/draft.ts';
import type { MetricName, MetricValues } from '../../space/metrics.ts';

/** One objective of a run, with the fixed points its hypervolume is measured between. */
export interface StoredObjective {
  readonly metric: MetricName;
  /** The value that counts as worst. */
  readonly reference: number;
  /** The value that counts as best. */
  readonly ideal: number;
}

export interface NewRun {
  readonly name: string;
  /** Canonical JSON of the normalised spec. */
  readonly specJson: string;
  readonly corpusSha256: string;
  readonly objectives: readonly StoredObjective[];
  readonly versions: Readonly<Record<string, string>>;
  /** What relative paths of the spec start from. */
  readonly specFolder: string;
  /** SHA-256 of what the spec says about results; the number of threads is not part of it. */
  readonly specSha256: string;
}

export interface CandidateRecord {
  readonly number: number;
  readonly key: string;
  readonly architectureHash: string;
  readonly architecture: Architecture;
  readonly deployment: Deployment;
  readonly origin: string;
  readonly parents: readonly number[];
  /** Costs of the model that the candidate stands for. */
  readonly deployedCosts: MetricValues;
  /** Costs of the small model that is trained here. */
  readonly trainedCosts: MetricValues;
}

export type TrainingState = 'ok' | 'diverged' | 'timed-out' | 'out-of-memory' | 'failed' | 'cancelled';

/** One attempt to train one architecture to one rung. */
export interface TrainingRecord {
  readonly architectureHash: string;
  readonly rung: number;
  readonly attempt: number;
  readonly state: TrainingState;
  readonly reason?: string;
  /** The architecture, trained to the highest rung, from whose weights training began; absent where it began from first values. */
  readonly donorHash?: string;
  /** Loss of the inherited weights before training, in bits per byte, on a part of the validation text. */
  readonly inheritedLoss?: number;
  /** Validation loss in bits per byte; present exactly when `state` is ok. */
  readonly loss?: number;
  readonly steps?: number;
  readonly tokens?: number;
  readonly trainSeconds?: number;
  readonly compileSeconds?: number;
  readonly wallSeconds: number;
  readonly checkpoint?: string;
}

/** One attempt to measure a deployment of an architecture trained to a rung. */
export interface MeasurementRecord {
  readonly architectureHash: string;
  readonly rung: number;
  /** Names what of a deployment changes weights or cache: see `storedHash`. */
  readonly deploymentHash: string;
  readonly attempt: number;
  readonly state: TrainingState;
  readonly reason?: string;
  /** Validation loss of the compressed model in bits per byte; present exactly when `state` is ok. */
  readonly loss?: number;
  /** Exact bits of the encoded model, and what the cost model expects of the trained model. */
  readonly encodedBits?: number;
  readonly expectedBits?: number;
  /** Exact bits of the matrices of each layer. */
  readonly layerBits?: readonly number[];
  /** What a predictor of loss changes sees of the deployment. */
  readonly disturbance?: readonly number[];
  readonly wallSeconds: number;
}

/** One attempt to find out how much each way of storing its layers would disturb a trained architecture. */
export interface ProfileRecord {
  readonly architectureHash: string;
  readonly rung: number;
  readonly attempt: number;
  readonly state: TrainingState;
  readonly reason?: string;
  /** Present exactly when `state` is ok. */
  readonly table?: NoiseTable;
  readonly wallSeconds: number;
}

/** How a model fitted to earlier measurements foretold what storing its weights does to an evaluation's loss. */
export interface LossForecastRecord {
  readonly evaluation: number;
  /** Measured deployments that the model was fitted to; none of them is this one. */
  readonly nObservations: number;
  /** Bits per byte above the loss of the model as trained. */
  readonly foretoldChange: number;
  readonly measuredChange: number;
}

/** One attempt to measure how much of a draft a deployed target accepts, plain or after alignment. */
export interface PairRecord {
  readonly architectureHash: string;
  readonly rung: number;
  readonly deploymentHash: string;
  /** Names the draft: see `draftHash`. */
  readonly draftHash: string;
  /** Steps by which the draft was brought closer to the target before; 0 = as it was trained. */
  readonly alignmentSteps: number;
  readonly attempt: number;
  readonly state: TrainingState;
  readonly reason?: string;
  readonly draft: Draft;
  /** Over all positions of the target's text; absent for look-up, and unless `state` is ok. */
  readonly acceptance?: number;
  readonly standardError?: number;
  /** Present exactly when `state` is ok. */
  readonly lengths?: readonly PairLength[];
  readonly wallSeconds: number;
}

/** What decides whether a pair pays. Plain JSON. */
export interface PairVerdict {
  /** Tokens that a round drafts at most; 0 = the target is better off alone. */
  readonly draftLength: number;
  /** Tokens a round at that length; at the best one that drafts where the target is better off alone. */
  readonly tokensPerRound: number;
  /** Over the target alone, at the same length. */
  readonly speedup: number;
  /** A draft step, and the verification of that many tokens, in plain steps of the target. */
  readonly draftRatio: number;
  readonly verifyRatio: number;
  /** Share of the rounds in which anything was drafted. */
  readonly proposalRatio: number;
  /** Accepted over tested tokens above which some length pays; absent where none would. */
  readonly neededAcceptance?: number;
}

/** What became of the draft of a candidate, as its costs were judged. */
export interface SpeculationRecord extends PairVerdict {
  /** Where the acceptance comes from: a law of sizes, a measurement, or one after alignment. */
  readonly source: 'expected' | 'measured' | 'aligned';
  /** Accepted over tested tokens. */
  readonly acceptance: number;
  readonly expectedAcceptance: number;
  /** Measured before alignment, where the draft was aligned. */
  readonly plainAcceptance?: number;
}

export type EvaluationState = Exclude<TrainingState, 'cancelled'> | 'infeasible';

/** What became of one candidate at one rung. */
export interface EvaluationRecord {
  readonly number: number;
  readonly candidate: number;
  readonly rung: number;
  readonly state: EvaluationState;
  readonly reason?: string;
  readonly architectureHash: string;
  /** The attempt of the training that settled it; absent where nothing was trained. */
  readonly attempt?: number;
  /** What was measured, and the attempt that settled it; absent where nothing was measured. */
  readonly deploymentHash?: string;
  readonly measurement?: number;
  /** Absent where nothing drafts. */
  readonly speculation?: SpeculationRecord;
  /** One per constraint, scaled by its limit; 0 = met. */
  readonly violations: readonly number[];
  /** The objectives and every other metric known of it; empty unless `state` is ok. */
  readonly values: MetricValues;
}

export interface FrontRecord {
  readonly generation: number;
  /** Results that the search had been told by then. */
  readonly nTold: number;
  /** The rung on which the members were compared. */
  readonly rung: number;
  /** 0..1, share of the box between ideal and reference. */
  readonly hypervolume: number;
  readonly members: readonly { readonly candidate: number; readonly evaluation: number }[];
}

export type RunEventKind = 'started' | 'resumed' | 'interrupted' | 'finished' | 'failed';
