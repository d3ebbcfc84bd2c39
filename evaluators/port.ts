// The evaluator port: trains one architecture to one rung, and measures what deployments make of it. Implementations:
// Piscina threads, functions of a program (define-evaluator.ts), and an analytic stand-in for tests of everything that
// surrounds training.
import type { Architecture } from '../space/architecture.ts';
import type { Deployment, LayerPart, WeightStorage } from '../space/deployment.ts';
import type { MeasurementOutcome, ProfileOutcome, TrainingOutcome } from './outcome.ts';

export interface TrainingTask {
  readonly architecture: Architecture;
  /** `hashOf(architecture)`: names the checkpoint files. */
  readonly architectureHash: string;
  /** Index into the run's rungs. Training continues from the checkpoint of the rung below where there is one. */
  readonly rung: number;
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
  close(): Promise<void>;
}
