// What the pool and its workers say to each other. All of it is plain data or shared memory.

import type { EngineSpec } from '../../space/engine-spec.ts';
import type { CompressionSpec } from '../../space/spec.ts';
import type { Dataset } from '../data/dataset.ts';
import type { MeasurementTask, PairTask, ProfileTask, TrainingProgress, TrainingTask } from '../port.ts';
import type { TrainingSettings } from '../training/train.ts';

/** What every task of a pool shares; handed to a worker when it starts. */
export interface WorkerSetup {
  readonly seed: number;
  readonly settings: TrainingSettings;
  readonly timeoutSeconds: number;
  readonly data: Dataset;
  readonly checkpointFolder?: string;
  /** What trains and measures; `DEFAULT_ENGINE` when absent. */
  readonly engine?: EngineSpec;
  /** How weights are compressed before a deployment is measured; `DEFAULT_COMPRESSION` when absent. */
  readonly compression?: CompressionSpec;
}

/** What a worker is asked to do. */
export type WorkerJob =
  | { readonly kind: 'train'; readonly task: TrainingTask }
  | { readonly kind: 'measure'; readonly task: MeasurementTask }
  | { readonly kind: 'profile'; readonly task: ProfileTask }
  | { readonly kind: 'pair'; readonly task: PairTask };

export type WorkerTask = WorkerJob & { readonly signals: SharedArrayBuffer };

/** What a task throws that was cancelled while it worked. */
export class TaskCancelled extends Error {
  override readonly name = 'TaskCancelled';
}

/**
 * Some bytes of shared memory for one task: the pool raises a flag to cancel, the worker writes how far it is and
 * whether it is inside the runtime. Neither waits for the other's event loop.
 */
export class TaskSignals {
  readonly memory: SharedArrayBuffer;
  /** Whether it is cancelled; calls of the runtime that are under way; whether a thread has begun it. */
  readonly #flags: Int32Array;
  readonly #progress: Float64Array;

  constructor(memory = new SharedArrayBuffer(40)) {
    this.memory = memory;
    this.#flags = new Int32Array(memory, 0, 3);
    this.#progress = new Float64Array(memory, 16, 3);
  }

  /** From now on the task enters the runtime no more. */
  cancel(): void {
    Atomics.store(this.#flags, 0, 1);
  }

  get isCancelled(): boolean {
    return Atomics.load(this.#flags, 0) === 1;
  }

  begin(): void {
    Atomics.store(this.#flags, 2, 1);
  }

  get hasBegun(): boolean {
    return Atomics.load(this.#flags, 2) === 1;
  }

  /** Whether the thread must not be ended now. */
  get isInRuntime(): boolean {
    return Atomics.load(this.#flags, 1) > 0;
  }

  /** @throws {@link TaskCancelled} */
  enter(): void {
    // In this order: either it sees that it is cancelled, or who cancels sees that it is inside.
    Atomics.add(this.#flags, 1, 1);
    if (!this.isCancelled) return;
    this.leave();
    throw new TaskCancelled('cancelled');
  }

  leave(): void {
    Atomics.sub(this.#flags, 1, 1);
  }

  report({ step, totalSteps, loss }: TrainingProgress): void {
    this.#progress.set([step, totalSteps, loss]);
  }

  /** What the worker last reported; `undefined` before its first step. */
  get progress(): TrainingProgress | undefined {
    const [step, totalSteps, loss] = this.#progress;
    return step === 0 ? undefined : { step: step!, totalSteps: totalSteps!, loss: loss! };
  }
}
