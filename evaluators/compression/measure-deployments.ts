// Train once, deploy many: everything that is measured on one set of trained weights, one deployment after the other.
import type { Architecture } from '../../space/architecture.ts';
import type { Deployment } from '../../space/deployment.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Engine } from '../engine/program.ts';
import type { Weights } from '../model/parameters.ts';
import { type Calibrator, createCalibrator } from './calibration.ts';
import { type CompressedModel, castModel } from './cast-model.ts';
import { createDeploymentMeter, type DeploymentMeasurement } from './deployment-meter.ts';
import { type PruningMethod, pruneWeights } from './prune.ts';
import { type RecoverySettings, recoverWeights } from './recover.ts';

export interface DeploymentTask {
  readonly architecture: Architecture;
  readonly weights: Weights;
  readonly deployments: readonly Deployment[];
  readonly method: PruningMethod;
  /** Fine-tuning after the cast; none when absent or of no steps. */
  readonly recovery?: RecoverySettings;
}

/** Weights of a deployment on both sides of its codecs. */
export interface DeployedWeights {
  readonly deployment: Deployment;
  /** Pruned and, where wanted, recovered: what is encoded. */
  readonly stored: Weights;
  /** What the encoded weights decode to. */
  readonly decoded: Weights;
}

export interface DeploymentContext {
  readonly seed: number;
  readonly data: Dataset;
  readonly evaluationTokens: number;
  /** Training windows that pruning methods look at inputs on. */
  readonly calibrationWindows?: number;
  readonly shouldStop?: () => boolean;
  /** ONNX Runtime on one thread when absent. */
  readonly engine?: Engine;
  /** Gets the weights of each deployment before they are measured. */
  readonly onCompressed?: (weights: DeployedWeights) => void;
}

/** What became of one deployment. */
export type DeploymentOutcome =
  | ({ readonly kind: 'ok' } & DeploymentMeasurement)
  | { readonly kind: 'diverged'; readonly step: number; readonly reason: string }
  | { readonly kind: 'stopped' };

type Compressed = CompressedModel | Exclude<DeploymentOutcome, { readonly kind: 'ok' }>;

async function compressAndRecover(
  task: DeploymentTask,
  deployment: Deployment,
  context: DeploymentContext,
  calibrator: Calibrator | undefined,
): Promise<Compressed> {
  const { architecture, weights, method, recovery } = task;
  const encode = (stored: Weights): CompressedModel => {
    const compressed = castModel(architecture, stored, deployment, weights);
    context.onCompressed?.({ deployment, stored, decoded: compressed.weights });
    return compressed;
  };
  if (recovery === undefined || recovery.steps === 0) {
    const pruned = await pruneWeights(architecture, weights, deployment, method, calibrator?.measure);
    return encode(pruned.weights);
  }
  const start =
    recovery.gradual === undefined
      ? await pruneWeights(architecture, weights, deployment, method, calibrator?.measure)
      : { weights, masks: {} };
  const recovered = await recoverWeights(
    architecture,
    start.weights,
    start.masks,
    deployment,
    { ...context, settings: recovery },
    context.engine,
  );
  if (recovered.kind === 'stopped') return { kind: 'stopped' };
  if (recovered.kind === 'diverged') return recovered;
  return encode(recovered.weights);
}

/** What the pruning of a task looks at inputs with, where it does. */
async function calibratorOf(
  { architecture, method, recovery }: DeploymentTask,
  { data, seed, calibrationWindows: windows, engine }: DeploymentContext,
): Promise<Calibrator | undefined> {
  if (method.kind === 'magnitude' || recovery?.gradual !== undefined) return undefined;
  const settings = windows === undefined ? { seed } : { seed, windows };
  return createCalibrator(architecture, data, settings, engine);
}

/** The first deployment of a task, pruned, recovered and cast, without measuring it. */
export async function compressDeployment(
  task: DeploymentTask,
  context: DeploymentContext,
): Promise<Compressed> {
  const calibrator = await calibratorOf(task, context);
  try {
    return await compressAndRecover(task, task.deployments[0]!, context, calibrator);
  } finally {
    await calibrator?.release();
  }
}

/**
 * Measures every deployment of a trained model, in order. Compiled programs are shared; a deployment that diverges in
 * recovery does not stop the others.
 */
export async function measureDeployments(
  task: DeploymentTask,
  context: DeploymentContext,
): Promise<readonly DeploymentOutcome[]> {
  const { data, evaluationTokens, shouldStop, engine } = context;
  const meter = createDeploymentMeter(task.architecture, data, evaluationTokens, engine);
  const calibrator = await calibratorOf(task, context);
  const outcomes: DeploymentOutcome[] = [];
  try {
    for (const deployment of task.deployments) {
      if (shouldStop?.() === true) {
        outcomes.push({ kind: 'stopped' });
        continue;
      }
      const compressed = await compressAndRecover(task, deployment, context, calibrator);
      if ('kind' in compressed) {
        outcomes.push(compressed);
        continue;
      }
      const { weights, ...report } = compressed;
      const bitsPerByte = await meter.bitsPerByte(weights, deployment.kvCacheFormat);
      outcomes.push(
        Number.isFinite(bitsPerByte)
          ? { kind: 'ok', bitsPerByte, ...report }
          : { kind: 'diverged', step: 0, reason: 'the validation loss is no number' },
      );
    }
    return outcomes;
  } finally {
    await meter.release();
    await calibrator?.release();
  }
}
