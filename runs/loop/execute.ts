// Starting a run and resuming one: the store, the workshop and the loop put together.
import { setMaxListeners } from 'node:events';
import { createSearch } from '../../search/index.ts';
import { canonicalJson } from '../../space/candidate.ts';
import { specHash } from '../../space/load-spec.ts';
import type { RunSpec } from '../../space/spec.ts';
import { explainInfeasible, hypervolumeBounds, surveySpace } from '../plan/bounds.ts';
import { plannedEvaluations, searchSettings, stepsPerRung } from '../plan/budget.ts';
import { engineOf, isSameEngine } from '../plan/engine.ts';
import { decisiveVersions } from '../plan/version.ts';
import { RunError } from '../run-error.ts';
import { RunReader } from '../store/queries.ts';
import type { FrontRecord, StoredObjective } from '../store/records.ts';
import { RunStore } from '../store/run-store.ts';
import { StoreError } from '../store/store-error.ts';
import { Interrupted } from './attempts.ts';
import { createDeployMany } from './deploy-many.ts';
import { hypervolumeBox } from './fronts.ts';
import { OWN_EVALUATOR, refuseOtherRun } from './resumable.ts';
import { runLoop } from './run-loop.ts';
import type { ExecuteOptions, Runnable } from './runnable.ts';
import { type Known, NOTHING, openWorkshop, readKnown } from './workshop.ts';

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
      versions: versionsOf(plan, options),
    });
    return await carryOn(plan, options, store, { runId, objectives, known: NOTHING, kind: 'started' });
  } finally {
    store.close();
  }
}

/** What decides results beside the spec and the corpus. */
function versionsOf(
  { spec, teacherSha256: teacher }: Runnable,
  { isOwnEvaluator }: Pick<ExecuteOptions, 'isOwnEvaluator'>,
): Record<string, string> {
  return {
    ...decisiveVersions(engineOf(spec).name),
    ...(teacher === undefined ? {} : { teacher }),
    ...(isOwnEvaluator === true ? { evaluator: OWN_EVALUATOR } : {}),
  };
}

/**
 * Continues a run to the result that it would have had without the interruption; of a finished one, repeats nothing.
 * @throws {@link RunError} when the corpus or the teacher has changed since. @throws {@link StoreError}
 */
export async function resumeRun(plan: Runnable, runId: string, options: ExecuteOptions): Promise<RunOutcome> {
  const reader = new RunReader(options.databasePath, options.now);
  const run = reader.run(runId);
  reader.close();
  refuseOtherRun(plan, run, options);
  const store = new RunStore(options.databasePath, options.now);
  try {
    const [engine, own] = [engineOf(plan.spec), engineOf(run.spec as RunSpec)];
    store.holdRun(runId, isSameEngine(engine, own) ? undefined : { engine });
    // Read only now that no other process can add to it.
    const known = readKnown(options, runId);
    return await carryOn(plan, options, store, { runId, objectives: run.objectives, known, kind: 'resumed' });
  } finally {
    store.close();
  }
}

interface Beginning {
  readonly runId: string;
  readonly objectives: readonly StoredObjective[];
  readonly known: Known;
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
  const { rungs } = spec.training;
  const began = { planned, rungs, stepsPerRung: stepsPerRung(spec.training) };
  emit({ kind, runId, name: spec.name, ...began, maxThreads });
  const abort = new AbortController();
  // Every task under way listens; on many cores those are more than Node expects.
  setMaxListeners(0, abort.signal);
  const stop = () => abort.abort();
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  const evaluator = options.createEvaluator(runId);
  try {
    const box = hypervolumeBox(objectives, problem.metrics);
    const { reference } = box;
    const settings = searchSettings(spec);
    const { seed, search: searchSpec } = spec;
    const search = createSearch({ ...problem, reference }, searchSpec.algorithm, settings, spec.baseline);
    const topRung = spec.training.rungs.length - 1;
    const perArchitecture = searchSpec.deploymentsPerArchitecture;
    const front = await runLoop({
      workshop: openWorkshop(plan, options, store, known, evaluator, abort.signal),
      search,
      deployMany: createDeployMany({
        problem,
        seed,
        topRung,
        perArchitecture,
        reference,
        ...(plan.setting?.draft === undefined ? {} : { draft: plan.setting.draft }),
      }),
      box,
      lag: searchSpec.lag,
      generationSize: searchSpec.population,
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
