// The database as the live pages see it: read-only, and read again only after another process has written.
import { createHash } from 'node:crypto';
import type Database from 'better-sqlite3';
import type { MemberView } from '../report/members.ts';
import { buildMember, buildReport } from '../report/report-data.ts';
import { openForReading } from '../store/database.ts';
import { RunReader, type RunSummary } from '../store/queries.ts';

/** A document that is ready to be sent, with a name that changes whenever it does. */
export interface Prepared {
  readonly json: string;
  readonly version: string;
}

/** A big run is prepared anew at most every so many times as long as preparing it takes. */
const REST = 8;
/** A run that is said to be running is looked at again after so long. */
const DOUBT_MS = 10_000;
/** Others wait while a report is made. */
const REPLAY_SECONDS = 0.5;
/** How often the database is asked whether it has changed. */
const POLL_MS = 1000;

interface Known {
  readonly made: Prepared;
  /** `data_version` and summary of the run that it was made from. */
  readonly state: number;
  readonly run: string;
  readonly at: number;
  readonly isRunning: boolean;
  readonly checkedAt: number;
  readonly tookMs: number;
  /** Somebody was sent this although the database had moved on. */
  readonly isServedStale: boolean;
}

/** Watches one database file. Close it. */
export class LiveDatabase {
  readonly #reader: RunReader;
  readonly #connection: Database.Database;
  readonly #now: () => number;
  readonly #reports = new Map<string, Known>();
  readonly #listeners = new Set<() => void>();
  readonly #timer: NodeJS.Timeout;
  #seen: number;

  /** @throws StoreError */
  constructor(path: string, now: () => number, pollMs = POLL_MS) {
    this.#now = now;
    this.#reader = new RunReader(path, now);
    this.#connection = openForReading(path);
    this.#seen = this.#state();
    this.#timer = setInterval(() => this.#look(), pollMs);
  }

  /** Calls `listener` after every change, until the returned function is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  runs(): readonly RunSummary[] {
    return this.#reader.runs();
  }

  /** The id that a name stands for. @throws StoreError */
  resolve(name: string): string {
    return this.#reader.resolve(name);
  }

  /** @throws StoreError where there is no such candidate */
  member(runId: string, candidate: number): MemberView {
    return buildMember(this.#reader, runId, candidate);
  }

  /** The report of a run, from memory while nothing has changed. @throws StoreError where there is no such run */
  report(runId: string): Prepared {
    const known = this.#reports.get(runId);
    const state = this.#state();
    const startedAt = this.#now();
    if (known?.state === state) return known.made;
    if (known !== undefined && startedAt < restedAt(known)) {
      this.#reports.set(runId, { ...known, isServedStale: true });
      return known.made;
    }
    const summary = this.#reader.runs().find(({ id }) => id === runId);
    const run = JSON.stringify(summary);
    // Another run has changed, not this one.
    if (known?.run === run) {
      this.#reports.set(runId, { ...known, state, checkedAt: startedAt });
      return known.made;
    }
    const isRunning = summary?.state === 'running';
    const replaySeconds = isRunning ? 0 : REPLAY_SECONDS;
    const json = JSON.stringify(buildReport(this.#reader, runId, { now: this.#now, replaySeconds }));
    const version = `"${createHash('sha256').update(json).digest('hex').slice(0, 16)}"`;
    const at = this.#now();
    const made = { json, version };
    const tookMs = at - startedAt;
    this.#reports.set(runId, {
      made,
      state,
      run,
      at,
      tookMs,
      isRunning,
      checkedAt: at,
      isServedStale: false,
    });
    return made;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#listeners.clear();
    this.#connection.close();
    this.#reader.close();
  }

  /** Another number after every change that another process has committed. */
  #state(): number {
    return this.#connection.pragma('data_version', { simple: true }) as number;
  }

  #look(): void {
    const state = this.#state();
    const now = this.#now();
    let hasChanged = state !== this.#seen;
    this.#seen = state;
    for (const [id, known] of this.#reports) {
      // A run whose process was killed writes nothing that would tell.
      const isDoubtful = known.isRunning && now >= known.checkedAt + DOUBT_MS;
      const isDue = known.isServedStale && now >= restedAt(known);
      if (!isDoubtful && !isDue) continue;
      this.#reports.set(id, { ...known, state: Number.NaN, checkedAt: now, isServedStale: false });
      hasChanged = true;
    }
    if (hasChanged) for (const listener of this.#listeners) listener();
  }
}

function restedAt({ at, tookMs }: Known): number {
  return at + REST * tookMs;
}
