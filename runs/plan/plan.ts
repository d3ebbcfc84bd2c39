// Everything that a run needs before its first training, made from its spec: corpus, accelerator, problem.
import { resolve } from 'node:path';
import { CheckpointError } from '../../evaluators/checkpoint/checkpoint-error.ts';
import { CorpusError, loadCorpus } from '../../evaluators/data/corpus.ts';
import { type Dataset, prepareDataset } from '../../evaluators/data/dataset.ts';
import { checkVocabulary, fileSha256, readTeacher } from '../../evaluators/distillation/teacher.ts';
import { HardwareError } from '../../hardware/index.ts';
import { loadSpec, type ReferenceChecks } from '../../space/load-spec.ts';
import { type RunSpec, type TaskSpec, vocabSizeOf } from '../../space/spec.ts';
import { acceleratorOf, type CostPlan, costSetting, planCosts } from './cost-plan.ts';
import type { OwnMetric } from './cost-setting.ts';

/** What a run is made of. */
export interface RunPlan extends CostPlan {
  readonly dataset: Dataset;
  /** Of the checkpoint that candidates learn from, where the spec names one. */
  readonly teacherSha256?: string;
}

/** Reads a spec and checks that what it names is there: corpus, accelerator, teacher. @throws SpecError with lines and columns */
export function readSpec(file: string, specFolder: string): RunSpec {
  return loadSpec(file, referenceChecks(specFolder));
}

/** Whether what a spec names is there; paths are relative to `specFolder`. */
export function referenceChecks(specFolder: string): ReferenceChecks {
  return {
    corpus: (corpus) => messageOf(CorpusError, () => loadCorpus(corpus, specFolder)),
    accelerator: (accelerator) => messageOf(HardwareError, () => acceleratorOf(accelerator, specFolder)),
    teacher: (path, { task }) =>
      messageOf(CheckpointError, () => readTeacher(resolve(specFolder, path), studentsOf(task))),
  };
}

function studentsOf({ tokenizer, contextLength }: TaskSpec) {
  return { vocabSize: vocabSizeOf(tokenizer), contextLength };
}

function messageOf(
  kind: abstract new (...parameters: never[]) => Error,
  work: () => unknown,
): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof kind) return error.message;
    throw error;
  }
}

/** Reads the corpus and prepares everything. @throws {@link RunError}, CorpusError, HardwareError, CheckpointError */
export function planRun(spec: RunSpec, specFolder: string, own: readonly OwnMetric[] = []): RunPlan {
  const dataset = datasetOf(spec, specFolder);
  const plan = { ...planCosts(spec, specFolder, own), dataset };
  const teacherSha256 = teacherSha256Of(spec, specFolder, dataset);
  return teacherSha256 === undefined ? plan : { ...plan, teacherSha256 };
}

/** What a finished candidate is loaded, run and priced with: a plan without the search, and so without a program's own metrics. */
export type ServingPlan = Pick<RunPlan, 'spec' | 'specFolder' | 'setting' | 'dataset'>;

/** @throws CorpusError, HardwareError */
export function planServing(spec: RunSpec, specFolder: string): ServingPlan {
  const dataset = datasetOf(spec, specFolder);
  return { spec, specFolder, setting: costSetting(spec, specFolder), dataset };
}

function datasetOf({ task }: RunSpec, specFolder: string): Dataset {
  const { corpus, tokenizer, validationShare, contextLength } = task;
  return prepareDataset(loadCorpus(corpus, specFolder), tokenizer, validationShare, contextLength);
}

/** Names the checkpoint that candidates learn from, where the spec has one. @throws CheckpointError where it cannot teach */
export function teacherSha256Of(
  { task, training }: RunSpec,
  specFolder: string,
  { tokenizer }: Dataset,
): string | undefined {
  const source = training.teacher?.source;
  if (source?.kind !== 'checkpoint') return undefined;
  const path = resolve(specFolder, source.path);
  checkVocabulary(path, readTeacher(path, studentsOf(task)), tokenizer);
  return fileSha256(path);
}
