// A teacher in a run: trained before everything else, once, and never again.
import { expect, test } from 'vitest';
import { teacherTask } from '../../../evaluators/distillation/teacher.ts';
import { RunReader } from '../../../runs/store/queries.ts';
import type { TeacherSpec } from '../../../space/spec.ts';
import { candidateOf, fakeEvaluator } from '../fake.ts';
import {
  fakeRun,
  fakeRunnable,
  newDatabase,
  resumeRun,
  startRun,
  storedResult,
  undisturbed,
} from '../harness.ts';

const { architecture } = candidateOf(64, [{ nHeads: 4, nKvHeads: 4, dFf: 128 }], 'fp16');
const TEACHER: TeacherSpec = {
  source: { kind: 'model', architecture, steps: 90 },
  crossEntropy: 0.5,
  forwardKl: 0.5,
  totalVariation: 0,
  temperature: 1,
  writtenShare: 0,
  writtenTexts: 256,
};
const TASK = teacherTask(architecture, 90);

function taught() {
  const runnable = fakeRunnable();
  const { spec } = runnable;
  return { ...runnable, spec: { ...spec, training: { ...spec.training, teacher: TEACHER } } };
}

test('it is trained before its students, and a resumed run trains neither again', async () => {
  const path = newDatabase();
  let nTrained = 0;
  const first = fakeRun(path, 3, fakeEvaluator(), ({ kind }, stop) => {
    if (kind === 'trained' && ++nTrained === 6) stop();
  });
  expect((await startRun(taught(), first.options)).kind).toBe('interrupted');
  expect(first.evaluator.started[0]).toEqual(TASK);
  expect(first.evaluator.started.filter(({ isTeacher }) => isTeacher)).toHaveLength(1);

  const reader = new RunReader(path);
  const runId = reader.resolve('latest');
  expect(
    reader.trainings(runId).filter(({ architectureHash }) => architectureHash === TASK.architectureHash),
  ).toMatchObject([{ rung: 0, state: 'ok' }]);
  reader.close();
  const second = fakeRun(path, 3);
  expect((await resumeRun(taught(), runId, second.options)).kind).toBe('finished');
  expect(second.evaluator.started.filter(({ isTeacher }) => isTeacher)).toEqual([]);
  expect(storedResult(path)).toEqual(await undisturbed(taught()));
});

test('where it cannot be trained the run says so and trains nobody', async () => {
  const path = newDatabase();
  const evaluator = fakeEvaluator({
    fate: ({ isTeacher }) =>
      isTeacher === true ? { kind: 'diverged', step: 7, reason: 'the loss is no number' } : undefined,
  });
  await expect(startRun(taught(), fakeRun(path, 3, evaluator).options)).rejects.toThrow(
    'the teacher could not be trained: step 7: the loss is no number',
  );
  expect(evaluator.started).toHaveLength(1);
});

test('a run is not continued with another checkpoint to learn from', async () => {
  const path = newDatabase();
  const source = { kind: 'checkpoint', path: 'teacher.safetensors' } as const;
  const runnable = { ...taught(), teacherSha256: 'a'.repeat(64) };
  const { training } = runnable.spec;
  const spec = { ...runnable.spec, training: { ...training, teacher: { ...TEACHER, source } } };
  const stopped = fakeRun(path, 1, fakeEvaluator(), ({ kind }, stop) => {
    if (kind === 'trained') stop();
  });
  const { runId } = await startRun({ ...runnable, spec }, stopped.options);
  const other = { ...runnable, spec, teacherSha256: 'b'.repeat(64) };
  await expect(resumeRun(other, runId, fakeRun(path).options)).rejects.toThrow(
    `the teacher's checkpoint is not the one that run ${runId} was started with`,
  );
  expect((await resumeRun({ ...runnable, spec }, runId, fakeRun(path).options)).kind).toBe('finished');
});
