// Opens what carries the evaluations of a run out, with what was done before.
import { teacherTask } from '../../evaluators/distillation/teacher.ts';
import type { Evaluator } from '../../evaluators/port.ts';
import { withoutDraft } from '../../space/deployment.ts';
import { storageChoices } from '../../space/storage-genes.ts';
import { RunReader } from '../store/queries.ts';
import type { MeasurementRecord, PairRecord, ProfileRecord, TrainingRecord } from '../store/records.ts';
import type { RunStore } from '../store/run-store.ts';
import type { Workshop } from './evaluate.ts';
import { createHeritage, NO_HERITAGE } from './heritage.ts';
import { createLimiter } from './limiter.ts';
import { createMeasurements } from './measurements.ts';
import { createPairing } from './pairing.ts';
import { createPairs } from './pairs.ts';
import type { ExecuteOptions, Runnable } from './runnable.ts';
import { createTrainings } from './trainings.ts';

/** What was done before, and need not be done again. */
export interface Known {
  readonly trainings: readonly TrainingRecord[];
  readonly measurements: readonly MeasurementRecord[];
  readonly profiles: readonly ProfileRecord[];
  readonly pairs: readonly PairRecord[];
}

export const NOTHING: Known = { trainings: [], measurements: [], profiles: [], pairs: [] };

export function readKnown(
  { databasePath, now }: Pick<ExecuteOptions, 'databasePath' | 'now'>,
  runId: string,
): Known {
  const reader = new RunReader(databasePath, now);
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

/** The trainings and measurements of a run, one limit on threads for both. */
export function openWorkshop(
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
