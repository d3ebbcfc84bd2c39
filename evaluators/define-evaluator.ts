// An evaluator from functions: a loss that is computed, looked up or trained elsewhere, in a few lines.
import { weightBits } from '../hardware/index.ts';
import type { Architecture } from '../space/architecture.ts';
import type { Deployment } from '../space/deployment.ts';
import { matrixSpecs, storageOf } from './compression/matrices.ts';
import type { MeasurementOutcome, TaskFailure, TrainingOutcome } from './outcome.ts';
import type { Evaluator, MeasurementTask, TrainingTask } from './port.ts';

type Awaitable<T> = T | Promise<T>;

/** What a training came to. */
export interface Trained {
  /** Validation loss in bits per byte of text. */
  readonly bitsPerByte: number;
  /** Optimiser steps and tokens that this training took; 0 unless given. */
  readonly steps?: number;
  readonly tokens?: number;
}

export interface EvaluatorFunctions {
  /**
   * The validation loss, in bits per byte, of one architecture trained to one rung; the same task must give the same
   * result. What is thrown is stored as a failed training, and tried once more.
   */
  readonly train: (task: TrainingTask, signal: AbortSignal) => Awaitable<number | Trained | TaskFailure>;
  /**
   * The loss that is left of `trainedLoss` when the architecture is stored and served as `task.deployment` says;
   * without this function, all of it.
   */
  readonly measure?: (
    task: MeasurementTask,
    trainedLoss: number,
    signal: AbortSignal,
  ) => Awaitable<number | TaskFailure>;
  /** Called once, at the end of the run. */
  readonly close?: () => Awaitable<void>;
}

/**
 * An evaluator that calls these functions. Stored sizes are those that the cost model expects, and no further
 * deployments are measured of what was trained.
 */
export function defineEvaluator({ train, measure, close }: EvaluatorFunctions): Evaluator {
  const never = new AbortController().signal;
  const losses = new Map<string, number>();
  const evaluate = async (task: TrainingTask, signal = never): Promise<TrainingOutcome> => {
    const startedAt = performance.now();
    const result = await train(task, signal);
    if (signal.aborted) return { kind: 'cancelled' };
    if (typeof result === 'object' && 'kind' in result) return result;
    const {
      bitsPerByte,
      steps = 0,
      tokens = 0,
    } = typeof result === 'number' ? { bitsPerByte: result } : result;
    losses.set(nameOf(task), bitsPerByte);
    const trainSeconds = (performance.now() - startedAt) / 1000;
    return { kind: 'ok', bitsPerByte, steps, tokens, trainSeconds, compileSeconds: 0 };
  };
  return {
    evaluate,
    measure: async (task, signal = never): Promise<MeasurementOutcome> => {
      const startedAt = performance.now();
      // A resumed run measures what another process trained.
      if (!losses.has(nameOf(task))) {
        const outcome = await evaluate(task, signal);
        if (outcome.kind !== 'ok') return outcome;
      }
      const trainedLoss = losses.get(nameOf(task))!;
      const bitsPerByte = measure === undefined ? trainedLoss : await measure(task, trainedLoss, signal);
      if (signal.aborted) return { kind: 'cancelled' };
      if (typeof bitsPerByte === 'object') return bitsPerByte;
      const seconds = (performance.now() - startedAt) / 1000;
      return {
        kind: 'ok',
        bitsPerByte,
        ...expectedSize(task.architecture, task.deployment),
        disturbance: [],
        seconds,
      };
    },
    close: async () => close?.(),
  };
}

function nameOf({ architectureHash, rung, isTeacher }: TrainingTask): string {
  return `${architectureHash}/${rung}${isTeacher === true ? '/teacher' : ''}`;
}

/** Bits of a model as it would be stored: of all of it, and of the matrices of each layer. */
function expectedSize(architecture: Architecture, deployment: Deployment) {
  const layerBits = architecture.layers.map(() => 0);
  let encodedBits = 0;
  for (const spec of matrixSpecs(architecture)) {
    const { weightFormat, sparsity } = storageOf(spec, deployment);
    const shape =
      spec.reduction === 'rows' ? { rows: spec.rows, cols: spec.cols } : { rows: spec.cols, cols: spec.rows };
    const bits = weightBits(weightFormat, shape, sparsity);
    encodedBits += bits;
    if (spec.layer !== undefined && spec.kind !== 'gain') layerBits[spec.layer]! += bits;
  }
  return { encodedBits, layerBits };
}
