// The candidate that is exported: its rows, the plan of its run, and its weights as trained and as deployed.
import { type MeasurementContext, measureAtRung } from '../../evaluators/compression/measure-at-rung.ts';
import type { DeployedWeights } from '../../evaluators/compression/measure-deployments.ts';
import { loadTeacher } from '../../evaluators/distillation/teacher.ts';
import type { Weights } from '../../evaluators/model/parameters.ts';
import type { TrainingProgress } from '../../evaluators/port.ts';
import { FormatError } from '../../hardware/index.ts';
import type { RunPlan } from '../plan.ts';
import { RunError } from '../run-error.ts';
import { bestResult, planOfRun, requireWeights } from '../served.ts';
import { type EvaluationResult, type RunDetails, RunReader } from '../store/queries.ts';
import type { CandidateRecord } from '../store/records.ts';
import { checkpointFolderOf, taskSettings } from '../train.ts';

/** A candidate of a run with its result at the highest rung that it reached. */
export interface ExportSource {
  readonly databasePath: string;
  readonly details: RunDetails;
  readonly plan: RunPlan;
  readonly candidate: CandidateRecord;
  readonly evaluation: EvaluationResult;
}

/** What the exported files hold. */
export interface ExportWeights extends DeployedWeights {
  readonly trained: Weights;
  /** Bits per byte of the deployed weights, measured again just now. */
  readonly deployedLoss: number;
}

/**
 * Finds a candidate and prepares its run's text and tokenizer.
 * @throws {@link StoreError}, {@link RunError} where it was never trained, or the text is not the run's any more.
 */
export function openSource(databasePath: string, run: string, name: string): ExportSource {
  const reader = new RunReader(databasePath);
  try {
    const details = reader.run(reader.resolve(run));
    const candidate = reader.resolveCandidate(details.id, name);
    const evaluation = bestResult(reader, details.id, candidate);
    const plan = planOfRun(details);
    return { databasePath, details, plan, candidate, evaluation };
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

/**
 * The candidate's weights, pruned, cast and measured exactly as its run did.
 * @throws {@link RunError} where they are gone and are not to be trained anew, or that was stopped.
 */
export async function loadWeights(source: ExportSource, options: WeightsOptions): Promise<ExportWeights> {
  const { databasePath, details, plan, candidate, evaluation } = source;
  const { architecture, architectureHash, deployment, number } = candidate;
  const folder = checkpointFolderOf(databasePath, details.id);
  const task = { architecture, architectureHash, rung: evaluation.rung, deployment };
  if (!options.retrain) requireWeights(`candidate ${number}`, task, folder, plan.spec.training);
  let held: { readonly trained: Weights; readonly deployed: DeployedWeights } | undefined;
  const fail = (why: string): never => {
    throw new RunError(`candidate ${number} could not be made ready: ${why}`);
  };
  const settings = taskSettings(plan, folder);
  const context: MeasurementContext = {
    ...settings,
    teacher: () => loadTeacher(settings.settings.teacher!, context),
    onProgress: (progress) => options.onProgress?.(progress),
    shouldStop: () => (options.signal.aborted ? { kind: 'cancelled' } : undefined),
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
