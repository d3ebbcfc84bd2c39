// The candidate that is exported: its rows, the plan of its run, and its weights as trained and as deployed.
import { type MeasurementContext, measureAtRung } from '../../evaluators/compression/measure-at-rung.ts';
import type { DeployedWeights } from '../../evaluators/compression/measure-deployments.ts';
import { loadTeacher } from '../../evaluators/distillation/teacher.ts';
import type { LanguageModel } from '../../evaluators/generation/language-model.ts';
import type { Weights } from '../../evaluators/model/parameters.ts';
import type { MeasurementTask, PairTask, TrainingProgress } from '../../evaluators/port.ts';
import { draftSource } from '../../evaluators/speculation/pair-at-rung.ts';
import { FormatError } from '../../hardware/index.ts';
import { namedCandidate } from '../candidates/named-candidate.ts';
import { bestResult, hasMeasuredDraft, planOfRun, requireWeights } from '../candidates/served.ts';
import { storedDonor } from '../loop/heritage.ts';
import { servingTask } from '../loop/measurements.ts';
import type { ServingPlan } from '../plan/plan.ts';
import { servedDraft } from '../plan/speculation.ts';
import { checkpointFolderOf, taskSettings } from '../plan/train.ts';
import { RunError } from '../run-error.ts';
import { type EvaluationResult, type RunDetails, RunReader } from '../store/queries.ts';
import type { CandidateRecord } from '../store/records.ts';

/** A candidate of a run with its result at the highest rung that it reached. */
export interface ExportSource {
  readonly databasePath: string;
  readonly details: RunDetails;
  readonly plan: ServingPlan;
  readonly candidate: CandidateRecord;
  readonly evaluation: EvaluationResult;
  /** Of that result. */
  readonly task: MeasurementTask;
}

/** What the exported files hold. */
export interface ExportWeights extends DeployedWeights {
  readonly trained: Weights;
  /** Bits per byte of the deployed weights, measured again just now. */
  readonly deployedLoss: number;
}

/**
 * Finds a candidate and prepares its run's text and tokenizer, and with `retrain` whatever it learnt from.
 * @throws {@link StoreError}, {@link RunError} where it was never trained, or the text is not the run's any more.
 */
export function openSource(databasePath: string, run: string, name: string, retrain = false): ExportSource {
  const reader = new RunReader(databasePath);
  try {
    const details = reader.run(reader.resolve(run));
    const candidate = namedCandidate(reader, details.id, name);
    const evaluation = bestResult(reader, details.id, candidate);
    const plan = planOfRun(details, { retrain });
    const { architecture, architectureHash, deployment } = candidate;
    const task = {
      architecture,
      architectureHash,
      rung: evaluation.rung,
      deployment,
      ...storedDonor(reader, details.id, evaluation),
    };
    return { databasePath, details, plan, candidate, evaluation, task };
  } finally {
    reader.close();
  }
}

export interface WeightsOptions {
  /** Whether weights that are not there any more are trained anew. */
  readonly retrain: boolean;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: TrainingProgress) => void;
}

/** What a worker of the run would have. */
function contextOf(
  { databasePath, details, plan }: ExportSource,
  options: WeightsOptions,
): MeasurementContext {
  const settings = taskSettings(plan, checkpointFolderOf(databasePath, details.id));
  const context: MeasurementContext = {
    ...settings,
    teacher: () => loadTeacher(settings.settings.teacher!, context),
    onProgress: (progress) => options.onProgress?.(progress),
    shouldStop: () => (options.signal.aborted ? { kind: 'cancelled' } : undefined),
  };
  return context;
}

/**
 * The candidate's weights, pruned, cast and measured exactly as its run did.
 * @throws {@link RunError} where they are gone and are not to be trained anew, or that was stopped.
 */
export async function loadWeights(source: ExportSource, options: WeightsOptions): Promise<ExportWeights> {
  const { databasePath, details, plan, candidate, task } = source;
  const { number } = candidate;
  const folder = checkpointFolderOf(databasePath, details.id);
  if (!options.retrain) requireWeights(`candidate ${number}`, task, folder, plan.spec.training);
  let held: { readonly trained: Weights; readonly deployed: DeployedWeights } | undefined;
  const fail = (why: string): never => {
    throw new RunError(`candidate ${number} could not be made ready: ${why}`);
  };
  const context: MeasurementContext = {
    ...contextOf(source, options),
    onWeights: (trained, deployed) => {
      held = { trained, deployed };
    },
  };
  const outcome = await measureAtRung(task, context).catch((error: unknown) => {
    // Weights that are no numbers.
    if (error instanceof FormatError) return fail(error.message);
    throw error;
  });
  if (outcome.kind !== 'ok' || held === undefined)
    return fail('reason' in outcome ? outcome.reason : outcome.kind);
  return { trained: held.trained, ...held.deployed, deployedLoss: outcome.bitsPerByte };
}

/**
 * The draft model that the candidate serves with, pruned, cast and aligned as its run did; undefined where it has none,
 * none that pays, or one that was never measured with it.
 * @throws {@link RunError} where its weights are gone and are not to be trained anew.
 */
export async function loadDraft(
  source: ExportSource,
  { decoded, deployment: { kvCacheFormat } }: Pick<ExportWeights, 'decoded' | 'deployment'>,
  options: WeightsOptions,
): Promise<LanguageModel | undefined> {
  const { databasePath, details, plan, candidate, evaluation } = source;
  const { donor } = source.task;
  const { architecture, architectureHash, deployment, number } = candidate;
  const { rung, speculation } = evaluation;
  if (deployment.draft?.kind !== 'model' || !hasMeasuredDraft(evaluation)) return undefined;
  const { temperature, topP, alignmentSteps } = plan.spec.draft!;
  const draft = servedDraft(deployment.draft, plan.spec.training.rungs.length - 1, deployment);
  if (draft.kind === 'model' && !options.retrain) {
    const folder = checkpointFolderOf(databasePath, details.id);
    requireWeights(`the draft of candidate ${number}`, draft.model, folder, plan.spec.training);
  }
  const task: PairTask = {
    target: servingTask(candidate, architectureHash, rung, donor === undefined ? {} : { donor }),
    draft,
    sampling: { temperature, topP },
    confidence: deployment.draft.confidence,
    draftLengths: [speculation!.draftLength],
    alignmentSteps: speculation!.source === 'aligned' ? alignmentSteps : 0,
  };
  const target = { architecture, weights: decoded, kvCacheFormat };
  const made = await draftSource(task, target, contextOf(source, options));
  if (made.kind === 'source' && made.source.kind === 'model') return made.source.model;
  const why = 'reason' in made ? made.reason : made.kind;
  throw new RunError(`the draft of candidate ${number} could not be made ready: ${why}`);
}
