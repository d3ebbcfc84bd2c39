// Trains one architecture to one rung and measures it. Everything random derives from the run's seed and the step,
// so the same task gives the same weights whenever, wherever and however often interrupted it runs.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Architecture } from '../../space/architecture.ts';
import type { EngineSpec } from '../../space/engine-spec.ts';
import { deriveRng } from '../../space/random.ts';
import type { TrainingSpec } from '../../space/spec.ts';
import { CheckpointError } from '../checkpoint/checkpoint-error.ts';
import { checkpointPath, readCheckpoint, writeCheckpoint } from '../checkpoint/training-checkpoint.ts';
import { bitsPerByte, type Dataset } from '../data/dataset.ts';
import { countTargetBytes, readWindows, validationWindows } from '../data/windows.ts';
import { type BatchSource, corpusBatches } from '../distillation/batches.ts';
import { createEngine } from '../engine/create.ts';
import type { Engine } from '../engine/program.ts';
import { inheritWeights } from '../inheritance/inherit.ts';
import { initialWeights, parameterSpecs, type Weights } from '../model/parameters.ts';
import type { TaskFailure, TrainingOutcome } from '../outcome.ts';
import type { TrainingProgress, TrainingTask } from '../port.ts';
import { flatStateBytes, MAX_STATE_BYTES } from './flat-state.ts';
import { nPassesOf } from './passes.ts';
import { compileEvaluation, freshState, Trainer, type TrainingState } from './program.ts';
import { learningRateAt } from './schedule.ts';
import type { LossFunction } from './step.ts';

export type TrainingSettings = Omit<TrainingSpec, 'timeoutSeconds'>;

export interface TrainingContext {
  readonly seed: number;
  readonly settings: TrainingSettings;
  readonly data: Dataset;
  /** Where checkpoints are kept; none are read or written when absent. */
  readonly checkpointFolder?: string;
  /** What trains and measures; `DEFAULT_ENGINE` when absent. */
  readonly engine?: EngineSpec;
  readonly onProgress: (progress: TrainingProgress) => void;
  /** Asked before each step: a reason to stop, if there is one. */
  readonly shouldStop: () => TaskFailure | undefined;
  /** Loads what `settings.teacher` names; needed where they name one. */
  readonly teacher?: () => Promise<Teacher | TaskFailure>;
}

/** What a student learns from. */
export interface Teacher {
  readonly kind: 'teacher';
  lossFor(student: Architecture): LossFunction;
  batchesFor(student: Architecture): Promise<BatchSource>;
}

/** Settings under which a task trains: a teacher learns from the text alone, in one go. */
function settingsOf({ isTeacher }: TrainingTask, { settings }: TrainingContext): TrainingSettings {
  const { teacher, ...plain } = settings;
  if (isTeacher !== true) return settings;
  if (teacher?.source.kind !== 'model') throw new TypeError('this run trains no teacher');
  return { ...plain, rungs: [teacher.source.steps] };
}

/** What the settings' teacher is, where they have one. @throws TypeError for a context that cannot load it: the student would be another model */
async function teacherOf(
  settings: TrainingSettings,
  { teacher }: TrainingContext,
): Promise<Teacher | TaskFailure | undefined> {
  if (settings.teacher === undefined) return undefined;
  if (teacher === undefined) throw new TypeError('the settings name a teacher, and nothing here loads it');
  return teacher();
}

/** Inherited weights are measured on a part of the tokens: only how broken they are is asked. */
const INHERITED_SHARE = 4;
/**
 * How much of what the donor has learnt beyond letter frequencies may be lost: those that have lost more are so far
 * behind after a short training that it foretells less than one from fresh weights (docs/search.md).
 */
const MOST_BROKEN = 0.25;

/** Sequences in one evaluation batch. */
const EVALUATION_BATCH = 8;

/** A checkpoint that cannot be read is as good as none: training again from below gives the very same weights. */
export function readOrSkip(path: string, architecture: Architecture): TrainingState | undefined {
  try {
    return readCheckpoint(path, architecture);
  } catch (error) {
    if (error instanceof CheckpointError) return undefined;
    throw error;
  }
}

/** The checkpoint of the task's rung where it is there, whole, and not of another run's rungs. */
function storedState(
  task: TrainingTask,
  { checkpointFolder, ...context }: TrainingContext,
  rung = task.rung,
): TrainingState | undefined {
  if (checkpointFolder === undefined) return undefined;
  const { architecture, architectureHash, donor } = task;
  const path = checkpointPath(checkpointFolder, architectureHash, rung, donor?.architectureHash);
  const state = readOrSkip(path, architecture);
  return state?.step === settingsOf(task, context).rungs[rung] ? state : undefined;
}

/** What a training begins with. */
interface Beginning {
  readonly state: TrainingState;
  /** The task, without its donor where that was of no use. */
  readonly task: TrainingTask;
  /** Present where the first step finds inherited weights. */
  readonly inheritedBitsPerByte?: number;
}

/** The checkpoint of the highest rung below `task.rung`, or first weights: the donor's, if they still work, or fresh ones. */
async function begin(
  task: TrainingTask,
  context: TrainingContext,
  engine: Engine,
): Promise<Beginning | TaskFailure> {
  const { architecture } = task;
  for (let rung = task.rung - 1; rung >= 0; rung--) {
    const state = storedState(task, context, rung);
    if (state !== undefined) return { state, task };
  }
  const { donor, ...own } = task;
  if (donor === undefined) {
    const rng = deriveRng(context.seed, 0, 'initial weights');
    return { state: freshState(architecture, initialWeights(architecture, rng)), task };
  }
  const { data, settings, seed } = context;
  const { loss, ...named } = donor;
  const trained = await trainedWeights(
    { ...named, rung: settings.rungs.length - 1 },
    { ...context, onProgress: () => {} },
  );
  if (trained.kind !== 'trained') return trained;
  const parent = { architecture: donor.architecture, weights: trained.weights };
  const weights = inheritWeights(parent, architecture, deriveRng(seed, 0, 'inherited weights'));
  const nTokens = settings.evaluationTokens / INHERITED_SHARE;
  const bits = await measureBitsPerByte(architecture, weights, data, nTokens, engine);
  const limit = loss + MOST_BROKEN * (data.unigramBitsPerByte - loss);
  if (!(bits <= limit)) return begin(own, context, engine);
  return { state: freshState(architecture, weights), task, inheritedBitsPerByte: bits };
}

/** Validation loss in bits per byte of text. */
export async function measureBitsPerByte(
  architecture: Architecture,
  weights: Weights,
  data: Dataset,
  maxTokens: number,
  engine?: Engine,
): Promise<number> {
  const { contextLength } = architecture;
  const offsets = validationWindows(data.validation, contextLength, maxTokens, EVALUATION_BATCH);
  const program = await compileEvaluation(architecture, EVALUATION_BATCH, weights, engine);
  try {
    let nats = 0;
    for (let at = 0; at < offsets.length; at += EVALUATION_BATCH) {
      const batch = offsets.subarray(at, at + EVALUATION_BATCH);
      readWindows(data.validation, batch, contextLength, program.tokens, program.targets);
      nats += (await program.run()) * EVALUATION_BATCH * contextLength;
    }
    const nTokens = offsets.length * contextLength;
    const nBytes = countTargetBytes(data.validation, offsets, contextLength, data.bytesPerToken);
    return bitsPerByte(nats / nTokens, nTokens, nBytes);
  } finally {
    await program.release();
  }
}

/** Trains until `legs.at(-1)` steps; the outcome that ended it early, or `undefined`. */
async function trainLegs(
  trainer: Trainer,
  task: TrainingTask,
  context: TrainingContext,
  batches: BatchSource,
  firstStep: number,
): Promise<TaskFailure | undefined> {
  const { seed, onProgress, shouldStop } = context;
  const settings = settingsOf(task, context);
  const totalSteps = settings.rungs[task.rung]!;
  // A donor has read the other batches already.
  const purpose = task.donor === undefined ? 'batch' : 'batch of an heir';
  for (let step = firstStep + 1; step <= totalSteps; step++) {
    const stop = shouldStop();
    if (stop !== undefined) return stop;
    const leg = settings.rungs.findIndex((end) => step <= end);
    const rate = learningRateAt(settings, step, settings.rungs[leg - 1] ?? 0, settings.rungs[leg]!);
    batches(deriveRng(seed, step, purpose), trainer.tokens, trainer.targets);
    const { loss, gradientNorm } = await trainer.step(rate);
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
      return {
        kind: 'diverged',
        step,
        reason: `the ${Number.isFinite(loss) ? 'gradient' : 'loss'} is no number`,
      };
    }
    onProgress({ step, totalSteps, loss });
  }
  return undefined;
}

/** Trains `task` from the checkpoint below it, or from the start, to the end of its rung, and measures the loss. */
export async function trainToRung(task: TrainingTask, context: TrainingContext): Promise<TrainingOutcome> {
  const { data, checkpointFolder } = context;
  const { architecture } = task;
  const settings = settingsOf(task, context);
  const stateBytes = flatStateBytes(parameterSpecs(architecture), nPassesOf(architecture, settings.batch));
  if (stateBytes > MAX_STATE_BYTES) {
    const gibibytes = (stateBytes / 2 ** 30).toFixed(1);
    return {
      kind: 'out-of-memory',
      reason: `weights, gradients and moments take ${gibibytes} GiB; a training may hold ${MAX_STATE_BYTES / 2 ** 30}`,
    };
  }
  const teacher = await teacherOf(settings, context);
  if (teacher !== undefined && teacher.kind !== 'teacher') return teacher;
  const engine = createEngine(context.engine);
  const compileStart = performance.now();
  const start = await begin(task, context, engine);
  if ('kind' in start) return start;
  const loss = teacher?.lossFor(architecture);
  const batches =
    (await teacher?.batchesFor(architecture)) ?? corpusBatches(data.train, architecture.contextLength);
  const trainer = await Trainer.create(architecture, settings, settings.batch, start.state, engine, loss);
  const compileSeconds = (performance.now() - compileStart) / 1000;
  try {
    const trainStart = performance.now();
    const early = await trainLegs(trainer, start.task, context, batches, start.state.step);
    if (early !== undefined) return early;
    const trainSeconds = (performance.now() - trainStart) / 1000;
    const state = trainer.state();
    const { evaluationTokens } = settings;
    const bits = await measureBitsPerByte(architecture, state.weights, data, evaluationTokens, engine);
    if (!Number.isFinite(bits)) {
      return { kind: 'diverged', step: state.step, reason: 'the validation loss is no number' };
    }
    const { inheritedBitsPerByte } = start;
    const steps = state.step - start.state.step;
    const success = {
      kind: 'ok' as const,
      bitsPerByte: bits,
      ...(inheritedBitsPerByte === undefined ? {} : { inheritedBitsPerByte }),
      steps,
      tokens: steps * settings.batch * architecture.contextLength,
      trainSeconds,
      compileSeconds,
    };
    if (checkpointFolder === undefined) return success;
    const { architectureHash, rung, donor } = start.task;
    const checkpoint = checkpointPath(checkpointFolder, architectureHash, rung, donor?.architectureHash);
    writeCheckpoint(checkpoint, architecture, state, data.tokenizer);
    return { ...success, checkpoint };
  } finally {
    await trainer.release();
  }
}

export type Trained = { readonly kind: 'trained'; readonly weights: Weights } | TaskFailure;

/** The weights of the task's rung, trained again where its checkpoint is not there: training is seeded, so they are the same. */
export async function trainedWeights(task: TrainingTask, context: TrainingContext): Promise<Trained> {
  const found = storedState(task, context);
  if (found !== undefined) return { kind: 'trained', weights: found.weights };
  const checkpointFolder = context.checkpointFolder ?? mkdtempSync(join(tmpdir(), 'paretoformer-rung-'));
  try {
    const stored = { ...context, checkpointFolder };
    const outcome = await trainToRung(task, stored);
    if (outcome.kind !== 'ok') return outcome;
    return { kind: 'trained', weights: storedState(task, stored)!.weights };
  } finally {
    if (context.checkpointFolder === undefined) rmSync(checkpointFolder, { recursive: true, force: true });
  }
}
