// The evaluator port: trains one architecture to one rung, and measures what deployments make of it. Implementations:
// Piscina threads, functions of a program (define-evaluator.ts), and an analytic stand-in for tests of everything that
// surrounds training.
import type { Architecture } from '../space/architecture.ts';
import type { Deployment, LayerPart, WeightStorage } from '../space/deployment.ts';
import type { SamplingSettings } from './generation/sampling.ts';
import type { MeasurementOutcome, PairOutcome, ProfileOutcome, TrainingOutcome } from './outcome.ts';

/** A trained model that others begin from; it was trained to the highest rung from first values of its own. */
export interface Donor {
  readonly architecture: Architecture;
  readonly architectureHash: string;
  /** Validation loss that it came to, bits per byte. */
  readonly loss: number;
}

export interface TrainingTask {
  readonly architecture: Architecture;
  /** `hashOf(architecture)`: names the checkpoint files. */
  readonly architectureHash: string;
  /** Index into the run's rungs. Training continues from the checkpoint of the rung below where there is one. */
  readonly rung: number;
  /** Whose weights training begins from, as far as they still work; first values of its own where absent. */
  readonly donor?: Donor;
  /** Whether this is the teacher of the others, which has one rung of its own and no teacher. */
  readonly isTeacher?: true;
}

/** Measures a deployment of an architecture trained to a rung. */
export interface MeasurementTask extends TrainingTask {
  readonly deployment: Deployment;
}

/** Asks how much each of these ways of storing its parts would disturb an architecture trained to a rung. */
export interface ProfileTask extends TrainingTask {
  readonly choices: Readonly<Record<LayerPart | 'embedding', readonly WeightStorage[]>>;
}

/** Where a target's draft tokens come from. */
export type PairDraft =
  | { readonly kind: 'lookup'; readonly longest: number; readonly shortest: number }
  /** The target's own first layers with its head. */
  | { readonly kind: 'self'; readonly nLayers: number }
  /** A model trained to a rung, as it is deployed. */
  | { readonly kind: 'model'; readonly model: MeasurementTask };

/** Asks how much of a draft a deployed target accepts. */
export interface PairTask {
  readonly target: MeasurementTask;
  readonly draft: PairDraft;
  /** How the target is sampled; drafts are sampled alike. */
  readonly sampling: SamplingSettings;
  /** A model stops drafting where the product of its confidences falls below; 0 never stops. */
  readonly confidence: number;
  /** Tokens that a round drafts at most: one answer each. */
  readonly draftLengths: readonly number[];
  /** Steps by which a draft model is first brought closer to the target; 0 = taken as it is. */
  readonly alignmentSteps: number;
}

export interface TrainingProgress {
  readonly step: number;
  readonly totalSteps: number;
  /** Training loss of the last step, nats a token. */
  readonly loss: number;
}

export interface Evaluator {
  /** Never rejects for what a training met: every such end is an outcome. The same task gives the same result. */
  evaluate(
    task: TrainingTask,
    signal?: AbortSignal,
    onProgress?: (progress: TrainingProgress) => void,
  ): Promise<TrainingOutcome>;
  /** Prunes, casts and measures; where the rung's checkpoint is lost, it is trained anew, to the same weights. */
  measure(task: MeasurementTask, signal?: AbortSignal): Promise<MeasurementOutcome>;
  /** An evaluator without it is not asked for further deployments of what it trained. */
  profile?(task: ProfileTask, signal?: AbortSignal): Promise<ProfileOutcome>;
  /**
   * Reads text that the target writes with both models; an aligned draft is kept beside the checkpoints. Without it
   * drafts keep the acceptance that is expected of them.
   */
  pair?(task: PairTask, signal?: AbortSignal): Promise<PairOutcome>;
  close(): Promise<void>;
}
