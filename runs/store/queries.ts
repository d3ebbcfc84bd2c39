// Reading a database: runs, candidates, evaluations, fronts. Never writes; a run may be going on meanwhile.
import type Database from 'better-sqlite3';
import type { SurrogateReport } from '../../search/port.ts';
import { didYouMean } from '../../space/did-you-mean.ts';
import {
  METRICS,
  type MetricName,
  type MetricTable,
  type MetricValues,
  metricTable,
} from '../../space/metrics.ts';
import type { RunSpec } from '../../space/spec.ts';
import { openForReading } from './database.ts';
import type {
  CandidateRecord,
  FrontRecord,
  LossForecastRecord,
  MeasurementRecord,
  PairRecord,
  ProfileRecord,
  RunEventKind,
  StoredObjective,
  TrainingRecord,
} from './records.ts';
import {
  candidateOf,
  type EvaluationOutline,
  type EvaluationResult,
  evaluationOf,
  frontFields,
  measurementOf,
  type OutlineRow,
  optional,
  outlineOf,
  pairOf,
  parse,
  profileOf,
  type Row,
  trainingOf,
} from './rows.ts';
import { isLockAlive } from './run-lock.ts';
import { guarded, StoreError, suggestion } from './store-error.ts';

export type { EvaluationOutline, EvaluationResult } from './rows.ts';

export type RunState = 'running' | 'interrupted' | 'finished' | 'failed';

/** A run at a glance. */
export interface RunSummary {
  readonly id: string;
  readonly name: string;
  readonly createdAt: number;
  readonly state: RunState;
  /** When the last event came. */
  readonly lastEventAt: number;
  readonly nCandidates: number;
  readonly nEvaluations: number;
  /** Seconds spent in trainings, all threads together. */
  readonly trainingSeconds: number;
  /** Members and hypervolume of the newest front; absent before the first generation. */
  readonly front?: { readonly generation: number; readonly nMembers: number; readonly hypervolume: number };
}

/** Everything about a run but its results. */
export interface RunDetails extends RunSummary {
  readonly spec: RunSpec;
  readonly specSha256: string;
  readonly corpusSha256: string;
  readonly objectives: readonly StoredObjective[];
  readonly versions: Readonly<Record<string, string>>;
  readonly specFolder: string;
  readonly events: readonly { readonly at: number; readonly kind: RunEventKind; readonly detail?: unknown }[];
}

export interface FrontMember {
  readonly candidate: CandidateRecord;
  readonly evaluation: EvaluationResult;
}

export interface StoredFront extends Omit<FrontRecord, 'members'> {
  readonly members: readonly FrontMember[];
}

/** Reads one database file. Close it. */
export class RunReader {
  readonly path: string;
  readonly #database: Database.Database;
  readonly #now: () => number;

  /** @throws {@link StoreError} */
  constructor(path: string, now: () => number = Date.now) {
    this.path = path;
    this.#now = now;
    this.#database = openForReading(path);
  }

  close(): void {
    this.#database.close();
  }

  /** All runs, oldest first. */
  runs(): RunSummary[] {
    return this.#all(`${SUMMARY} ORDER BY runs.sequence`).map((row) => this.#summaryOf(row));
  }

  /**
   * The id that `name` stands for: `latest`, a whole id, what only one id begins or ends with, or the name of one run.
   * @throws {@link StoreError} when there is none, or more than one.
   */
  resolve(name: string): string {
    const runs = this.#all('SELECT id, name FROM runs ORDER BY sequence') as { id: string; name: string }[];
    const ids = runs.map(({ id }) => id);
    if (ids.length === 0) {
      throw new StoreError(
        'missing',
        `${this.path} holds no runs yet; start one with 'paretoformer run FILE'`,
      );
    }
    if (name === 'latest') return ids.at(-1)!;
    if (ids.includes(name)) return name;
    const byId = ids.filter((id) => id.startsWith(name) || id.endsWith(`-${name}`));
    const matches = byId.length > 0 ? byId : runs.filter((run) => run.name === name).map(({ id }) => id);
    if (matches.length === 1) return matches[0]!;
    if (matches.length > 1) {
      const newest = matches.toReversed().slice(0, 5).join(', ');
      throw new StoreError('ambiguous', `"${name}" fits ${matches.length} runs, newest first: ${newest}`);
    }
    throw this.#noRun(name, ['latest', ...ids, ...runs.map((run) => run.name)]);
  }

  /** @throws {@link StoreError} `missing` */
  run(runId: string): RunDetails {
    const row = this.#all(`${SUMMARY} WHERE runs.id = ?`, runId)[0];
    if (row === undefined) throw this.#noRun(runId);
    const events = this.#all('SELECT * FROM run_events WHERE run_id = ? ORDER BY sequence', runId);
    return {
      ...this.#summaryOf(row),
      spec: parse(row.spec_json) as RunSpec,
      specSha256: row.spec_sha256 as string,
      corpusSha256: row.corpus_sha256 as string,
      objectives: parse(row.objectives_json) as StoredObjective[],
      versions: parse(row.versions_json) as Record<string, string>,
      specFolder: row.spec_folder as string,
      events: events.map(({ at, kind, detail_json }) => ({
        at: at as number,
        kind: kind as RunEventKind,
        ...optional('detail', detail_json === null ? null : parse(detail_json)),
      })),
    };
  }

  /** Every metric of a run: the built-in ones and those that it brought along. @throws {@link StoreError} `missing` */
  metrics(runId: string): MetricTable {
    const row = this.#all("SELECT spec_json -> '$.metrics' AS metrics FROM runs WHERE id = ?", runId)[0];
    if (row === undefined) throw this.#noRun(runId);
    return row.metrics === null ? METRICS : metricTable({ metrics: parse(row.metrics) as MetricTable });
  }

  /** Every attempt to train, in the order of architecture, rung and attempt. */
  trainings(runId: string): TrainingRecord[] {
    return this.#all('SELECT * FROM trainings WHERE run_id = ?', runId).map(trainingOf);
  }

  /** Every attempt to measure a deployment. */
  measurements(runId: string): MeasurementRecord[] {
    return this.#all('SELECT * FROM measurements WHERE run_id = ?', runId).map(measurementOf);
  }

  /** Every attempt to find out what would disturb an architecture. */
  profiles(runId: string): ProfileRecord[] {
    return this.#all('SELECT * FROM noise_profiles WHERE run_id = ?', runId).map(profileOf);
  }

  /** Every attempt to measure a pair of target and draft. */
  pairs(runId: string): PairRecord[] {
    return this.#all('SELECT * FROM pairs WHERE run_id = ?', runId).map(pairOf);
  }

  /** All candidates, by number. */
  candidates(runId: string): CandidateRecord[] {
    return this.#all('SELECT * FROM candidates WHERE run_id = ? ORDER BY number', runId).map(candidateOf);
  }

  /** One candidate, or `undefined`. */
  candidate(runId: string, number: number): CandidateRecord | undefined {
    return this.#all('SELECT * FROM candidates WHERE run_id = ? AND number = ?', runId, number).map(
      candidateOf,
    )[0];
  }

  /** The number of the first candidate with an architecture. */
  firstOf(runId: string, architectureHash: string): number | undefined {
    const sql = 'SELECT min(number) AS number FROM candidates WHERE run_id = ? AND architecture_hash = ?';
    return (this.#all(sql, runId, architectureHash)[0]!.number as number | null) ?? undefined;
  }

  /**
   * The candidate that `name` stands for: its number, or what only its key begins with.
   * @throws {@link StoreError} when there is none, or more than one.
   */
  resolveCandidate(runId: string, name: string): CandidateRecord {
    if (/^\d{1,9}$/.test(name)) {
      const candidate = this.candidate(runId, Number(name));
      if (candidate !== undefined) return candidate;
    }
    const sql = "SELECT * FROM candidates WHERE run_id = ? AND key LIKE ? || '%' ORDER BY number";
    const matches = /^[0-9a-f]{3,}$/.test(name) ? this.#all(sql, runId, name) : [];
    if (matches.length === 1) return candidateOf(matches[0]!);
    if (matches.length > 1)
      throw new StoreError('ambiguous', `"${name}" fits ${matches.length} candidates of run ${runId}`);
    const count = Number(this.#all('SELECT count(*) AS n FROM candidates WHERE run_id = ?', runId)[0]!.n);
    const range = count === 0 ? 'none has been evaluated yet' : `they are numbered 0 to ${count - 1}`;
    throw new StoreError(
      'missing',
      `run ${runId} has no candidate "${name}": ${range}; '${suggestion(`front ${runId}`, this.path)}' shows the best`,
    );
  }

  /** Evaluations of one candidate, or of all, by number. */
  evaluations(runId: string, candidate?: number): EvaluationResult[] {
    // A candidate climbs from rung to rung; in that order its few rows are found by their index, not by a scan.
    const where = candidate === undefined ? 'ORDER BY number' : 'AND candidate = @candidate ORDER BY rung';
    const rows = this.#all(`SELECT * FROM evaluation_results WHERE run_id = @runId ${where}`, {
      runId,
      candidate,
    });
    const values = this.#valuesOf(
      `SELECT evaluation, metric, value FROM objective_values WHERE run_id = @runId ${
        candidate === undefined
          ? ''
          : 'AND evaluation IN (SELECT number FROM evaluations WHERE run_id = @runId AND candidate = @candidate)'
      }`,
      { runId, candidate },
    );
    return rows.map((row) => evaluationOf(row, values.get(row.number as number) ?? {}));
  }

  /** Every evaluation by number, in outline. */
  evaluationOutlines(runId: string): EvaluationOutline[] {
    return guarded(this.path, () => {
      const rows = this.#database.prepare(OUTLINES).raw().iterate(runId);
      return Array.from(rows as Iterable<OutlineRow>, outlineOf);
    });
  }

  /**
   * The values that the feasible evaluations of a rung have in some metrics, in their order, by number; those without
   * one of them are left out. Only evaluations with a number below `nTold` count.
   */
  valuesAtRung(
    runId: string,
    { rung, nTold }: Pick<FrontRecord, 'rung' | 'nTold'>,
    metrics: readonly MetricName[],
  ): { readonly number: number; readonly candidate: number; readonly values: readonly number[] }[] {
    const columns = metrics.map((_, k) => `v${k}.value`).join(', ');
    const joins = metrics.map(
      (_, k) => `JOIN objective_values AS v${k}
        ON v${k}.run_id = e.run_id AND v${k}.evaluation = e.number AND v${k}.metric = ?`,
    );
    const sql = `SELECT e.number, e.candidate, ${columns} FROM evaluations AS e ${joins.join(' ')}
      WHERE e.run_id = ? AND e.rung = ? AND e.number < ? AND e.feasible ORDER BY e.number`;
    return guarded(this.path, () => {
      const rows = this.#database
        .prepare(sql)
        .raw()
        .all(...metrics, runId, rung, nTold) as number[][];
      return rows.map(([number, candidate, ...values]) => ({
        number: number!,
        candidate: candidate!,
        values,
      }));
    });
  }

  /** These evaluations in full, with their candidates, in the order given. */
  membersOf(runId: string, evaluations: readonly number[]): FrontMember[] {
    const wanted = 'SELECT value FROM json_each(@numbers)';
    const key = { runId, numbers: JSON.stringify(evaluations) };
    const results = this.#all(
      `SELECT * FROM evaluation_results WHERE run_id = @runId AND number IN (${wanted})`,
      key,
    );
    const candidates = this.#all(
      `SELECT * FROM candidates WHERE run_id = @runId AND number IN
        (SELECT candidate FROM evaluations WHERE run_id = @runId AND number IN (${wanted}))`,
      key,
    );
    const values = this.#valuesOf(
      `SELECT evaluation, metric, value FROM objective_values WHERE run_id = @runId AND evaluation IN (${wanted})`,
      key,
    );
    const byNumber = new Map(results.map((row) => [row.number, row]));
    const candidatesByNumber = new Map(candidates.map((row) => [row.number, row]));
    return evaluations.map((number) => {
      const row = byNumber.get(number)!;
      return {
        candidate: candidateOf(candidatesByNumber.get(row.candidate)!),
        evaluation: evaluationOf(row, values.get(number) ?? {}),
      };
    });
  }

  /** How well the model of the loss did, fit by fit; empty for algorithms without one. */
  surrogateReports(runId: string): SurrogateReport[] {
    const sql = 'SELECT report_json FROM surrogate_reports WHERE run_id = ? ORDER BY number';
    return this.#all(sql, runId).map((row) => parse(row.report_json) as SurrogateReport);
  }

  /** How well the loss of deployments was foretold, in the order of the evaluations. */
  lossForecasts(runId: string): LossForecastRecord[] {
    const sql = 'SELECT * FROM loss_forecasts WHERE run_id = ? ORDER BY evaluation';
    return this.#all(sql, runId).map((row) => ({
      evaluation: row.evaluation as number,
      nObservations: row.n_observations as number,
      foretoldChange: row.foretold_change as number,
      measuredChange: row.measured_change as number,
    }));
  }

  /** The fronts of all generations, first to last, without their members. */
  generations(runId: string): Omit<FrontRecord, 'members'>[] {
    return this.#all('SELECT * FROM fronts WHERE run_id = ? ORDER BY generation', runId).map(frontFields);
  }

  /**
   * The front of a generation, of the newest one unless named; `undefined` before the first.
   * @throws {@link StoreError} `missing` for a generation that the run has not.
   */
  front(runId: string, generation?: number): StoredFront | undefined {
    const newest = this.#all(
      'SELECT * FROM fronts WHERE run_id = ? ORDER BY generation DESC LIMIT 1',
      runId,
    )[0];
    if (newest === undefined) return undefined;
    const row =
      generation === undefined
        ? newest
        : this.#all('SELECT * FROM fronts WHERE run_id = ? AND generation = ?', runId, generation)[0];
    if (row === undefined) {
      throw new StoreError(
        'missing',
        `run ${runId} has the generations 1 to ${Number(newest.generation)}, not ${generation}`,
      );
    }
    const members = this.#all(
      'SELECT evaluation FROM front_members WHERE run_id = ? AND generation = ? ORDER BY candidate',
      runId,
      row.generation,
    );
    return {
      ...frontFields(row),
      members: this.membersOf(
        runId,
        members.map(({ evaluation }) => evaluation as number),
      ),
    };
  }

  #noRun(name: string, known: readonly string[] = []): StoreError {
    const hint = didYouMean(name, known);
    return new StoreError(
      'missing',
      `no run "${name}" in ${this.path}${hint}; '${suggestion('list', this.path)}' shows those there are`,
    );
  }

  #valuesOf(sql: string, ...parameters: unknown[]): Map<number, MetricValues> {
    return guarded(this.path, () => {
      const values = new Map<number, Partial<Record<MetricName, number>>>();
      // Row by row: a large run has millions of them, and as objects all at once they would not fit.
      const rows = this.#database
        .prepare(sql)
        .raw()
        .iterate(...parameters);
      for (const [evaluation, metric, value] of rows as Iterable<[number, MetricName, number]>) {
        const known = values.get(evaluation);
        if (known === undefined) values.set(evaluation, { [metric]: value });
        else known[metric] = value;
      }
      return values;
    });
  }

  #summaryOf(row: Row): RunSummary {
    const summary = {
      id: row.id as string,
      name: row.name as string,
      createdAt: row.created_at as number,
      state: this.#stateOf(row),
      lastEventAt: row.last_event_at as number,
      nCandidates: row.n_candidates as number,
      nEvaluations: row.n_evaluations as number,
      trainingSeconds: row.training_seconds as number,
    };
    if (row.generation === null) return summary;
    const front = {
      generation: row.generation as number,
      nMembers: row.n_members as number,
      hypervolume: row.hypervolume as number,
    };
    return { ...summary, front };
  }

  #stateOf(row: Row): RunState {
    const last = row.last_event as RunEventKind;
    if (last !== 'started' && last !== 'resumed') return last;
    if (row.pid === null) return 'interrupted';
    const lock = {
      pid: row.pid as number,
      host: row.host as string,
      heartbeat_at: row.heartbeat_at as number,
    };
    return isLockAlive(lock, this.#now()) ? 'running' : 'interrupted';
  }

  #all(sql: string, ...parameters: unknown[]): Row[] {
    return guarded(this.path, () => this.#database.prepare(sql).all(...parameters) as Row[]);
  }
}

/** Not joined with measurements, and what only broken constraints need only where there are some. */
const OUTLINES = `
  SELECT e.number, e.candidate, e.rung, e.state, e.reason, e.architecture_hash, e.feasible,
    CASE WHEN e.feasible THEN NULL ELSE e.violations_json END, t.tokens
  FROM evaluations AS e
  LEFT JOIN trainings AS t USING (run_id, architecture_hash, rung, attempt)
  WHERE e.run_id = ? ORDER BY e.number`;

const SUMMARY = `
  SELECT runs.*, run_states.last_event, run_states.last_event_at,
    run_locks.pid, run_locks.host, run_locks.heartbeat_at,
    (SELECT count(*) FROM candidates WHERE run_id = runs.id) AS n_candidates,
    (SELECT count(*) FROM evaluations WHERE run_id = runs.id) AS n_evaluations,
    (SELECT coalesce(sum(wall_seconds), 0) FROM trainings WHERE run_id = runs.id) AS training_seconds,
    newest.generation, newest.hypervolume,
    (SELECT count(*) FROM front_members AS m
      WHERE m.run_id = runs.id AND m.generation = newest.generation) AS n_members
  FROM runs
  JOIN run_states ON run_states.run_id = runs.id
  LEFT JOIN run_locks ON run_locks.run_id = runs.id
  LEFT JOIN fronts AS newest ON newest.run_id = runs.id
    AND newest.generation = (SELECT max(generation) FROM fronts WHERE run_id = runs.id)`;
