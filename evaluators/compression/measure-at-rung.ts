// What deployments make of an architecture trained to a rung: loads the rung's checkpoint, compresses, measures.
import type { Deployment } from '../../space/deployment.ts';
import type { CompressionSpec } from '../../space/spec.ts';
import { createEngine } from '../engine/create.ts';
import type { Engine } from '../engine/program.ts';
import type { LanguageModel } from '../generation/language-model.ts';
import type { Weights } from '../model/parameters.ts';
import type { MeasurementOutcome, ProfileOutcome, TaskFailure } from '../outcome.ts';
import type { MeasurementTask, ProfileTask, TrainingTask } from '../port.ts';
import { type TrainingContext, trainedWeights } from '../training/train.ts';
import { createCalibrator } from './calibration.ts';
import type { TensorReport } from './cast-model.ts';
import { matrixSpecs } from './matrices.ts';
import {
  compressDeployment,
  type DeployedWeights,
  type DeploymentContext,
  type DeploymentTask,
  measureDeployments,
} from './measure-deployments.ts';
import { createNoiseTable, measuredDisturbance } from './noise-table.ts';
import { outlierAwareDeployment } from './prune.ts';
import type { GradualPruning, RecoverySettings } from './recover.ts';

export interface MeasurementContext extends TrainingContext {
  readonly compression?: CompressionSpec;
  /** Gets the weights before they are measured: as trained, and as the deployment stores them. */
  readonly onWeights?: (trained: Weights, deployed: DeployedWeights) => void;
}

/** One-shot magnitude pruning, evenly, without recovery. */
const DEFAULT_COMPRESSION: CompressionSpec = {
  method: 'magnitude',
  split: 'uniform',
  schedule: 'one-shot',
  calibrationWindows: 64,
  recoverySteps: 0,
  recoveryLearningRate: 0.001,
};

function recoveryOf(
  { settings }: TrainingContext,
  { schedule, recoverySteps: steps, recoveryLearningRate: learningRate }: CompressionSpec,
): RecoverySettings {
  const warmupSteps = Math.min(settings.warmupSteps, Math.ceil(steps / 10));
  const oneShot = { ...settings, steps, learningRate, warmupSteps };
  return schedule === 'one-shot' ? oneShot : { ...oneShot, gradual: gradualPruning(steps) };
}

/** Six tenths of the steps prune, at some twenty of them; the others are for the final mask. */
function gradualPruning(steps: number): GradualPruning {
  const lastStep = Math.ceil(0.6 * steps);
  return { firstStep: 1, lastStep, everySteps: Math.max(1, Math.floor(lastStep / 20)) };
}

/** The deployment with its sparsity shared out over the layers, where that is wanted and there is any. */
async function splitSparsity(
  { architecture, deployment }: MeasurementTask,
  weights: Weights,
  { data, seed }: TrainingContext,
  { split, calibrationWindows: windows }: CompressionSpec,
  engine: Engine,
): Promise<Deployment> {
  // All layers and parts have one sparsity where it is split.
  const { sparsity } = deployment.layers[0]!.attention;
  if (split === 'uniform' || sparsity === 0) return deployment;
  const calibrator = await createCalibrator(architecture, data, { seed, windows }, engine);
  try {
    const calibration = await calibrator.measure(weights);
    return outlierAwareDeployment(architecture, weights, deployment, sparsity, calibration);
  } finally {
    await calibrator.release();
  }
}

/** Bits of the matrices of each layer. */
function layerBitsOf({ architecture }: TrainingTask, tensors: readonly TensorReport[]): number[] {
  const bits = architecture.layers.map(() => 0);
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor.bits]));
  for (const { name, layer, kind } of matrixSpecs(architecture)) {
    if (layer !== undefined && kind !== 'gain') bits[layer]! += byName.get(name)!;
  }
  return bits;
}

interface Prepared {
  readonly task: DeploymentTask;
  readonly context: DeploymentContext;
  /** Why it stopped where it was stopped. */
  readonly stopped: () => TaskFailure;
}

/** Weights of a task's architecture on their way to its deployment, as the run's settings want it. */
async function prepare(
  task: MeasurementTask,
  weights: Weights,
  context: MeasurementContext,
): Promise<Prepared> {
  const { compression = DEFAULT_COMPRESSION, settings, data, seed } = context;
  const engine = createEngine(context.engine);
  let stopped: TaskFailure | undefined;
  return {
    task: {
      architecture: task.architecture,
      weights,
      deployments: [await splitSparsity(task, weights, context, compression, engine)],
      method: { kind: compression.method },
      recovery: recoveryOf(context, compression),
    },
    context: {
      seed,
      data,
      evaluationTokens: settings.evaluationTokens,
      calibrationWindows: compression.calibrationWindows,
      shouldStop: () => {
        stopped ??= context.shouldStop();
        return stopped !== undefined;
      },
      engine,
      onCompressed: (deployed) => context.onWeights?.(weights, deployed),
    },
    stopped: () => stopped ?? { kind: 'cancelled' },
  };
}

function divergedAs(outcome: { readonly kind: 'diverged'; readonly step: number; readonly reason: string }) {
  return outcome.step === 0 ? outcome : { ...outcome, reason: `in recovery: ${outcome.reason}` };
}

/** Loss and exact size of a deployment. The same task gives the same figures, whoever measures them. */
export async function measureAtRung(
  task: MeasurementTask,
  context: MeasurementContext,
): Promise<MeasurementOutcome> {
  const startedAt = performance.now();
  const trained = await trainedWeights(task, context);
  if (trained.kind !== 'trained') return trained;
  const { weights } = trained;
  const prepared = await prepare(task, weights, context);
  const [outcome] = await measureDeployments(prepared.task, prepared.context);
  if (outcome!.kind === 'stopped') return prepared.stopped();
  if (outcome!.kind === 'diverged') return divergedAs(outcome!);
  return {
    kind: 'ok',
    bitsPerByte: outcome!.bitsPerByte,
    encodedBits: outcome!.totalBits,
    layerBits: layerBitsOf(task, outcome!.tensors),
    disturbance: measuredDisturbance(task.architecture, weights, task.deployment),
    seconds: (performance.now() - startedAt) / 1000,
  };
}

type Deployed = { readonly kind: 'deployed'; readonly model: LanguageModel } | TaskFailure;

/** The model that a task deploys: pruned and cast, its KV cache in the deployment's format. */
export async function deployedModel(task: MeasurementTask, context: MeasurementContext): Promise<Deployed> {
  const trained = await trainedWeights(task, context);
  return trained.kind === 'trained' ? deployWeights(task, trained.weights, context) : trained;
}

/** The same of other weights than those of the rung. */
export async function deployWeights(
  task: MeasurementTask,
  weights: Weights,
  context: MeasurementContext,
): Promise<Deployed> {
  const prepared = await prepare(task, weights, context);
  const compressed = await compressDeployment(prepared.task, prepared.context);
  if (!('kind' in compressed)) {
    const { kvCacheFormat } = task.deployment;
    const { architecture } = task;
    return { kind: 'deployed', model: { architecture, weights: compressed.weights, kvCacheFormat } };
  }
  return compressed.kind === 'stopped' ? prepared.stopped() : divergedAs(compressed);
}

/** How much each choice would disturb the weights of a rung. */
export async function profileAtRung(task: ProfileTask, context: TrainingContext): Promise<ProfileOutcome> {
  const trained = await trainedWeights(task, context);
  if (trained.kind !== 'trained') return trained;
  return { kind: 'ok', table: createNoiseTable(task.architecture, trained.weights, task.choices) };
}
