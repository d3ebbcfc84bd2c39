// Everything that a run needs before its first training, made from its spec: corpus, accelerator, problem.
import { resolve } from 'node:path';
import { CheckpointError } from '../../evaluators/checkpoint/checkpoint-error.ts';
import { CorpusError, loadCorpus } from '../../evaluators/data/corpus.ts';
import { type Dataset, prepareDataset } from '../../evaluators/data/dataset.ts';
import { checkVocabulary, fileSha256, readTeacher } from '../../evaluators/distillation/teacher.ts';
import { HardwareError } from '../../hardware/index.ts';
import { loadSpec, type ReferenceChecks } from '../../space/load-spec.ts';
import { type RunSpec, type TaskSpec, vocabSizeOf } from '../../space/spec.ts';
import { acceleratorOf, type CostPlan, planCosts } from './cost-plan.ts';
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
  const { corpus, tokenizer, validationShare, contextLength } = spec.task;
  const dataset = prepareDataset(loadCorpus(corpus, specFolder), tokenizer, validationShare, contextLength);
  const plan = { ...planCosts(spec, specFolder, own), dataset };
  const source = spec.training.teacher?.source;
  if (source?.kind !== 'checkpoint') return plan;
  const path = resolve(specFolder, source.path);
  checkVocabulary(path, readTeacher(path, studentsOf(spec.task)), dataset.tokenizer);
  return { ...plan, teacherSha256: fileSha256(path) };
}
