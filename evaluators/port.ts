// The evaluator port: trains one architecture to one rung. Implementations: Piscina threads, and an
// analytic stand-in for tests of everything that surrounds training.
import type { Architecture } from '../space/architecture.ts';
import type { TrainingOutcome } from './outcome.ts';

export interface TrainingTask {
  readonly architecture: Architecture;
  /** `hashOf(architecture)`: names the checkpoint files. */
  readonly architectureHash: string;
  /** Index into the run's rungs. Training continues from the checkpoint of the rung below where there is one. */
  readonly rung: number;
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
  close(): Promise<void>;
}
