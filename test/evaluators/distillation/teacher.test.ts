// A teacher in training: trained first or read from a file, heard by its students, and refused where it cannot teach.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../../evaluators/checkpoint/safetensors.ts';
import {
  checkpointPath,
  readModel,
  writeCheckpoint,
} from '../../../evaluators/checkpoint/training-checkpoint.ts';
import type { TokenizerJson } from '../../../evaluators/data/tokenizer.ts';
import {
  checkVocabulary,
  loadTeacher,
  readTeacher,
  teacherTask,
} from '../../../evaluators/distillation/teacher.ts';
import { PLAIN_SAMPLING } from '../../../evaluators/generation/sampling.ts';
import type { TrainingSuccess } from '../../../evaluators/outcome.ts';
import { createTrainerPool } from '../../../evaluators/pool/pool.ts';
import type { TrainingTask } from '../../../evaluators/port.ts';
import { meanAcceptance, measureAcceptance } from '../../../evaluators/speculation/acceptance.ts';
import { freshState } from '../../../evaluators/training/program.ts';
import {
  type TrainingContext,
  type TrainingSettings,
  trainToRung,
} from '../../../evaluators/training/train.ts';
import type { Architecture } from '../../../space/architecture.ts';
import { hashOf } from '../../../space/candidate.ts';
import type { TeacherSpec } from '../../../space/spec.ts';
import { randomModel } from '../generation/models.ts';
import { SETTINGS, tinyDataset } from '../training/dataset.ts';
import { architectureOf } from '../training/reference.ts';

const shape = { vocabSize: 16, contextLength: 8 };
const STUDENT = architectureOf([{ nHeads: 1, nKvHeads: 1, dFf: 8 }], { ...shape, dModel: 8 });
const LARGE = architectureOf([{ nHeads: 2, nKvHeads: 1, dFf: 32 }], { ...shape, dModel: 24 });
const STEPS = 60;
const TEACHER: TeacherSpec = {
  source: { kind: 'model', architecture: LARGE, steps: STEPS },
  crossEntropy: 0,
  forwardKl: 0,
  totalVariation: 1,
  temperature: 1,
  writtenShare: 0,
  writtenTexts: 8,
};
const task = { architecture: STUDENT, architectureHash: hashOf(STUDENT), rung: 1 };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'paretoformer-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Trains as a worker thread would. */
async function trained(
  task: TrainingTask,
  teacher: TeacherSpec | undefined,
  checkpointFolder: string | undefined = folder,
  settings: TrainingSettings = SETTINGS,
): Promise<TrainingSuccess> {
  const context: TrainingContext = {
    seed: 1,
    settings: { ...settings, ...(teacher === undefined ? {} : { teacher }) },
    data: tinyDataset(),
    ...(checkpointFolder === undefined ? {} : { checkpointFolder }),
    onProgress: () => {},
    shouldStop: () => undefined,
    teacher: () => loadTeacher(teacher!, context),
  };
  const outcome = await trainToRung(task, context);
  if (outcome.kind !== 'ok') throw new Error(JSON.stringify(outcome));
  return outcome;
}

const lossOf = async (...setting: [TeacherSpec | undefined, string?]) =>
  (await trained(task, ...setting)).bitsPerByte;

async function acceptanceOf(draft: string): Promise<number> {
  const teacher = readModel(checkpointPath(folder, teacherTask(LARGE, STEPS).architectureHash, 0));
  const windows = Array.from({ length: 24 }, (_, i) => tinyDataset().validation.slice(20 * i, 20 * i + 9));
  const trace = await measureAcceptance(teacher, readModel(draft), windows, PLAIN_SAMPLING);
  return meanAcceptance(trace).acceptance;
}

test('a teacher is trained as a plain model, and its students come nearer to it', async () => {
  const teacher = await trained(teacherTask(LARGE, STEPS), TEACHER);
  expect(teacher.steps).toBe(STEPS);
  const plain = { architecture: LARGE, architectureHash: 'plain', rung: 0 };
  const { bitsPerByte } = await trained(plain, undefined, folder, { ...SETTINGS, rungs: [STEPS] });
  expect(bitsPerByte).toBe(teacher.bitsPerByte);

  const near = await acceptanceOf((await trained(task, TEACHER)).checkpoint!);
  const far = await acceptanceOf(
    (await trained({ ...task, architectureHash: 'alone' }, undefined)).checkpoint!,
  );
  expect(near).toBeGreaterThan(far + 0.01);
});

test('a student whose teacher nobody loads is refused: it would be another model', async () => {
  const context: TrainingContext = {
    seed: 1,
    settings: { ...SETTINGS, teacher: TEACHER },
    data: tinyDataset(),
    checkpointFolder: folder,
    onProgress: () => {},
    shouldStop: () => undefined,
  };
  await expect(trainToRung(task, context)).rejects.toThrow('the settings name a teacher');
  expect(readdirSync(folder)).toEqual([]);
  // The teacher itself has none.
  expect(await trainToRung(teacherTask(LARGE, STEPS), context)).toMatchObject({ kind: 'ok' });
});

test('the same in a worker thread; a lost teacher is made anew, to the same students', async () => {
  const first = await lossOf(TEACHER);
  expect(readdirSync(folder)).toHaveLength(2);
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
  const pool = createTrainerPool({
    seed: 1,
    settings: { ...SETTINGS, teacher: TEACHER },
    timeoutSeconds: 60,
    data: tinyDataset(),
    maxThreads: 1,
    checkpointFolder: folder,
  });
  try {
    expect(await pool.evaluate(task)).toMatchObject({ kind: 'ok', bitsPerByte: first });
  } finally {
    await pool.close();
  }
});

test('weights of the loss, temperature and what the teacher writes all count', async () => {
  const changes: readonly Partial<TeacherSpec>[] = [
    {},
    { crossEntropy: 1 },
    { forwardKl: 1 },
    { forwardKl: 1, temperature: 3 },
    { writtenShare: 1 },
    { writtenShare: 1, writtenTexts: 2 },
  ];
  const losses: number[] = [];
  for (const change of changes) losses.push(await lossOf({ ...TEACHER, ...change }));
  expect(new Set(losses).size).toBe(changes.length);
});

test('a checkpoint of before teaches as it did when it was trained here', async () => {
  const here = await lossOf(TEACHER);
  const path = checkpointPath(folder, teacherTask(LARGE, STEPS).architectureHash, 0);
  const source = { kind: 'checkpoint', path } as const;
  const stored = readTeacher(path, STUDENT);
  expect(stored.architecture).toEqual(LARGE);
  checkVocabulary(path, stored, tinyDataset().tokenizer);
  expect(await lossOf({ ...TEACHER, source })).toBe(here);
});

test('what cannot teach is refused by name', () => {
  const path = join(folder, 'teacher.safetensors');
  const { weights } = randomModel(LARGE, 1);
  const store = (architecture: Architecture, tokenizer?: TokenizerJson) =>
    writeCheckpoint(path, architecture, { ...freshState(architecture, weights), step: 1 }, tokenizer);
  expect(() => readTeacher(path, STUDENT)).toThrow(`checkpoint ${path}: no such file`);
  store(LARGE);
  expect(() => readTeacher(path, { vocabSize: 512, contextLength: 8 })).toThrow(
    'cannot teach: it knows 16 tokens, the candidates 512',
  );
  expect(() => readTeacher(path, { vocabSize: 16, contextLength: 32 })).toThrow(
    'cannot teach: it learnt from 8 tokens at a time, the candidates from 32',
  );
  const { tokenizer } = tinyDataset();
  expect(() => checkVocabulary(path, readModel(path), tokenizer)).toThrow(
    'does not say which tokens it learnt',
  );
  store(LARGE, { kind: 'bpe', vocabSize: 300, merges: [] });
  expect(() => checkVocabulary(path, readModel(path), tokenizer)).toThrow('it learnt other tokens');
  store(LARGE, tokenizer);
  expect(() => checkVocabulary(path, readModel(path), tokenizer)).not.toThrow();

  const file = readSafetensors(path);
  writeSafetensors(path, { tensors: file.tensors, metadata: new Map([['step', '1']]) });
  expect(() => readModel(path)).toThrow('does not say what architecture it holds');
  writeSafetensors(path, { tensors: file.tensors, metadata: new Map([['architecture', '{"dModel": 1}']]) });
  expect(() => readModel(path)).toThrow('describes no architecture that is known here');
});
