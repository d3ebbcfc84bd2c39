// Starting a run and resuming one: the store, the trainings and the loop put together.
import { teacherTask } from '../../evaluators/distillation/teacher.ts';
import type { Evaluator } from '../../evaluators/port.ts';
import { createSearch } from '../../search/index.ts';
import { canonicalJson } from '../../space/candidate.ts';
import { withoutDraft } from '../../space/deployment.ts';
import { specHash } from '../../space/load-spec.ts';
import type { RunSpec } from '../../space/spec.ts';
import { storageChoices } from '../../space/storage-genes.ts';
import { explainInfeasible, hypervolumeBounds, surveySpace } from '../plan/bounds.ts';
import { plannedEvaluations, searchSettings, stepsPerRung } from '../plan/budget.ts';
import type { CostSetting } from '../plan/cost-setting.ts';
import { engineOf, isSameEngine } from '../plan/engine.ts';
import type { RunProblem } from '../plan/problem.ts';
import { decisiveVersions, RUN_FORMAT } from '../plan/version.ts';
import { RunError } from '../run-error.ts';
import { type RunDetails, RunReader } from '../store/queries.ts';
import type {
  FrontRecord,
  MeasurementRecord,
  PairRecord,
  ProfileRecord,
  StoredObjective,
  TrainingRecord,
} from '../store/records.ts';
import { RunStore } from '../store/run-store.ts';
import { StoreError } from '../store/store-error.ts';
import { Interrupted } from './attempts.ts';
import { createDeployMany } from './deploy-many.ts';
import type { Workshop } from './evaluate.ts';
import type { RunListener } from './events.ts';
import { hypervolumeBox } from './fronts.ts';
import { createHeritage, NO_HERITAGE } from './heritage.ts';
import { createLimiter } from './limiter.ts';
import { createMeasurements } from './measurements.ts';
import { createPairing } from './pairing.ts';
import { createPairs } from './pairs.ts';
import { runLoop } from './run-loop.ts';
import { createTrainings } from './trainings.ts';

/** The part of a plan that the loop needs; tests bring their own. */
export interface Runnable {
  readonly spec: RunSpec;
  readonly specFolder: string;
  readonly problem: RunProblem;
  readonly dataset: { readonly corpusSha256: string; readonly unigramBitsPerByte: number };
  readonly teacherSha256?: string;
  /** What pairs of target and draft are priced with; needed where the spec has drafts. */
  readonly setting?: CostSetting;
}

export interface ExecuteOptions {
  readonly databasePath: string;
  readonly maxThreads: number;
  /** Called once the run's id is known, because checkpoints lie in a folder of that name. */
  readonly createEvaluator: (runId: string) => Evaluator;
  /** Whether that is one of the program's own in place of the trainer; a run stays with one kind. */
  readonly isOwnEvaluator?: boolean;
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

/** What a run is marked with whose losses come from its program. */
const OWN_EVALUATOR = "the program's own";

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

/**
 * Continues a run to the result that it would have had without the interruption; of a finished one, repeats nothing.
 * @throws {@link RunError} when the corpus or the teacher has changed since. @throws {@link StoreError}
 */
export async function resumeRun(plan: Runnable, runId: string, options: ExecuteOptions): Promise<RunOutcome> {
  const reader = new RunReader(options.databasePath, options.now);
  const run = reader.run(runId);
  reader.close();
  refuseOtherFormat(run);
  refuseOtherEvaluator(run, options.isOwnEvaluator === true);
  if (run.corpusSha256 !== plan.dataset.corpusSha256) {
    throw new RunError(
      `the corpus "${plan.spec.task.corpus}" is not the one that run ${runId} was started with`,
    );
  }
  if (run.versions.teacher !== plan.teacherSha256) {
    throw new RunError(`the teacher's checkpoint is not the one that run ${runId} was started with`);
  }
  refuseChangedMetrics(plan, runId, options);
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

/** @throws {@link RunError} where the run began in another way than it would go on. */
export function refuseOtherFormat({ id, versions }: Pick<RunDetails, 'id' | 'versions'>): void {
  if (versions.runFormat === RUN_FORMAT) return;
  throw new RunError(
    `run ${id} was started by a version of paretoformer that searched differently: its results can be read, but not continued; start it anew`,
  );
}

/** What was done before, and need not be done again. */
interface Known {
  readonly trainings: readonly TrainingRecord[];
  readonly measurements: readonly MeasurementRecord[];
  readonly profiles: readonly ProfileRecord[];
  readonly pairs: readonly PairRecord[];
}

const NOTHING: Known = { trainings: [], measurements: [], profiles: [], pairs: [] };

function readKnown(options: ExecuteOptions, runId: string): Known {
  const reader = new RunReader(options.databasePath, options.now);
  try {
    return {
      trainings: reader.trainings(runId),
      measurements: reader.measurements(runId),
      profiles: reader.profiles(runId),
      pairs: reader.pairs(runId),
    };
  } finally {
    reader.close();
  }
}

interface Beginning {
  readonly runId: string;
  readonly objectives: readonly StoredObjective[];
  readonly known: Known;
  readonly kind: 'started' | 'resumed';
}

/** The trainings and measurements of a run, one limit on threads for both. */
function openWorkshop(
  { spec, problem, setting }: Runnable,
  options: ExecuteOptions,
  store: RunStore,
  known: Known,
  evaluator: Evaluator,
  signal: AbortSignal,
): Workshop {
  const { emit, maxThreads, now = Date.now } = options;
  const topRung = spec.training.rungs.length - 1;
  const heritage = spec.training.inheritance === true ? createHeritage(topRung) : NO_HERITAGE;
  const shared = { evaluator, limit: createLimiter(maxThreads), signal, now };
  const source = spec.training.teacher?.source;
  const trainings = createTrainings({
    ...shared,
    heritage,
    known: known.trainings,
    ...(source?.kind === 'model' ? { teacher: teacherTask(source.architecture, source.steps) } : {}),
    store: (training) => {
      store.addTraining(training);
      emit({ kind: 'trained', training });
    },
    onProgress: (architectureHash, rung, progress) =>
      emit({ kind: 'progress', architectureHash, rung, progress }),
  });
  const measurements = createMeasurements({
    ...shared,
    known: known.measurements,
    knownProfiles: known.profiles,
    store: (measurement) => {
      store.addMeasurement(measurement);
      emit({ kind: 'measured', measurement });
    },
    storeProfile: (profile) => store.addProfile(profile),
    expectedBits: ({ architecture, deployment }) => {
      const alone = { architecture, deployment: withoutDraft(deployment) };
      const { weightBytes } = problem.trainedCosts(alone);
      return weightBytes === undefined ? undefined : 8 * weightBytes;
    },
  });
  const pairs =
    spec.draft === undefined || evaluator.pair === undefined
      ? undefined
      : createPairs({
          ...shared,
          evaluator: { pair: (task, abort) => evaluator.pair!(task, abort) },
          spec: spec.draft,
          known: known.pairs,
          store: (pair) => {
            store.addPair(pair);
            emit({ kind: 'paired', pair });
          },
        });
  const pairing =
    setting === undefined
      ? undefined
      : createPairing({ trainings, setting, topRung, ...(pairs === undefined ? {} : { pairs }) });
  const redeploy = { rung: topRung, choices: storageChoices(spec.deployment) };
  const isRedeployed = spec.search.deploymentsPerArchitecture > 0 && evaluator.profile !== undefined;
  return {
    problem,
    heritage,
    trainings,
    measurements,
    ...(pairing === undefined ? {} : { pairing }),
    ...(spec.baseline === undefined ? {} : { baseline: spec.baseline }),
    ...(isRedeployed ? { redeploy } : {}),
  };
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
