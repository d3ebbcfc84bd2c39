// The teacher of a run: read from a checkpoint or trained first, and what its students then minimise and read.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Architecture } from '../../space/architecture.ts';
import { hashOf } from '../../space/candidate.ts';
import { deriveRng } from '../../space/random.ts';
import type { TeacherSpec } from '../../space/spec.ts';
import { CheckpointError } from '../checkpoint/checkpoint-error.ts';
import { readModel, type StoredModel, vocabularyName } from '../checkpoint/training-checkpoint.ts';
import type { TokenizerJson } from '../data/tokenizer.ts';
import { createEngine } from '../engine/create.ts';
import type { LanguageModel } from '../generation/language-model.ts';
import { PLAIN_SAMPLING } from '../generation/sampling.ts';
import type { TaskFailure } from '../outcome.ts';
import type { TrainingTask } from '../port.ts';
import { type Teacher, type TrainingContext, trainedWeights } from '../training/train.ts';
import { type BatchSource, corpusBatches, mixedBatches, textBatches, writeTexts } from './batches.ts';
import { teacherLoss } from './distill.ts';

/** Sequences that the teacher writes in step. */
const WRITING_BATCH = 32;
/** At most so much of a written sequence is the corpus's own beginning. */
const MOST_PROMPT_TOKENS = 16;

/** The training of a teacher that has none yet. Its name differs from that of a candidate of the same architecture. */
export function teacherTask(architecture: Architecture, steps: number): TrainingTask {
  return {
    architecture,
    architectureHash: hashOf({ teacher: architecture, steps }),
    rung: 0,
    isTeacher: true,
  };
}

/**
 * A teacher's checkpoint, for students with `vocabSize` tokens and `contextLength` positions.
 * @throws CheckpointError where it is missing or damaged, or could not teach them.
 */
export function readTeacher(
  path: string,
  { vocabSize, contextLength }: Pick<Architecture, 'vocabSize' | 'contextLength'>,
): StoredModel {
  const model = readModel(path);
  const { architecture } = model;
  const refuse = (problem: string): never => {
    throw new CheckpointError(path, `cannot teach: ${problem}`);
  };
  if (architecture.vocabSize !== vocabSize)
    refuse(`it knows ${architecture.vocabSize} tokens, the candidates ${vocabSize}`);
  if (architecture.contextLength < contextLength)
    refuse(
      `it learnt from ${architecture.contextLength} tokens at a time, the candidates from ${contextLength}`,
    );
  return model;
}

/**
 * Whether the token ids of a teacher mean what they mean here.
 * @throws CheckpointError where they do not, or where the file does not say.
 */
export function checkVocabulary(path: string, { vocabulary }: StoredModel, tokenizer: TokenizerJson): void {
  if (vocabulary === vocabularyName(tokenizer)) return;
  const problem =
    vocabulary === undefined ? 'it does not say which tokens it learnt' : 'it learnt other tokens';
  throw new CheckpointError(path, `cannot teach: ${problem}; the tokenizer and its corpus must be the same`);
}

/** SHA-256 of the file. */
export function fileSha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

async function modelOf(
  { source }: TeacherSpec,
  context: TrainingContext,
): Promise<LanguageModel | TaskFailure> {
  if (source.kind === 'checkpoint') {
    const { architecture, weights } = readModel(source.path);
    return { architecture, weights };
  }
  const { architecture, steps } = source;
  const trained = await trainedWeights(teacherTask(architecture, steps), context);
  if (trained.kind !== 'trained') return trained;
  return { architecture, weights: trained.weights };
}

async function batchesOf(
  model: LanguageModel,
  { writtenShare, writtenTexts }: TeacherSpec,
  { data, seed, engine }: TrainingContext,
  contextLength: number,
): Promise<BatchSource> {
  const corpus = corpusBatches(data.train, contextLength);
  if (writtenShare === 0) return corpus;
  const length = contextLength + 1;
  const promptTokens = Math.max(1, Math.min(MOST_PROMPT_TOKENS, contextLength >> 2));
  const batch = Math.min(WRITING_BATCH, writtenTexts);
  const writing = { nTexts: writtenTexts, length, promptTokens, sampling: PLAIN_SAMPLING, batch };
  const rng = deriveRng(seed, 0, 'teacher texts');
  const texts = await writeTexts(model, data.train, writing, rng, createEngine(engine));
  return mixedBatches(corpus, textBatches(texts, contextLength), writtenShare);
}

/** Loads the teacher that the settings name. It writes nothing before the first student asks. */
export async function loadTeacher(
  spec: TeacherSpec,
  context: TrainingContext,
): Promise<Teacher | TaskFailure> {
  const model = await modelOf(spec, context);
  if ('kind' in model) return model;
  const written = new Map<number, Promise<BatchSource>>();
  return {
    kind: 'teacher',
    lossFor: (student) => teacherLoss(student, model, spec),
    batchesFor: ({ contextLength }) => {
      const batches = written.get(contextLength) ?? batchesOf(model, spec, context, contextLength);
      written.set(contextLength, batches);
      return batches;
    },
  };
}
