// Recovery: fine-tunes a compressed model so that it forgets less. Master weights stay in float32; forward and
// backward pass run on the cast ones, and the gradient there moves the masters as if the cast were not (the
// straight-through estimator, Bengio et al. 2013). Pruned weights, their gradients and their moments stay zero.
import type { Architecture } from '../../space/architecture.ts';
import { type Deployment, mapStorage } from '../../space/deployment.ts';
import { deriveRng } from '../../space/random.ts';
import type { Dataset } from '../data/dataset.ts';
import { sampleBatch } from '../data/windows.ts';
import type { Engine } from '../engine/program.ts';
import { onnxEngine } from '../engine/session.ts';
import type { Weights } from '../model/parameters.ts';
import type { AdamWSettings } from '../training/flat-state.ts';
import { learningRateAt } from '../training/schedule.ts';
import { lossAndGradients, passInputs } from '../training/step.ts';
import type { Masks } from './mask.ts';
import { prunedMatrices, storageOf } from './matrices.ts';
import { isPruningStep, type PruningSchedule, scheduledSparsity } from './pruning-schedule.ts';
import { RecoveryState } from './recovery-state.ts';
import { type Group, magnitudeScores, maskOfScores } from './scores.ts';

/** When a recovery prunes by itself; `finalSparsity` is each layer's own. */
export type GradualPruning = Omit<PruningSchedule, 'initialSparsity' | 'finalSparsity'> & {
  readonly group?: Group;
};

export interface RecoverySettings extends AdamWSettings {
  /** Optimiser steps; 0 = no recovery. */
  readonly steps: number;
  /** Sequences a step. */
  readonly batch: number;
  /** Peak; it warms up, then falls along a cosine to a tenth. */
  readonly learningRate: number;
  readonly warmupSteps: number;
  /** Steps that share one cast of the weights. 1 by default; codebooks, whose clusters are slow to find, may want more. */
  readonly castEvery?: number;
  /** Iterative magnitude pruning from dense weights; the masks given at the start hold when absent. */
  readonly gradual?: GradualPruning;
}

export interface RecoveryContext {
  readonly seed: number;
  readonly data: Pick<Dataset, 'train'>;
  readonly settings: RecoverySettings;
  /** Training loss of each step, in nats a token, under the weights of its cast. */
  readonly onStep?: (step: number, loss: number) => void;
  /** Asked before each step. */
  readonly shouldStop?: () => boolean;
}

export type RecoveryOutcome =
  | {
      readonly kind: 'ok';
      /** Masters, zero where pruned: `castModel` makes the deployed weights of them. */
      readonly weights: Weights;
      readonly masks: Masks;
      readonly seconds: number;
      /** Part of `seconds` that went into casting. */
      readonly castSeconds: number;
    }
  | { readonly kind: 'diverged'; readonly step: number; readonly reason: string }
  | { readonly kind: 'stopped'; readonly step: number };

/** The deployment with every matrix at what the schedule asks for at `step`. */
function scheduledDeployment(deployment: Deployment, gradual: GradualPruning, step: number): Deployment {
  return mapStorage(deployment, (storage) => {
    const schedule = { ...gradual, initialSparsity: 0, finalSparsity: storage.sparsity };
    return { ...storage, sparsity: scheduledSparsity(schedule, step) ?? 0 };
  });
}

function pruneFurther(
  recovery: RecoveryState,
  architecture: Architecture,
  deployment: Deployment,
  group: Group = 'matrix',
) {
  for (const spec of prunedMatrices(architecture, deployment)) {
    const { sparsity } = storageOf(spec, deployment);
    const scores = magnitudeScores(recovery.masters.weights[spec.name]!);
    recovery.setMask(spec.name, maskOfScores(scores, spec, sparsity, group));
  }
}

/** The steps themselves: the outcome that ended them early, or `undefined`. */
async function runSteps(
  recovery: RecoveryState,
  architecture: Architecture,
  deployment: Deployment,
  { seed, data, settings, onStep, shouldStop }: RecoveryContext,
): Promise<RecoveryOutcome | undefined> {
  const { steps, batch, castEvery = 1, gradual } = settings;
  let current = gradual === undefined ? deployment : scheduledDeployment(deployment, gradual, 0);
  for (let step = 1; step <= steps; step++) {
    if (shouldStop?.() === true) return { kind: 'stopped', step };
    const prunes =
      gradual !== undefined && isPruningStep({ ...gradual, initialSparsity: 0, finalSparsity: 0 }, step);
    if (prunes) {
      current = scheduledDeployment(deployment, gradual, step);
      pruneFurther(recovery, architecture, current, gradual.group);
    }
    if (prunes || (step - 1) % castEvery === 0) recovery.cast(current);
    const rng = deriveRng(seed, step, 'recovery batch');
    sampleBatch(data.train, batch, architecture.contextLength, rng, recovery.tokens, recovery.targets);
    const rate = learningRateAt(settings, step, 0, steps);
    const { loss, gradientNorm } = await recovery.step(settings, rate, step);
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
      return {
        kind: 'diverged',
        step,
        reason: `the ${Number.isFinite(loss) ? 'gradient' : 'loss'} is no number`,
      };
    }
    onStep?.(step, loss);
  }
  return undefined;
}

/**
 * Fine-tunes `weights` for `deployment`. `masks` fix what is pruned (from `pruneWeights`); with `settings.gradual`
 * the recovery finds its own. The same arguments give the same weights.
 * @throws RangeError where a gradual schedule does not end within the steps.
 */
export async function recoverWeights(
  architecture: Architecture,
  weights: Weights,
  masks: Masks,
  deployment: Deployment,
  context: RecoveryContext,
  engine: Engine = onnxEngine(),
): Promise<RecoveryOutcome> {
  const { settings } = context;
  if (settings.gradual !== undefined && settings.gradual.lastStep > settings.steps) {
    throw new RangeError(`pruning ends at step ${settings.gradual.lastStep} of ${settings.steps}`);
  }
  const start = performance.now();
  const program = await engine.compile(passInputs(architecture, settings.batch), (inputs) =>
    lossAndGradients(architecture, inputs),
  );
  const recovery = new RecoveryState(architecture, settings.batch, weights, masks, program);
  try {
    const early = await runSteps(recovery, architecture, deployment, context);
    if (early !== undefined) return early;
    const kept = Object.entries(recovery.masters.weights).map(
      ([name, values]) => [name, values.slice()] as const,
    );
    return {
      kind: 'ok',
      weights: Object.fromEntries(kept),
      masks: recovery.masks,
      seconds: (performance.now() - start) / 1000,
      castSeconds: recovery.castSeconds,
    };
  } finally {
    await recovery.release();
  }
}
