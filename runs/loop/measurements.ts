// Measurements of a run: one per architecture, rung and deployment, and one noise table per architecture and rung.
// What is stored is not measured again; what is under way is shared; a failure is tried once more.
import type { MeasurementOutcome, ProfileOutcome } from '../../evaluators/outcome.ts';
import type { Evaluator, MeasurementTask, ProfileTask, TrainingTask } from '../../evaluators/port.ts';
import type { Architecture } from '../../space/architecture.ts';
import { type Candidate, hashOf } from '../../space/candidate.ts';
import { type Deployment, withoutDraft } from '../../space/deployment.ts';
import type { MeasurementRecord, ProfileRecord } from '../store/records.ts';
import { attemptUntilSettled, groupBy, Interrupted, type Settled, settlementOf } from './attempts.ts';
import type { Limiter } from './limiter.ts';
import { failureFields, failureOfError } from './outcome-record.ts';

export type SettledMeasurement = Settled<MeasurementRecord>;

/** The choices that a noise table covers. */
export type StorageChoices = ProfileTask['choices'];

export interface MeasurementsOptions {
  readonly evaluator: Evaluator;
  readonly limit: Limiter;
  readonly known: readonly MeasurementRecord[];
  readonly knownProfiles: readonly ProfileRecord[];
  readonly signal: AbortSignal;
  readonly now: () => number;
  readonly store: (measurement: MeasurementRecord) => void;
  readonly storeProfile: (profile: ProfileRecord) => void;
  /** Bits that the cost model expects of the trained model under the deployment, where it knows. */
  readonly expectedBits: (candidate: Candidate) => number | undefined;
}

/** Of architectures that were trained to the rung. All throw {@link Interrupted}, and what storing throws. */
export interface Measurements {
  measure(
    candidate: Candidate,
    rung: number,
    origin?: Pick<TrainingTask, 'donor'>,
  ): Promise<SettledMeasurement>;
  /** Only of evaluators that can. */
  profile(architecture: Architecture, rung: number, choices: StorageChoices): Promise<Settled<ProfileRecord>>;
}

/** Names what of a deployment decides weights and cache: the number of cards does not. */
export function storedHash({ layers, embedding, kvCacheFormat }: Deployment): string {
  return hashOf({ layers, embedding, kvCacheFormat });
}

/** What a worker needs to serve a candidate trained to a rung: cards and draft change nothing that the model computes. */
export function servingTask(
  { architecture, deployment }: Candidate,
  architectureHash: string,
  rung: number,
  origin: Pick<TrainingTask, 'donor'> = {},
): MeasurementTask {
  const served = { ...withoutDraft(deployment), nCards: 1 };
  return { architecture, architectureHash, rung, deployment: served, ...origin };
}

/** The measurements of one run. */
export function createMeasurements(options: MeasurementsOptions): Measurements {
  const { evaluator, limit, signal, now } = options;
  const measuring = new Map<string, Promise<SettledMeasurement>>();
  const profiling = new Map<string, Promise<Settled<ProfileRecord>>>();
  const earlier = groupBy(
    options.known,
    ({ architectureHash, rung, deploymentHash }) => `${architectureHash}/${rung}/${deploymentHash}`,
  );
  const earlierProfiles = groupBy(
    options.knownProfiles,
    ({ architectureHash, rung }) => `${architectureHash}/${rung}`,
  );
  /** Runs one attempt where there is room; returns its outcome and what it took. */
  const timed = <T>(work: () => Promise<T>) =>
    limit(async () => {
      if (signal.aborted) throw new Interrupted('stopped before measuring');
      const startedAt = now();
      const outcome = await work().catch(failureOfError);
      return { outcome, wallSeconds: (now() - startedAt) / 1000 };
    }, 'short');

  const measureOnce = async (
    candidate: Candidate,
    rung: number,
    name: string,
    origin: Pick<TrainingTask, 'donor'>,
  ) => {
    const { architecture, deployment } = candidate;
    const attempts = earlier.get(name) ?? [];
    const task = { architecture, architectureHash: hashOf(architecture), rung, deployment, ...origin };
    const key = { architectureHash: task.architectureHash, rung, deploymentHash: storedHash(deployment) };
    const attemptOnce = async (attempt: number): Promise<MeasurementRecord> => {
      const { outcome, wallSeconds } = await timed(() => evaluator.measure(task, signal));
      return { ...key, attempt, wallSeconds, ...fieldsOf(outcome, options.expectedBits(candidate)) };
    };
    return settlementOf(attempts) ?? attemptUntilSettled(attempts, attemptOnce, options.store);
  };

  const profileOnce = async (architecture: Architecture, rung: number, choices: StorageChoices) => {
    const architectureHash = hashOf(architecture);
    const attempts = earlierProfiles.get(`${architectureHash}/${rung}`) ?? [];
    const task = { architecture, architectureHash, rung, choices };
    const attemptOnce = async (attempt: number): Promise<ProfileRecord> => {
      const { outcome, wallSeconds } = await timed<ProfileOutcome>(() => evaluator.profile!(task, signal));
      const fields =
        outcome.kind === 'ok' ? ({ state: 'ok', table: outcome.table } as const) : failureFields(outcome);
      return { architectureHash, rung, attempt, wallSeconds, ...fields };
    };
    return settlementOf(attempts) ?? attemptUntilSettled(attempts, attemptOnce, options.storeProfile);
  };

  return {
    measure: (candidate, rung, origin = {}) => {
      const name = `${hashOf(candidate.architecture)}/${rung}/${storedHash(candidate.deployment)}`;
      return shared(measuring, name, () => measureOnce(candidate, rung, name, origin));
    },
    profile: (architecture, rung, choices) =>
      shared(profiling, `${hashOf(architecture)}/${rung}`, () => profileOnce(architecture, rung, choices)),
  };
}

function shared<T>(known: Map<string, Promise<T>>, name: string, start: () => Promise<T>): Promise<T> {
  let work = known.get(name);
  if (work === undefined) {
    work = start();
    known.set(name, work);
  }
  return work;
}

function fieldsOf(
  outcome: MeasurementOutcome,
  expectedBits: number | undefined,
): Omit<MeasurementRecord, 'architectureHash' | 'rung' | 'deploymentHash' | 'attempt' | 'wallSeconds'> {
  if (outcome.kind !== 'ok') return failureFields(outcome);
  const { bitsPerByte: loss, encodedBits, layerBits, disturbance } = outcome;
  if (!Number.isFinite(loss)) return { state: 'diverged', reason: 'the validation loss is not a number' };
  const fields = { state: 'ok', loss, encodedBits, layerBits, disturbance } as const;
  return expectedBits === undefined ? fields : { ...fields, expectedBits };
}
