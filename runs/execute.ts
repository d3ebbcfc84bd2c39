// Starting a run and resuming one: the store, the trainings and the loop put together.
import type { Evaluator } from '../evaluators/port.ts';
import { createSearch } from '../search/index.ts';
import { canonicalJson } from '../space/candidate.ts';
import { specHash } from '../space/load-spec.ts';
import type { RunSpec } from '../space/spec.ts';
import { explainInfeasible, hypervolumeBounds, surveySpace } from './bounds.ts';
import type { RunListener } from './events.ts';
import { hypervolumeBox } from './fronts.ts';
import { plannedEvaluations, searchSettings } from './plan.ts';
import type { RunProblem } from './problem.ts';
import { RunError } from './run-error.ts';
import { runLoop } from './run-loop.ts';
import { RunReader } from './store/queries.ts';
import type { FrontRecord, StoredObjective, TrainingRecord } from './store/records.ts';
import { RunStore } from './store/run-store.ts';
import { StoreError } from './store/store-error.ts';
import { createTrainings, Interrupted } from './trainings.ts';
import { decisiveVersions } from './version.ts';

/** The part of a plan that the loop needs; tests bring their own. */
export interface Runnable {
  readonly spec: RunSpec;
  readonly specFolder: string;
  readonly problem: RunProblem;
  readonly dataset: { readonly corpusSha256: string; readonly unigramBitsPerByte: number };
}

export interface ExecuteOptions {
  readonly databasePath: string;
  readonly maxThreads: number;
  /** Called once the run's id is known, because checkpoints lie in a folder of that name. */
  readonly createEvaluator: (runId: string) => Evaluator;
  readonly emit: RunListener;
  /** Aborting stops the run cleanly: what is under way is cancelled, what is done is kept. */
  readonly signal: AbortSignal;
  readonly now?: () => number;
}

export type RunOutcome =
  | { readonly kind: 'finished'; readonly runId: string; readonly front: FrontRecord }
  | { readonly kind: 'interrupted'; readonly runId: string };

/**
 * Starts a new run and carries it to its end.
 * @throws {@link RunError} before anything is stored when no member of the space meets the constraints.
 */
export async function startRun(plan: Runnable, options: ExecuteOptions): Promise<RunOutcome> {
  const { spec, problem, dataset } = plan;
  const survey = surveySpace(problem, spec.seed);
  if (survey.feasible.length === 0) throw new RunError(explainInfeasible(survey));
  const { unigramBitsPerByte } = dataset;
  const { constraints, baseline } = spec;
  const objectives = hypervolumeBounds({
    problem,
    constraints,
    survey,
    unigramBitsPerByte,
    ...(baseline === undefined ? {} : { baseline }),
  });
  const store = new RunStore(options.databasePath, options.now);
  try {
    const runId = store.createRun({
      name: spec.name,
      specJson: canonicalJson(spec),
      specSha256: specHash(spec),
      specFolder: plan.specFolder,
      corpusSha256: dataset.corpusSha256,
      objectives,
      versions: decisiveVersions(),
    });
    return await carryOn(plan, options, store, { runId, objectives, known: [], kind: 'started' });
  } finally {
    store.close();
  }
}

/**
 * Continues a run to the result that it would have had without the interruption; of a finished one, repeats nothing.
 * @throws {@link RunError} when the corpus has changed since. @throws {@link StoreError}
 */
export async function resumeRun(plan: Runnable, runId: string, options: ExecuteOptions): Promise<RunOutcome> {
  const reader = new RunReader(options.databasePath, options.now);
  const run = reader.run(runId);
  reader.close();
  if (run.corpusSha256 !== plan.dataset.corpusSha256) {
    throw new RunError(
      `the corpus "${plan.spec.task.corpus}" is not the one that run ${runId} was started with`,
    );
  }
  const store = new RunStore(options.databasePath, options.now);
  try {
    store.holdRun(runId);
    // Read only now that no other process can add to it.
    const known = knownTrainings(options, runId);
    return await carryOn(plan, options, store, { runId, objectives: run.objectives, known, kind: 'resumed' });
  } finally {
    store.close();
  }
}

function knownTrainings(options: ExecuteOptions, runId: string): TrainingRecord[] {
  const reader = new RunReader(options.databasePath, options.now);
  try {
    return reader.trainings(runId);
  } finally {
    reader.close();
  }
}

interface Beginning {
  readonly runId: string;
  readonly objectives: readonly StoredObjective[];
  readonly known: readonly TrainingRecord[];
  readonly kind: 'started' | 'resumed';
}

async function carryOn(
  plan: Runnable,
  options: ExecuteOptions,
  store: RunStore,
  { runId, objectives, known, kind }: Beginning,
): Promise<RunOutcome> {
  const { spec, problem } = plan;
  const { emit, maxThreads, signal } = options;
  const planned = plannedEvaluations(spec);
  emit({ kind, runId, name: spec.name, planned, rungs: spec.training.rungs, maxThreads });
  const abort = new AbortController();
  const stop = () => abort.abort();
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  const evaluator = options.createEvaluator(runId);
  const baseline = spec.baseline === undefined ? {} : { baseline: spec.baseline };
  try {
    const trainings = createTrainings({
      evaluator,
      maxThreads,
      known,
      signal: abort.signal,
      now: options.now ?? Date.now,
      store: (training) => {
        store.addTraining(training);
        emit({ kind: 'trained', training });
      },
      onProgress: (architectureHash, rung, progress) =>
        emit({ kind: 'progress', architectureHash, rung, progress }),
    });
    const reference = hypervolumeBox(objectives).reference;
    const settings = searchSettings(spec);
    const search = createSearch({ ...problem, reference }, spec.search.algorithm, settings, spec.baseline);
    const front = await runLoop({
      problem,
      search,
      trainings,
      objectives,
      ...baseline,
      lag: spec.search.lag,
      generationSize: spec.search.population,
      sink: store,
      emit,
      abort,
    });
    store.addEvent('finished', { rejected: search.rejections() });
    emit({ kind: 'finished', runId, front });
    return { kind: 'finished', runId, front };
  } catch (error) {
    if (!(error instanceof Interrupted)) {
      recordFailure(store, error);
      throw error;
    }
    store.addEvent('interrupted');
    emit({ kind: 'interrupted', runId });
    return { kind: 'interrupted', runId };
  } finally {
    signal.removeEventListener('abort', stop);
    await evaluator.close();
  }
}

/** Stores why a run failed, unless the store itself is the reason. */
function recordFailure(store: RunStore, error: unknown): void {
  if (error instanceof StoreError) return;
  store.addEvent('failed', { reason: error instanceof Error ? error.message : String(error) });
}
