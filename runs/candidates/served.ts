// Candidates of a stored run as they serve: trained to the highest rung they reached, pruned and cast.
import { checkpointPath } from '../../evaluators/checkpoint/training-checkpoint.ts';
import type { MeasurementTask, TrainingTask } from '../../evaluators/index.ts';
import { readOrSkip } from '../../evaluators/training/train.ts';
import { type Architecture, countParameters } from '../../space/architecture.ts';
import { hashOf } from '../../space/candidate.ts';
import type { ModelDraft } from '../../space/draft.ts';
import type { RunSpec, TrainingSpec } from '../../space/spec.ts';
import { storedDonor } from '../loop/heritage.ts';
import { servingTask } from '../loop/measurements.ts';
import { planServing, type ServingPlan, teacherSha256Of } from '../plan/plan.ts';
import { RunError } from '../run-error.ts';
import type { EvaluationResult, RunDetails, RunReader } from '../store/queries.ts';
import type { CandidateRecord, SpeculationRecord } from '../store/records.ts';

/** A candidate at the highest rung that it was measured at. */
export interface ServedCandidate {
  readonly candidate: CandidateRecord;
  readonly rung: number;
  /** Bits per byte, as it is deployed. */
  readonly loss: number;
  readonly task: MeasurementTask;
  /** What its own draft came to, where it has one. */
  readonly speculation?: SpeculationRecord;
}

/**
 * What the candidates of a stored run are loaded and priced with; with `retrain`, fit to train them anew.
 * @throws {@link RunError} where its corpus has changed, so that tokens would mean other text, where a program's own
 * evaluator made its losses, and with `retrain` where its teacher has changed
 */
export function planOfRun(details: RunDetails, { retrain }: { readonly retrain: boolean }): ServingPlan {
  const { id, specFolder, versions, corpusSha256 } = details;
  const spec = details.spec as RunSpec;
  if (versions.evaluator !== undefined) {
    throw new RunError(
      `the losses of run ${id} come from its program's own evaluator, which leaves no weights; ` +
        "'paretoformer show' has what is known of a candidate",
    );
  }
  const plan = planServing(spec, specFolder);
  if (plan.dataset.corpusSha256 !== corpusSha256) {
    throw new RunError(
      `the corpus "${spec.task.corpus}" is not the one that run ${id} was started with, so its tokenizer and losses cannot be had again`,
    );
  }
  if (retrain && teacherSha256Of(spec, specFolder, plan.dataset) !== versions.teacher) {
    throw new RunError(
      `the teacher's checkpoint is not the one that run ${id} was started with, so its weights cannot be trained again`,
    );
  }
  return plan;
}

/** What a candidate came to at the highest rung that it reached. @throws {@link RunError} where it was never trained to an end */
export function bestResult(reader: RunReader, runId: string, { number }: CandidateRecord): EvaluationResult {
  const results = reader.evaluations(runId, number);
  const best = results.filter(({ state }) => state === 'ok').toSorted((a, b) => b.rung - a.rung)[0];
  if (best !== undefined) return best;
  const last = results.at(-1);
  const why = last === undefined ? 'not evaluated yet' : (last.reason ?? last.state);
  throw new RunError(
    `candidate ${number} has no trained weights (${why}); 'paretoformer front' lists those that have`,
  );
}

/** A candidate as it serves. @throws {@link RunError} where it was never trained to an end. */
export function servedCandidate(
  reader: RunReader,
  runId: string,
  candidate: CandidateRecord,
): ServedCandidate {
  const result = bestResult(reader, runId, candidate);
  const { rung, loss, speculation } = result;
  const origin = storedDonor(reader, runId, result);
  const task = servingTask(candidate, candidate.architectureHash, rung, origin);
  return { candidate, rung, loss: loss!, task, ...(speculation === undefined ? {} : { speculation }) };
}

/** Larger ones, as a share of the target's parameters, are not offered as drafts by default. */
const MOST_OF_TARGET = 0.5;
/** Candidates, and draft models of the run, that are offered as drafts by default. */
const MOST_OFFERED = 6;

/** One candidate for each other architecture of the run that is at most half as large, the largest first. */
export function smallerCandidates(
  reader: RunReader,
  runId: string,
  target: ServedCandidate,
): ServedCandidate[] {
  const limit = MOST_OF_TARGET * countParameters(target.candidate.architecture);
  const chosen = new Map<string, ServedCandidate>();
  const small = reader.candidates(runId).filter(({ architecture }) => countParameters(architecture) <= limit);
  const numbers = new Map(small.map((candidate) => [candidate.number, candidate]));
  for (const result of reader.evaluations(runId)) {
    const { candidate: number, state, rung, loss } = result;
    const candidate = numbers.get(number);
    if (candidate === undefined || state !== 'ok') continue;
    const known = chosen.get(candidate.architectureHash);
    // The best trained, and of those the one whose storage costs it least.
    if (known !== undefined && (known.rung > rung || (known.rung === rung && known.loss <= loss!))) continue;
    const origin = storedDonor(reader, runId, result);
    const task = servingTask(candidate, candidate.architectureHash, rung, origin);
    chosen.set(candidate.architectureHash, { candidate, rung, loss: loss!, task });
  }
  const size = ({ candidate }: ServedCandidate) => countParameters(candidate.architecture);
  return [...chosen.values()].toSorted((a, b) => b.rung - a.rung || size(b) - size(a)).slice(0, MOST_OFFERED);
}

/** The draft models that a run measured with any target, those first of which most was accepted. */
export function measuredDrafts(reader: RunReader, runId: string): ModelDraft[] {
  const best = new Map<string, { readonly draft: ModelDraft; readonly acceptance: number }>();
  for (const { draft, acceptance } of reader.pairs(runId)) {
    if (draft.kind !== 'model' || acceptance === undefined) continue;
    const plain: ModelDraft = { ...draft, draftLength: 'best', confidence: 0 };
    const key = hashOf(plain);
    if ((best.get(key)?.acceptance ?? 0) < acceptance) best.set(key, { draft: plain, acceptance });
  }
  return [...best.values()]
    .toSorted((a, b) => b.acceptance - a.acceptance)
    .slice(0, MOST_OFFERED)
    .map(({ draft }) => draft);
}

/** Depths at which a target's own first layers are offered as drafts by default. */
export function selfDepths({ layers }: Architecture): number[] {
  const depths = [1, Math.round(layers.length / 3), Math.round((2 * layers.length) / 3)];
  return [...new Set(depths)].filter((depth) => depth > 0 && depth < layers.length);
}

/** Whether the candidate serves with a draft that was measured with it; below the highest rung it is only expected to pay. */
export function hasMeasuredDraft({ speculation }: Pick<ServedCandidate, 'speculation'>): boolean {
  return speculation !== undefined && speculation.draftLength > 0 && speculation.source !== 'expected';
}

const pathOf = ({ architectureHash, rung, donor }: TrainingTask, folder: string) =>
  checkpointPath(folder, architectureHash, rung, donor?.architectureHash);

/** Whether the checkpoint of a task is there. */
export function hasWeights(task: TrainingTask, folder: string, { rungs }: TrainingSpec): boolean {
  return readOrSkip(pathOf(task, folder), task.architecture)?.step === rungs[task.rung];
}

/**
 * Makes sure that the checkpoint of a task is there. `what` names its model.
 * @throws {@link RunError} that says how to get weights back which are gone
 */
export function requireWeights(
  what: string,
  task: TrainingTask,
  folder: string,
  training: TrainingSpec,
): void {
  if (hasWeights(task, folder, training)) return;
  throw new RunError(
    `the weights of ${what} are not at ${pathOf(task, folder)} any more; --retrain trains them anew ` +
      `(${training.rungs[task.rung]} steps at most), to the same values`,
  );
}
