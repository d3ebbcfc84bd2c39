// A target and a draft as a run deploys them: how much the target accepts, of text that it writes itself, before and
// after the draft was brought closer to it.
import { join } from 'node:path';
import { hashOf } from '../../space/candidate.ts';
import { pairPromptTokens } from '../../space/draft.ts';
import { deriveRng } from '../../space/random.ts';
import { writeCheckpoint } from '../checkpoint/training-checkpoint.ts';
import { deployedModel, deployWeights, type MeasurementContext } from '../compression/measure-at-rung.ts';
import { corpusBatches, mixedBatches, textBatches, writeTexts } from '../distillation/batches.ts';
import { type DistillationSettings, distill } from '../distillation/distill.ts';
import { createEngine } from '../engine/create.ts';
import type { LanguageModel } from '../generation/language-model.ts';
import { PLAIN_SAMPLING } from '../generation/sampling.ts';
import type { PairOutcome, TaskFailure } from '../outcome.ts';
import type { MeasurementTask, PairTask } from '../port.ts';
import { freshState } from '../training/program.ts';
import { readOrSkip, type Trained, trainedWeights } from '../training/train.ts';
import type { DraftSource } from './drafter.ts';
import { measurePair } from './measure-pair.ts';

/** Tokens of the target's own text that a pair is measured on, and how many texts they are at least and at most. */
const TEXT_TOKENS = 8192;
const FEWEST_TEXTS = 16;
const MOST_TEXTS = 64;
/** Texts that a target writes in step. */
const WRITING_BATCH = 32;

/** Half of an alignment's sequences are of the corpus, half by the target, as measured in docs/speculation.md. */
const WRITTEN_SHARE = 0.5;
const ALIGNMENT_TEXTS = 128;
/** Peak of an alignment's schedule over that of training. */
const ALIGNMENT_RATE = 2 / 3;

/** A target with the texts it wrote for one way of sampling. */
interface Writer {
  readonly kind: 'writer';
  readonly key: string;
  readonly target: LanguageModel;
  readonly texts: readonly Uint16Array[];
  readonly promptTokens: number;
}

export interface PairMeter {
  pair(task: PairTask, context: MeasurementContext): Promise<PairOutcome>;
}

async function writerOf(
  { target: task, sampling }: PairTask,
  key: string,
  context: MeasurementContext,
): Promise<Writer | TaskFailure> {
  const deployed = await deployedModel(task, context);
  if (deployed.kind !== 'deployed') return deployed;
  const target = deployed.model;
  const { contextLength } = task.architecture;
  const nTexts = Math.min(MOST_TEXTS, Math.max(FEWEST_TEXTS, Math.round(TEXT_TOKENS / contextLength)));
  const promptTokens = pairPromptTokens(contextLength);
  const batch = Math.min(WRITING_BATCH, nTexts);
  const writing = { nTexts, length: contextLength + 1, promptTokens, sampling, batch };
  const rng = deriveRng(context.seed, 0, 'pair texts');
  const engine = createEngine(context.engine);
  const texts = await writeTexts(target, context.data.validation, writing, rng, engine);
  return { kind: 'writer', key, target, texts, promptTokens };
}

/** Where the weights of a draft lie that was aligned to a target. */
export function alignedPath(
  folder: string,
  { target, draft, alignmentSteps }: Pick<PairTask, 'target' | 'draft' | 'alignmentSteps'>,
): string {
  return join(folder, `aligned-${hashOf({ target, draft, alignmentSteps })}.safetensors`);
}

function alignmentOf({ settings }: MeasurementContext, steps: number): DistillationSettings {
  const { teacher: _, rungs: __, ...plain } = settings;
  return {
    ...plain,
    steps,
    learningRate: ALIGNMENT_RATE * settings.learningRate,
    warmupSteps: Math.min(settings.warmupSteps, Math.ceil(steps / 10)),
    weightDecay: 0,
    loss: { crossEntropy: 0, forwardKl: 0, temperature: 1, totalVariation: 1 },
  };
}

/** A draft's trained weights, then trained by total variation on what the target says. */
async function alignedWeights(
  task: PairTask,
  draft: MeasurementTask,
  target: LanguageModel,
  context: MeasurementContext,
): Promise<Trained> {
  const { checkpointFolder, data, seed } = context;
  const path = checkpointFolder === undefined ? undefined : alignedPath(checkpointFolder, task);
  const found = path === undefined ? undefined : readOrSkip(path, draft.architecture);
  if (found?.step === task.alignmentSteps) return { kind: 'trained', weights: found.weights };
  const trained = await trainedWeights(draft, context);
  if (trained.kind !== 'trained') return trained;
  const { architecture } = draft;
  const { contextLength } = architecture;
  const writing = {
    nTexts: ALIGNMENT_TEXTS,
    length: contextLength + 1,
    promptTokens: Math.max(1, contextLength >> 3),
    sampling: PLAIN_SAMPLING,
    batch: WRITING_BATCH,
  };
  const engine = createEngine(context.engine);
  const rng = deriveRng(seed, 0, 'alignment texts');
  const texts = await writeTexts(target, data.train, writing, rng, engine);
  let stopped: TaskFailure | undefined;
  const student = { architecture, weights: trained.weights };
  const outcome = await distill(student, target, alignmentOf(context, task.alignmentSteps), {
    seed,
    engine,
    batches: mixedBatches(
      corpusBatches(data.train, contextLength),
      textBatches(texts, contextLength),
      WRITTEN_SHARE,
    ),
    shouldStop: () => {
      stopped ??= context.shouldStop();
      return stopped !== undefined;
    },
  });
  if (outcome.kind === 'stopped') return stopped ?? { kind: 'cancelled' };
  if (outcome.kind === 'diverged')
    return { kind: 'diverged', step: outcome.step, reason: 'in alignment: the loss is no number' };
  const { weights } = outcome.student;
  if (path !== undefined) {
    const state = { ...freshState(architecture, weights), step: task.alignmentSteps };
    writeCheckpoint(path, architecture, state, data.tokenizer);
  }
  return { kind: 'trained', weights };
}

/** The draft of a task as it serves, for its deployed target. */
export async function draftSource(
  task: PairTask,
  target: LanguageModel,
  context: MeasurementContext,
): Promise<{ readonly kind: 'source'; readonly source: DraftSource } | TaskFailure> {
  const { draft, alignmentSteps } = task;
  if (draft.kind !== 'model') return { kind: 'source', source: draft };
  const trained =
    alignmentSteps === 0
      ? await trainedWeights(draft.model, context)
      : await alignedWeights(task, draft.model, target, context);
  if (trained.kind !== 'trained') return trained;
  const deployed = await deployWeights(draft.model, trained.weights, context);
  if (deployed.kind !== 'deployed') return deployed;
  return { kind: 'source', source: { kind: 'model', model: deployed.model } };
}

/** Measures pairs one after the other; several drafts of one target share the text that it wrote. */
export function createPairMeter(): PairMeter {
  let writer: Writer | undefined;
  return {
    async pair(task, context) {
      const startedAt = performance.now();
      const key = hashOf({ target: task.target, sampling: task.sampling });
      if (writer?.key !== key) {
        const written = await writerOf(task, key, context);
        if (written.kind !== 'writer') return written;
        writer = written;
      }
      const { target, texts, promptTokens } = writer;
      const stop = context.shouldStop();
      if (stop !== undefined) return stop;
      const drafting = await draftSource(task, target, context);
      if (drafting.kind !== 'source') return drafting;
      const { sampling, draftLengths, confidence } = task;
      const settings = { sampling, draftLengths, promptTokens, confidence };
      const { overlap, lengths } = await measurePair(
        target,
        drafting.source,
        texts,
        settings,
        createEngine(context.engine),
      );
      const seconds = (performance.now() - startedAt) / 1000;
      return { kind: 'ok', ...overlap, lengths, seconds };
    },
  };
}
