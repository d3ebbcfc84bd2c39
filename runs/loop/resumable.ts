// Whether a stored run may go on: only towards the result that it would have had.
import { RUN_FORMAT } from '../plan/version.ts';
import { RunError } from '../run-error.ts';
import { type RunDetails, RunReader } from '../store/queries.ts';
import type { ExecuteOptions, Runnable } from './runnable.ts';

/**
 * @throws {@link RunError} where the corpus, the teacher, the evaluator, a metric of the program's own or the search
 * itself is not what the run was started with.
 */
export function refuseOtherRun(plan: Runnable, run: RunDetails, options: ExecuteOptions): void {
  refuseOtherFormat(run);
  refuseOtherEvaluator(run, options.isOwnEvaluator === true);
  if (run.corpusSha256 !== plan.dataset.corpusSha256) {
    throw new RunError(
      `the corpus "${plan.spec.task.corpus}" is not the one that run ${run.id} was started with`,
    );
  }
  if (run.versions.teacher !== plan.teacherSha256) {
    throw new RunError(`the teacher's checkpoint is not the one that run ${run.id} was started with`);
  }
  refuseChangedMetrics(plan, run.id, options);
}

/** @throws {@link RunError} where the run began in another way than it would go on. */
export function refuseOtherFormat({ id, versions }: Pick<RunDetails, 'id' | 'versions'>): void {
  if (versions.runFormat === RUN_FORMAT) return;
  throw new RunError(
    `run ${id} was started by a version of paretoformer that searched differently: its results can be read, but not continued; start it anew`,
  );
}

/** What a run is marked with whose losses come from its program. */
export const OWN_EVALUATOR = "the program's own";

/** @throws {@link RunError} where a trainer would go on with what a program's own evaluator began, or the other way round */
function refuseOtherEvaluator(
  { id, versions }: Pick<RunDetails, 'id' | 'versions'>,
  isOwnEvaluator: boolean,
): void {
  const wasOwn = versions.evaluator !== undefined;
  if (wasOwn === isOwnEvaluator) return;
  throw new RunError(
    wasOwn
      ? `the losses of run ${id} come from its program's own evaluator: only there can it go on: ` +
          "resume(run, { evaluator }) of 'paretoformer'"
      : `run ${id} was started with the built-in trainer, and cannot go on with another evaluator`,
  );
}

/** Metrics of a program's own are code that no stored run could hold. @throws {@link RunError} where one is another */
function refuseChangedMetrics({ spec, problem }: Runnable, runId: string, options: ExecuteOptions): void {
  const names = Object.keys(spec.metrics ?? {});
  if (names.length === 0) return;
  const reader = new RunReader(options.databasePath, options.now);
  try {
    for (const candidate of reader.candidates(runId)) {
      const values = problem.costs(candidate).deployed;
      const changed = names.find((name) => values[name] !== candidate.deployedCosts[name]);
      if (changed === undefined) continue;
      throw new RunError(
        `the function of "${changed}" is not the one that run ${runId} was started with: for candidate ` +
          `${candidate.number} it gives ${values[changed]}, then it gave ${candidate.deployedCosts[changed]}`,
      );
    }
  } finally {
    reader.close();
  }
}
