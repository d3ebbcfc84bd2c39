// The one writer of the database. Each method is one immediate transaction that first makes sure that this
// process still holds the run, so that what is stored is whole and two processes never mix their rows.
import { randomBytes } from 'node:crypto';
import type Database from 'better-sqlite3';
import type { SurrogateReport } from '../../search/port.ts';
import { canonicalJson } from '../../space/candidate.ts';
import { openForWriting } from './database.ts';
import type {
  CandidateRecord,
  EvaluationRecord,
  FrontRecord,
  LossForecastRecord,
  MeasurementRecord,
  NewRun,
  PairRecord,
  ProfileRecord,
  RunEventKind,
  TrainingRecord,
} from './records.ts';
import { holdsLock, releaseLock, takeLock, touchLock } from './run-lock.ts';
import { guarded, StoreError } from './store-error.ts';
import { prepareWrites, type WriteStatements } from './writes.ts';

const HEARTBEAT_MS = 3000;

/** Writes the runs of one database file. Close it; closing gives back the lock. */
export class RunStore {
  readonly path: string;
  readonly #database: Database.Database;
  readonly #now: () => number;
  readonly #statements: WriteStatements;
  #held: { runId: string; token: string; timer: NodeJS.Timeout } | undefined;

  /** @throws {@link StoreError} */
  constructor(path: string, now: () => number = Date.now) {
    this.path = path;
    this.#now = now;
    this.#database = openForWriting(path);
    this.#statements = prepareWrites(this.#database);
  }

  /** Stores a new run and takes hold of it. Returns its id, which sorts by time of creation. */
  createRun(run: NewRun): string {
    const at = this.#now();
    const id = newRunId(at);
    const token = randomBytes(8).toString('hex');
    this.#write(() => {
      this.#statements.insertRun.run({
        id,
        name: run.name,
        at,
        specJson: run.specJson,
        specSha256: run.specSha256,
        corpusSha256: run.corpusSha256,
        objectivesJson: canonicalJson(run.objectives),
        versionsJson: canonicalJson(run.versions),
        specFolder: run.specFolder,
      });
      takeLock(this.#database, id, token, at);
      this.#insertEvent(id, 'started', undefined);
    });
    this.#startHeartbeat(id, token);
    return id;
  }

  /** Takes hold of a run to continue it; `detail` says what is other than at its start. @throws {@link StoreError} `in-use` while another process works on it. */
  holdRun(runId: string, detail?: object): void {
    const token = randomBytes(8).toString('hex');
    this.#write(() => {
      takeLock(this.#database, runId, token, this.#now());
      this.#insertEvent(runId, 'resumed', detail);
    });
    this.#startHeartbeat(runId, token);
  }

  /** Stores an event of the held run; its state is its last event. */
  addEvent(kind: RunEventKind, detail?: object): void {
    this.#writeHeld((runId) => this.#insertEvent(runId, kind, detail));
  }

  /** Stores a training attempt. What rests on it follows: should we die in between, a replay makes up for it. */
  addTraining(training: TrainingRecord): void {
    this.#writeHeld((runId) => {
      this.#statements.insertTraining.run({
        runId,
        ...training,
        reason: training.reason ?? null,
        loss: training.loss ?? null,
        steps: training.steps ?? null,
        tokens: training.tokens ?? null,
        trainSeconds: training.trainSeconds ?? null,
        compileSeconds: training.compileSeconds ?? null,
        checkpoint: training.checkpoint ?? null,
        donorHash: training.donorHash ?? null,
        inheritedLoss: training.inheritedLoss ?? null,
        at: this.#now(),
      });
    });
  }

  /** Stores an attempt to measure a deployment. */
  addMeasurement(measurement: MeasurementRecord): void {
    const { layerBits, disturbance, ...fields } = measurement;
    this.#writeHeld((runId) => {
      this.#statements.insertMeasurement.run({
        runId,
        ...fields,
        reason: fields.reason ?? null,
        loss: fields.loss ?? null,
        encodedBits: fields.encodedBits ?? null,
        expectedBits: fields.expectedBits ?? null,
        layerBitsJson: layerBits === undefined ? null : canonicalJson(layerBits),
        disturbanceJson: disturbance === undefined ? null : canonicalJson(disturbance),
        at: this.#now(),
      });
    });
  }

  /** Stores an attempt to find out what would disturb an architecture. */
  addProfile({ table, ...profile }: ProfileRecord): void {
    this.#writeHeld((runId) => {
      this.#statements.insertProfile.run({
        runId,
        ...profile,
        reason: profile.reason ?? null,
        tableJson: table === undefined ? null : canonicalJson(table),
        at: this.#now(),
      });
    });
  }

  /** Stores an attempt to measure how a target and a draft get on. */
  addPair({ draft, lengths, ...pair }: PairRecord): void {
    this.#writeHeld((runId) => {
      this.#statements.insertPair.run({
        runId,
        ...pair,
        reason: pair.reason ?? null,
        draftJson: canonicalJson(draft),
        acceptance: pair.acceptance ?? null,
        standardError: pair.standardError ?? null,
        lengthsJson: lengths === undefined ? null : canonicalJson(lengths),
        at: this.#now(),
      });
    });
  }

  /**
   * Stores the end of an evaluation with its candidate. One that is there already (a replay) must agree; it
   * returns false then.
   * @throws {@link StoreError} `mismatch` when the stored run holds another candidate or result under that number.
   */
  addEvaluation(candidate: CandidateRecord, evaluation: EvaluationRecord): boolean {
    return this.#writeHeld((runId) => {
      this.#insertCandidate(runId, candidate);
      const stored = this.#statements.evaluationIdentity.get(runId, evaluation.number) as
        | { candidate: number; rung: number; state: string; violations: string }
        | undefined;
      const violations = canonicalJson(evaluation.violations);
      if (stored !== undefined) {
        const { number, rung, state } = evaluation;
        const isSame =
          stored.candidate === evaluation.candidate && stored.rung === rung && stored.state === state;
        if (!isSame || stored.violations !== violations) throw mismatch(runId, `evaluation ${number}`);
        return false;
      }
      this.#insertEvaluation(runId, evaluation, violations);
      return true;
    });
  }

  /** Stores the front of one generation. One that is there already must agree. @throws {@link StoreError} `mismatch` */
  addFront(front: FrontRecord): void {
    this.#writeHeld((runId) => {
      const { generation, nTold, rung, hypervolume } = front;
      const stored = this.#statements.frontIdentity.get(runId, generation) as
        | { nTold: number; rung: number; hypervolume: number }
        | undefined;
      if (stored !== undefined) {
        if (stored.nTold !== nTold || stored.rung !== rung || stored.hypervolume !== hypervolume) {
          throw mismatch(runId, `the front of generation ${generation}`);
        }
        return;
      }
      this.#statements.insertFront.run({ runId, generation, nTold, rung, hypervolume, at: this.#now() });
      for (const { candidate, evaluation } of front.members) {
        this.#statements.insertFrontMember.run(runId, generation, candidate, evaluation);
      }
    });
  }

  /** Stores how well the surrogate did at its fit `number`; one that is there already stays. */
  addSurrogateReport(number: number, report: SurrogateReport): void {
    this.#writeHeld((runId) => {
      this.#statements.insertSurrogateReport.run(runId, number, canonicalJson(report));
    });
  }

  /** Stores what was foretold of an evaluation; one that is there already stays. */
  addLossForecast(forecast: LossForecastRecord): void {
    this.#writeHeld((runId) => {
      this.#statements.insertLossForecast.run({ runId, ...forecast });
    });
  }

  /** Gives back the held run. */
  release(): void {
    if (this.#held === undefined) return;
    const { runId, token, timer } = this.#held;
    clearInterval(timer);
    this.#held = undefined;
    this.#write(() => releaseLock(this.#database, runId, token));
  }

  /** Gives back the held run and closes the file. */
  close(): void {
    try {
      this.release();
    } finally {
      this.#database.close();
    }
  }

  #insertCandidate(runId: string, candidate: CandidateRecord): void {
    const stored = this.#statements.candidateKey.get(runId, candidate.number) as string | undefined;
    if (stored !== undefined) {
      if (stored !== candidate.key) throw mismatch(runId, `candidate ${candidate.number}`);
      return;
    }
    this.#statements.insertCandidate.run({
      runId,
      number: candidate.number,
      key: candidate.key,
      architectureHash: candidate.architectureHash,
      architectureJson: canonicalJson(candidate.architecture),
      deploymentJson: canonicalJson(candidate.deployment),
      origin: candidate.origin,
      parentsJson: canonicalJson(candidate.parents),
      deployedCostsJson: canonicalJson(candidate.deployedCosts),
      trainedCostsJson: canonicalJson(candidate.trainedCosts),
    });
  }

  #insertEvaluation(runId: string, evaluation: EvaluationRecord, violations: string): void {
    this.#statements.insertEvaluation.run({
      runId,
      number: evaluation.number,
      candidate: evaluation.candidate,
      rung: evaluation.rung,
      state: evaluation.state,
      reason: evaluation.reason ?? null,
      architectureHash: evaluation.architectureHash,
      attempt: evaluation.attempt ?? null,
      deploymentHash: evaluation.deploymentHash ?? null,
      measurement: evaluation.measurement ?? null,
      speculationJson: evaluation.speculation === undefined ? null : canonicalJson(evaluation.speculation),
      violations,
      feasible: evaluation.state === 'ok' && evaluation.violations.every((v) => v === 0) ? 1 : 0,
      at: this.#now(),
    });
    for (const [metric, value] of Object.entries(evaluation.values)) {
      if (!Number.isFinite(value))
        throw new RangeError(`${metric} of evaluation ${evaluation.number} is ${value}`);
      this.#statements.insertObjectiveValue.run(runId, evaluation.number, metric, value);
    }
  }

  #insertEvent(runId: string, kind: RunEventKind, detail: object | undefined): void {
    const detailJson = detail === undefined ? null : canonicalJson(detail);
    this.#statements.insertEvent.run({ runId, at: this.#now(), kind, detailJson });
  }

  #startHeartbeat(runId: string, token: string): void {
    const timer = setInterval(() => {
      // A heartbeat that fails is no reason to stop: the next write tells, and explains.
      try {
        touchLock(this.#database, runId, token, this.#now());
      } catch {}
    }, HEARTBEAT_MS);
    timer.unref();
    this.#held = { runId, token, timer };
  }

  #writeHeld<T>(work: (runId: string) => T): T {
    const held = this.#held;
    if (held === undefined) throw new Error('no run is held by this store');
    return this.#write(() => {
      if (!holdsLock(this.#database, held.runId, held.token)) {
        throw new StoreError('lock-lost', `run ${held.runId} was taken over by another process`);
      }
      return work(held.runId);
    });
  }

  #write<T>(work: () => T): T {
    return guarded(this.path, () => this.#database.transaction(work).immediate());
  }
}

function mismatch(runId: string, what: string): StoreError {
  return new StoreError(
    'mismatch',
    `${what} of run ${runId} is not what this version would have made; ` +
      'resume it with the version, corpus and settings that it was started with',
  );
}

/** `20250131-235959-k3f9`: the second of creation (UTC) and four random characters. */
function newRunId(at: number): string {
  const stamp = new Date(at).toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  const letters = 'abcdefghjkmnpqrstuvwxyz23456789';
  const tail = Array.from(randomBytes(4), (byte) => letters[byte % letters.length]).join('');
  return `${stamp}-${tail}`;
}
