import { describe, expect, it } from 'vitest';
import {
  type BatchSource,
  corpusBatches,
  mixedBatches,
  textBatches,
  writeTexts,
} from '../../../evaluators/distillation/batches.ts';
import { type DistillationSettings, distill, teacherLoss } from '../../../evaluators/distillation/distill.ts';
import { eagerEngine } from '../../../evaluators/engine/eager.ts';
import { bufferOf } from '../../../evaluators/engine/program.ts';
import { onnxEngine } from '../../../evaluators/engine/session.ts';
import { generate } from '../../../evaluators/generation/generate.ts';
import type { LanguageModel } from '../../../evaluators/generation/language-model.ts';
import { modelPredictor } from '../../../evaluators/generation/predictor.ts';
import { PLAIN_SAMPLING, randomChoices } from '../../../evaluators/generation/sampling.ts';
import { parameterSpecs } from '../../../evaluators/model/parameters.ts';
import { meanAcceptance, measureAcceptance } from '../../../evaluators/speculation/acceptance.ts';
import { GRADIENT, lossAndGradients, passInputs } from '../../../evaluators/training/step.ts';
import type { Architecture } from '../../../space/architecture.ts';
import { deriveRng } from '../../../space/random.ts';
import { largestDifference, randomModel } from '../generation/models.ts';

const TEACHER: Architecture = {
  dModel: 24,
  headDim: 8,
  vocabSize: 16,
  contextLength: 16,
  tieEmbeddings: true,
  ropeTheta: 10_000,
  layers: [
    { nHeads: 2, nKvHeads: 1, dFf: 32 },
    { nHeads: 2, nKvHeads: 2, dFf: 32 },
  ],
};
const STUDENT: Architecture = { ...TEACHER, dModel: 8, layers: [{ nHeads: 1, nKvHeads: 1, dFf: 8 }] };

const SETTINGS: DistillationSettings = {
  steps: 60,
  batch: 8,
  learningRate: 0.01,
  warmupSteps: 5,
  weightDecay: 0,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  gradientClip: 1,
  loss: { crossEntropy: 0, forwardKl: 0, temperature: 1, totalVariation: 1 },
};
const KL = { ...SETTINGS.loss, forwardKl: 1, totalVariation: 0 };

const corpus = Uint16Array.from({ length: 4000 }, (_, i) => (i * i + (i >> 3)) % TEACHER.vocabSize);
const writing = { length: 17, promptTokens: 2, sampling: PLAIN_SAMPLING, batch: 16 };
const windows = Array.from({ length: 16 }, (_, i) => corpus.slice(i * 200, i * 200 + 17));

async function trained(
  student: LanguageModel,
  teacher: LanguageModel,
  settings: DistillationSettings,
  batches: BatchSource,
): Promise<LanguageModel> {
  const outcome = await distill(student, teacher, settings, { seed: 1, batches });
  if (outcome.kind !== 'ok') throw new Error(outcome.kind);
  return outcome.student;
}

describe('distill', () => {
  const teacher = randomModel(TEACHER, 1);
  const student = randomModel(STUDENT, 2);
  const fromCorpus = corpusBatches(corpus, STUDENT.contextLength);

  it('raises acceptance by either loss, on corpus text and on text the teacher wrote', async () => {
    const accepted = async (model: LanguageModel, texts: readonly Uint16Array[]) =>
      meanAcceptance(await measureAcceptance(teacher, model, texts, PLAIN_SAMPLING)).acceptance;
    const texts = await writeTexts(teacher, corpus, { ...writing, nTexts: 64 }, deriveRng(3, 0, 'texts'));
    const fromTeacher = textBatches(texts, STUDENT.contextLength);
    for (const loss of [SETTINGS.loss, KL]) {
      for (const [batches, held] of [
        [fromCorpus, windows],
        [fromTeacher, texts.slice(0, 16)],
        [mixedBatches(fromCorpus, fromTeacher, 0.5), texts.slice(0, 16)],
      ] as const) {
        const before = await accepted(student, held);
        const aligned = await trained(student, teacher, { ...SETTINGS, loss }, batches);
        expect(await accepted(aligned, held)).toBeGreaterThan(before + 0.05);
      }
    }
  });

  it('gives the same student for the same seed and leaves the one it got alone', async () => {
    const before = student.weights.embedding!.slice();
    const few = { ...SETTINGS, steps: 5 };
    const first = await trained(student, teacher, few, fromCorpus);
    const second = await trained(student, teacher, few, fromCorpus);
    expect(second.weights).toEqual(first.weights);
    expect(student.weights.embedding).toEqual(before);
    expect(first.weights.embedding).not.toEqual(before);
  });

  it('stops when asked, and says where it diverged', async () => {
    const context = { seed: 1, batches: fromCorpus };
    let asked = 0;
    const stopped = await distill(student, teacher, SETTINGS, {
      ...context,
      shouldStop: () => ++asked === 4,
    });
    expect(stopped).toEqual({ kind: 'stopped', step: 4 });
    const wild = { ...SETTINGS, learningRate: Number.POSITIVE_INFINITY };
    expect(await distill(student, teacher, wild, context)).toMatchObject({ kind: 'diverged' });
  });

  it('refuses a teacher of another vocabulary', async () => {
    const other = randomModel({ ...TEACHER, vocabSize: 9 }, 1);
    await expect(distill(student, other, SETTINGS, { seed: 1, batches: fromCorpus })).rejects.toThrow(
      'a teacher of 9 tokens for a student of 16',
    );
  });
});

describe('teacherLoss', () => {
  it('gives the same loss and gradients traced and eager, and none to the teacher', async () => {
    const student = randomModel(STUDENT, 2);
    const loss = { crossEntropy: 0.5, forwardKl: 1, temperature: 2, totalVariation: 1 };
    const ofTeacher = teacherLoss(STUDENT, randomModel(TEACHER, 1), loss);
    const shape = [2, STUDENT.contextLength];
    const specs = parameterSpecs(STUDENT);
    const results: Float32Array[][] = [];
    for (const engine of [onnxEngine(), eagerEngine('cpu')]) {
      const program = await engine.compile(passInputs(STUDENT, 2), (inputs) => {
        const outputs = lossAndGradients(STUDENT, inputs, ofTeacher);
        expect(Object.keys(outputs)).toEqual(['loss', ...specs.map(({ name }) => GRADIENT + name)]);
        return outputs;
      });
      const feeds = Object.fromEntries(
        specs.map(({ name, shape: of }) => [name, bufferOf(of, 'float32', student.weights[name]!)]),
      );
      const fetches = Object.fromEntries(
        specs.map(({ name, shape: of }) => [GRADIENT + name, bufferOf(of)] as const),
      );
      const tokens = bufferOf(shape, 'int32', Int32Array.from(corpus.subarray(0, 32)));
      const targets = bufferOf(shape, 'int32', Int32Array.from(corpus.subarray(1, 33)));
      const buffers = { loss: bufferOf([]), ...fetches };
      await program.run({ ...feeds, tokens, targets }, buffers);
      results.push(Object.values(buffers).map(({ data }) => data as Float32Array));
      await program.release();
    }
    const [traced, eager] = results as [Float32Array[], Float32Array[]];
    expect(largestDifference(traced, eager)).toBeLessThan(1e-5);
    expect(Math.max(...traced[1]!.map(Math.abs))).toBeGreaterThan(1e-3);
  });
});

describe('writeTexts', () => {
  const writer = randomModel(TEACHER, 4);

  it('starts with the corpus and goes on as greedy generation would', async () => {
    const greedy = { temperature: 0, topP: 1 };
    const settings = { ...writing, sampling: greedy, nTexts: 5, batch: 3 };
    const texts = await writeTexts(writer, corpus, settings, deriveRng(5, 0, 'texts'));
    expect(texts).toHaveLength(5);
    const joined = `,${corpus.join()},`;
    const predictor = modelPredictor(writer);
    for (const text of texts) {
      const prompt = [...text.subarray(0, 2)];
      expect(joined).toContain(`,${prompt.join()},`);
      const run = { sampling: greedy, maxTokens: 15 };
      const expected = await generate(predictor, prompt, run, randomChoices(deriveRng(1, 0, 'unused')));
      expect([...text.subarray(2)]).toEqual(expected);
    }
    await predictor.release();
  });

  it('writes the same for the same seed', async () => {
    const write = (seed: number) =>
      writeTexts(writer, corpus, { ...writing, nTexts: 16 }, deriveRng(seed, 0, 'texts'));
    const first = await write(1);
    expect(await write(1)).toEqual(first);
    expect(await write(2)).not.toEqual(first);
  });
});
