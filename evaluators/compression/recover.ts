// Recovery: fine-tunes a compressed model so that it forgets less. Master weights stay in float32; forward and
// backward pass run on the cast ones, and the gradient there moves the masters as if the cast were not (the
// straight-through estimator, Bengio et al. 2013). Pruned weights, their gradients and their moments stay zero.
import type { Architecture } from '../../space/architecture.ts';
import type { Deployment } from '../../space/deployment.ts';
import { deriveRng } from '../../space/random.ts';
import type { Dataset } from '../data/dataset.ts';
import { sampleBatch } from '../data/windows.ts';
import { bufferOf, type CompiledProgram, type Engine } from '../engine/program.ts';
import { onnxEngine } from '../engine/session.ts';
import { parameterSpecs, type Weights } from '../model/parameters.ts';
import { type AdamWSettings, FlatState } from '../training/flat-state.ts';
import { freshState } from '../training/program.ts';
import { learningRateAt } from '../training/schedule.ts';
import { GRADIENT, lossAndGradients, passInputs } from '../training/step.ts';
import { castMatrix } from './cast-model.ts';
import { type Mask, type Masks, maskInPlace } from './mask.ts';
import { blockMatrices, type MatrixSpec, matrixSpecs, storageOf } from './matrices.ts';
import { isPruningStep, type PruningSchedule, scheduledSparsity } from './pruning-schedule.ts';
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

/** One model in recovery: masters and moments in one flat memory, cast weights beside them. */
class Recovery {
  readonly tokens: Int32Array;
  readonly targets: Int32Array;
  castSeconds = 0;
  readonly masks: Record<string, Mask>;
  readonly #program: CompiledProgram;
  readonly #state: FlatState;
  readonly #specs: readonly MatrixSpec[];
  readonly #cast: Readonly<Record<string, Float32Array>>;
  readonly #feeds: Record<string, ReturnType<typeof bufferOf>>;
  readonly #fetches: Record<string, ReturnType<typeof bufferOf>>;
  readonly #loss = new Float32Array(1);

  constructor(
    architecture: Architecture,
    batch: number,
    weights: Weights,
    masks: Masks,
    program: CompiledProgram,
  ) {
    const specs = parameterSpecs(architecture);
    const { first, second } = freshState(architecture, weights);
    this.#program = program;
    this.#specs = matrixSpecs(architecture);
    this.#state = new FlatState(specs, weights, first, second);
    this.#cast = Object.fromEntries(specs.map(({ name }) => [name, weights[name]!.slice()]));
    this.masks = { ...masks };
    for (const [name, mask] of Object.entries(masks)) maskInPlace(this.#state.weights[name]!, mask);
    const shape = [batch, architecture.contextLength];
    this.tokens = new Int32Array(batch * architecture.contextLength);
    this.targets = new Int32Array(batch * architecture.contextLength);
    this.#feeds = {
      tokens: bufferOf(shape, 'int32', this.tokens),
      targets: bufferOf(shape, 'int32', this.targets),
    };
    this.#fetches = { loss: bufferOf([], 'float32', this.#loss) };
    for (const { name, shape } of specs) {
      this.#feeds[name] = bufferOf(shape, 'float32', this.#cast[name]!);
      this.#fetches[GRADIENT + name] = bufferOf(shape, 'float32', this.#state.gradients[name]!);
    }
  }

  get masters(): Weights {
    return this.#state.weights;
  }

  /** Makes `mask` hold from now on, for weights and moments alike. */
  setMask(name: string, mask: Mask): void {
    this.masks[name] = mask;
    for (const part of [this.#state.weights, this.#state.first, this.#state.second]) {
      maskInPlace(part[name]!, mask);
    }
  }

  cast(deployment: Deployment): void {
    const start = performance.now();
    for (const spec of this.#specs) {
      this.#cast[spec.name]!.set(castMatrix(this.#state.weights[spec.name]!, spec, deployment).decoded);
    }
    this.castSeconds += (performance.now() - start) / 1000;
  }

  /** Loss in nats a token; the weights move only where loss and gradient are numbers. */
  async step(settings: AdamWSettings, learningRate: number, step: number) {
    await this.#program.run(this.#feeds, this.#fetches);
    const { gradients } = this.#state;
    for (const [name, mask] of Object.entries(this.masks)) maskInPlace(gradients[name]!, mask);
    const loss = this.#loss[0]!;
    const gradientNorm = this.#state.gradientNorm();
    if (Number.isFinite(loss) && Number.isFinite(gradientNorm)) {
      this.#state.update(settings, learningRate, step, gradientNorm);
    }
    return { loss, gradientNorm };
  }

  async release(): Promise<void> {
    await this.#program.release();
    this.#state.release();
  }
}

/** The deployment with every layer at what the schedule asks for at `step`. */
function scheduledDeployment(deployment: Deployment, gradual: GradualPruning, step: number): Deployment {
  const layers = deployment.layers.map((layer) => {
    const schedule = { ...gradual, initialSparsity: 0, finalSparsity: layer.sparsity };
    return { ...layer, sparsity: scheduledSparsity(schedule, step) ?? 0 };
  });
  return { ...deployment, layers };
}

function pruneFurther(
  recovery: Recovery,
  specs: readonly MatrixSpec[],
  deployment: Deployment,
  group: Group = 'matrix',
) {
  for (const spec of specs) {
    const { sparsity } = storageOf(spec, deployment);
    if (sparsity === 0) continue;
    const scores = magnitudeScores(recovery.masters[spec.name]!);
    recovery.setMask(spec.name, maskOfScores(scores, spec, sparsity, group));
  }
}

/** The steps themselves: the outcome that ended them early, or `undefined`. */
async function runSteps(
  recovery: Recovery,
  architecture: Architecture,
  deployment: Deployment,
  { seed, data, settings, onStep, shouldStop }: RecoveryContext,
): Promise<RecoveryOutcome | undefined> {
  const { steps, batch, castEvery = 1, gradual } = settings;
  const specs = blockMatrices(architecture);
  let current = gradual === undefined ? deployment : scheduledDeployment(deployment, gradual, 0);
  for (let step = 1; step <= steps; step++) {
    if (shouldStop?.() === true) return { kind: 'stopped', step };
    const prunes =
      gradual !== undefined && isPruningStep({ ...gradual, initialSparsity: 0, finalSparsity: 0 }, step);
    if (prunes) {
      current = scheduledDeployment(deployment, gradual, step);
      pruneFurther(recovery, specs, current, gradual.group);
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
  const recovery = new Recovery(architecture, settings.batch, weights, masks, program);
  try {
    const early = await runSteps(recovery, architecture, deployment, context);
    if (early !== undefined) return early;
    const kept = Object.entries(recovery.masters).map(([name, values]) => [name, values.slice()] as const);
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
