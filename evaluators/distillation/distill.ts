// Trains a student on a teacher: the teacher's forward pass is part of the training graph.
import * as tf from '@tensorflow/tfjs';
import type { Architecture } from '../../space/architecture.ts';
import { deriveRng } from '../../space/random.ts';
import type { Engine } from '../engine/program.ts';
import type { LanguageModel } from '../generation/language-model.ts';
import { parameterSpecs } from '../model/parameters.ts';
import { forward } from '../model/transformer.ts';
import { freshState, type StepResult, Trainer } from '../training/program.ts';
import { learningRateAt } from '../training/schedule.ts';
import type { LossFunction } from '../training/step.ts';
import type { TrainingSettings } from '../training/train.ts';
import type { BatchSource } from './batches.ts';
import { type DistillationLoss, distillationLoss } from './loss.ts';

export interface DistillationSettings
  extends Omit<TrainingSettings, 'rungs' | 'evaluationTokens' | 'teacher'> {
  readonly steps: number;
  readonly loss: DistillationLoss;
}

export interface DistillationContext {
  readonly seed: number;
  readonly batches: BatchSource;
  readonly engine?: Engine;
  readonly onStep?: (step: number, result: StepResult) => void;
  /** Asked before each step. */
  readonly shouldStop?: () => boolean;
}

export type DistillationOutcome =
  | { readonly kind: 'ok'; readonly student: LanguageModel; readonly trainSeconds: number }
  | { readonly kind: 'diverged'; readonly step: number }
  | { readonly kind: 'stopped'; readonly step: number };

/**
 * A loss for a trainer of `student` on what `teacher` says of the same tokens. Its weights become constants of the graph.
 * @throws RangeError where the vocabularies differ.
 */
export function teacherLoss(
  student: Architecture,
  { architecture, weights }: LanguageModel,
  spec: DistillationLoss,
): LossFunction {
  const own = student.vocabSize;
  if (architecture.vocabSize !== own)
    throw new RangeError(`a teacher of ${architecture.vocabSize} tokens for a student of ${own}`);
  return (logits, { tokens, targets }) => {
    const constants = Object.fromEntries(
      parameterSpecs(architecture).map(({ name, shape }) => [name, tf.tensor(weights[name]!, [...shape])]),
    );
    const teacherLogits = forward(architecture, constants, tokens as tf.Tensor2D);
    return distillationLoss(spec, logits, teacherLogits, tf.reshape(targets!, [-1]) as tf.Tensor1D);
  };
}

/** Trains on from the student's weights, which stay as they are, with fresh optimiser state. */
export async function distill(
  student: LanguageModel,
  teacher: LanguageModel,
  settings: DistillationSettings,
  { seed, batches, engine, onStep, shouldStop }: DistillationContext,
): Promise<DistillationOutcome> {
  const { architecture } = student;
  const trainer = await Trainer.create(
    architecture,
    settings,
    settings.batch,
    freshState(architecture, student.weights),
    engine,
    teacherLoss(architecture, teacher, settings.loss),
  );
  try {
    const start = performance.now();
    for (let step = 1; step <= settings.steps; step++) {
      if (shouldStop?.() === true) return { kind: 'stopped', step };
      batches(deriveRng(seed, step, 'distillation batch'), trainer.tokens, trainer.targets);
      const result = await trainer.step(learningRateAt(settings, step, 0, settings.steps));
      if (!Number.isFinite(result.loss) || !Number.isFinite(result.gradientNorm))
        return { kind: 'diverged', step };
      onStep?.(step, result);
    }
    const trainSeconds = (performance.now() - start) / 1000;
    const trained = Object.entries(trainer.state().weights).map(
      ([name, data]) => [name, data.slice()] as const,
    );
    return { kind: 'ok', student: { architecture, weights: Object.fromEntries(trained) }, trainSeconds };
  } finally {
    await trainer.release();
  }
}
