// Drafts brought closer to a target in a few hundred steps.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readCheckpoint, writeCheckpoint } from '../../evaluators/checkpoint/training-checkpoint.ts';
import type { Dataset } from '../../evaluators/data/dataset.ts';
import { corpusBatches, mixedBatches, textBatches } from '../../evaluators/distillation/batches.ts';
import { type DistillationSettings, distill } from '../../evaluators/distillation/distill.ts';
import type { DistillationLoss } from '../../evaluators/distillation/loss.ts';
import type { LanguageModel } from '../../evaluators/generation/language-model.ts';
import { freshState } from '../../evaluators/training/program.ts';
import { hashOf } from '../../space/candidate.ts';

export const LOSSES = {
  text: { crossEntropy: 1, forwardKl: 0, temperature: 1, totalVariation: 0 },
  'forward KL': { crossEntropy: 0, forwardKl: 1, temperature: 1, totalVariation: 0 },
  'total variation': { crossEntropy: 0, forwardKl: 0, temperature: 1, totalVariation: 1 },
} as const satisfies Record<string, DistillationLoss>;

const SETTINGS: Omit<DistillationSettings, 'loss'> = {
  steps: 400,
  batch: 8,
  learningRate: 0.002,
  warmupSteps: 20,
  weightDecay: 0,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  gradientClip: 1,
};

/** `draft` aligned to `target` on corpus windows and, for half of the steps, on `texts` that the target wrote. */
export async function alignedDraft(
  folder: string,
  name: string,
  draft: LanguageModel,
  target: LanguageModel,
  loss: DistillationLoss,
  data: Dataset,
  texts: readonly Uint16Array[],
): Promise<LanguageModel> {
  const { architecture } = draft;
  const settings = { ...SETTINGS, loss };
  const key = hashOf({ name, settings, target: target.architecture, draft: architecture });
  const path = join(folder, `aligned-${key}.safetensors`);
  const stored = existsSync(path) ? readCheckpoint(path, architecture) : undefined;
  if (stored !== undefined) return { architecture, weights: stored.weights };
  const corpus = corpusBatches(data.train, architecture.contextLength);
  const written = textBatches(texts, architecture.contextLength);
  const outcome = await distill(draft, target, settings, {
    seed: 1,
    batches: mixedBatches(corpus, written, 0.5),
    onStep(step, { loss: value }) {
      if (step % 100 === 0) console.error(`  ${name}: step ${step}, loss ${value.toFixed(4)}`);
    },
  });
  if (outcome.kind !== 'ok') throw new Error(`${name}: ${outcome.kind}`);
  console.error(`  ${name}: ${outcome.trainSeconds.toFixed(0)} s`);
  const state = { ...freshState(architecture, outcome.student.weights), step: settings.steps };
  writeCheckpoint(path, architecture, state);
  return outcome.student;
}
