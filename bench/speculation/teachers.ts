// Students with and without a teacher, at equal steps: bits a byte of the same validation text, and how much of what the
// student would draft its teacher accepts.
import { checkpointPath, readCheckpoint } from '../../evaluators/checkpoint/training-checkpoint.ts';
import type { Dataset } from '../../evaluators/data/dataset.ts';
import { loadTeacher } from '../../evaluators/distillation/teacher.ts';
import type { LanguageModel } from '../../evaluators/generation/language-model.ts';
import { PLAIN_SAMPLING } from '../../evaluators/generation/sampling.ts';
import { meanAcceptance, measureAcceptance } from '../../evaluators/speculation/acceptance.ts';
import { type TrainingContext, trainToRung } from '../../evaluators/training/train.ts';
import { hashOf } from '../../space/candidate.ts';
import type { TeacherSpec } from '../../space/spec.ts';
import { DRAFTS, modelPath, TARGET, TRAINING } from './models.ts';

const RUNGS = [300, 1000];

type Lesson = Omit<TeacherSpec, 'source' | 'temperature' | 'writtenTexts'>;

const LESSONS: Readonly<Record<string, Lesson | undefined>> = {
  'text alone': undefined,
  'half forward KL': { crossEntropy: 0.5, forwardKl: 0.5, totalVariation: 0, writtenShare: 0 },
  'forward KL': { crossEntropy: 0, forwardKl: 1, totalVariation: 0, writtenShare: 0 },
  'forward KL, half of the text written': {
    crossEntropy: 0,
    forwardKl: 1,
    totalVariation: 0,
    writtenShare: 0.5,
  },
  'total variation': { crossEntropy: 0, forwardKl: 0, totalVariation: 1, writtenShare: 0 },
};

/** What the larger student learns from. */
const IN_SHORT = ['text alone', 'half forward KL', 'forward KL'];

/** Rows of student, lesson, steps, bits a byte and acceptance; the teacher is the trained target in `folder`. */
export async function* compareLessons(
  folder: string,
  data: Dataset,
  teacher: LanguageModel,
  windows: readonly Uint16Array[],
): AsyncGenerator<readonly (string | number)[]> {
  const source = { kind: 'checkpoint', path: modelPath(folder, TARGET) } as const;
  for (const name of ['1/4', '1/10'] as const) {
    for (const [label, lesson] of Object.entries(LESSONS)) {
      if (name === '1/4' && !IN_SHORT.includes(label)) continue;
      const spec =
        lesson === undefined ? undefined : { source, temperature: 1, writtenTexts: 256, ...lesson };
      const settings = { ...TRAINING, rungs: RUNGS, ...(spec === undefined ? {} : { teacher: spec }) };
      const architecture = DRAFTS[name];
      const architectureHash = hashOf({ architecture, rungs: RUNGS, lesson: lesson ?? 'text' });
      const context: TrainingContext = {
        seed: 1,
        settings,
        data,
        checkpointFolder: folder,
        onProgress: () => {},
        shouldStop: () => undefined,
        ...(spec === undefined ? {} : { teacher: () => loadTeacher(spec, context) }),
      };
      for (const [rung, steps] of RUNGS.entries()) {
        const task = { architecture, architectureHash, rung };
        const outcome = await trainToRung(task, context);
        if (outcome.kind !== 'ok') throw new Error(JSON.stringify(outcome));
        const { weights } = readCheckpoint(checkpointPath(folder, architectureHash, rung), architecture)!;
        const student = { architecture, weights };
        const trace = await measureAcceptance(teacher, student, windows, PLAIN_SAMPLING);
        const { acceptance } = meanAcceptance(trace);
        yield [name, label, steps, outcome.bitsPerByte.toFixed(3), acceptance.toFixed(3)];
      }
    }
  }
}
