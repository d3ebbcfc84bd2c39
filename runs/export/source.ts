// The candidate that is exported: its rows, the plan of its run, and its weights as trained and as deployed.
import { checkpointPath } from '../../evaluators/checkpoint/training-checkpoint.ts';
import { measureAtRung } from '../../evaluators/compression/measure-at-rung.ts';
import type { DeployedWeights } from '../../evaluators/compression/measure-deployments.ts';
import type { Weights } from '../../evaluators/model/parameters.ts';
import type { TrainingProgress } from '../../evaluators/port.ts';
import { readOrSkip } from '../../evaluators/training/train.ts';
import { FormatError } from '../../hardware/index.ts';
import type { RunSpec } from '../../space/spec.ts';
import { planRun, type RunPlan } from '../plan.ts';
import { RunError } from '../run-error.ts';
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
    const evaluations = reader.evaluations(details.id, candidate.number);
    const evaluation = evaluations.filter(({ state }) => state === 'ok').sort((a, b) => b.rung - a.rung)[0];
    if (evaluation === undefined) throw new RunError(neverTrained(candidate, evaluations));
    const spec = details.spec as RunSpec;
    const plan = planRun(spec, details.specFolder);
    if (plan.dataset.corpusSha256 !== details.corpusSha256) {
      throw new RunError(
        `the corpus "${spec.task.corpus}" is not the one that run ${details.id} was started with, so its tokenizer and losses cannot be had again`,
      );
    }
    return { databasePath, details, plan, candidate, evaluation };
  } finally {
    reader.close();
  }
}

function neverTrained({ number }: CandidateRecord, evaluations: readonly EvaluationResult[]): string {
  const last = evaluations.at(-1);
  const why = last === undefined ? 'not evaluated yet' : (last.reason ?? last.state);
  return `candidate ${number} has no trained weights (${why}); 'paretoformer front' lists those that have`;
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
  const path = checkpointPath(folder, architectureHash, evaluation.rung);
  const steps = plan.spec.training.rungs[evaluation.rung];
  if (!options.retrain && readOrSkip(path, architecture)?.step !== steps) {
    throw new RunError(
      `the weights of candidate ${number} are not at ${path} any more; --retrain trains them anew ` +
        `(${steps} steps at most), to the same values`,
    );
  }
  let held: { readonly trained: Weights; readonly deployed: DeployedWeights } | undefined;
  const fail = (why: string): never => {
    throw new RunError(`candidate ${number} could not be made ready: ${why}`);
  };
  const outcome = await measureAtRung(
    { architecture, architectureHash, rung: evaluation.rung, deployment },
    {
      ...taskSettings(plan, folder),
      onProgress: (progress) => options.onProgress?.(progress),
      shouldStop: () => (options.signal.aborted ? { kind: 'cancelled' } : undefined),
      onWeights: (trained, deployed) => {
        held = { trained, deployed };
      },
    },
  ).catch((error: unknown) => {
    // Weights that are no numbers.
    if (error instanceof FormatError) return fail(error.message);
    throw error;
  });
  if (outcome.kind !== 'ok' || held === undefined)
    return fail('reason' in outcome ? outcome.reason : outcome.kind);
  return { trained: held.trained, ...held.deployed, deployedLoss: outcome.bitsPerByte };
}
