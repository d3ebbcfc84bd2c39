// The database as the live pages see it: read-only, and read again only after another process has written.
import type Database from 'better-sqlite3';
import { Piscina } from 'piscina';
import type { MemberView } from '../report/members.ts';
import { buildMember } from '../report/report-data.ts';
import { openForReading } from '../store/database.ts';
import { RunReader, type RunSummary } from '../store/queries.ts';
import type { Prepared, ReportTask } from './report-worker.ts';

/** A big run is prepared anew at most every so many times as long as preparing it takes. */
const REST = 4;
/** A run that is said to be running is looked at again after so long. */
const DOUBT_MS = 10_000;
/** Seconds that a report of a run that has ended may spend on counting what its search turned down. */
const REPLAY_SECONDS = 2;
/** How often the database is asked whether it has changed. */
const POLL_MS = 1000;
/** The thread that makes reports ends after so long without one. */
const IDLE_MS = 60_000;

interface Known {
  readonly made: Prepared;
  /** `data_version` and summary of the run that it was made from. */
  readonly state: number;
  readonly run: string;
  readonly at: number;
  readonly tookMs: number;
  readonly isRunning: boolean;
  readonly checkedAt: number;
  /** Somebody was sent this although the database had moved on. */
  readonly isServedStale: boolean;
}

const isSource = import.meta.url.endsWith('.ts');

function createThread(): Piscina<ReportTask, Prepared> {
  return new Piscina({
    filename: new URL(`./report-worker.${isSource ? 'ts' : 'js'}`, import.meta.url).href,
    ...(isSource ? { execArgv: ['--import', import.meta.resolve('tsx')] } : {}),
    minThreads: 0,
    maxThreads: 1,
    idleTimeout: IDLE_MS,
  });
}

/** Watches one database file. Close it. */
export class LiveDatabase {
  readonly #path: string;
  readonly #reader: RunReader;
  readonly #connection: Database.Database;
  readonly #now: () => number;
  readonly #thread = createThread();
  readonly #reports = new Map<string, Known>();
  readonly #underWay = new Map<string, Promise<Prepared>>();
  readonly #listeners = new Set<() => void>();
  readonly #timer: NodeJS.Timeout;
  #seen: number;

  /** @throws StoreError */
  constructor(path: string, now: () => number, pollMs = POLL_MS) {
    this.#path = path;
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

  /**
   * The report of a run: from memory while nothing has changed, and while a newer one is made. Listeners are told when
   * that is there. @throws StoreError where there is no such run
   */
  async report(runId: string): Promise<Prepared> {
    const known = this.#reports.get(runId);
    if (known === undefined) return this.#prepare(runId);
    const state = this.#state();
    if (known.state === state) return known.made;
    const now = this.#now();
    const details = this.#reader.run(runId);
    // A run that goes on is not made anew at every result, its end is.
    const mustRest = details.state === 'running' && now < restedAt(known);
    if (known.run === JSON.stringify(details)) {
      // Another run has changed, not this one.
      this.#reports.set(runId, { ...known, state, checkedAt: now });
    } else if (mustRest || this.#underWay.has(runId)) {
      this.#reports.set(runId, { ...known, isServedStale: true });
    } else {
      void this.#prepare(runId).then(
        () => this.#tell(),
        () => {},
      );
    }
    return known.made;
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#listeners.clear();
    await this.#thread.destroy();
    this.#connection.close();
    this.#reader.close();
  }

  #prepare(runId: string): Promise<Prepared> {
    const underWay = this.#underWay.get(runId);
    if (underWay !== undefined) return underWay;
    const state = this.#state();
    const details = this.#reader.run(runId);
    const isRunning = details.state === 'running';
    const startedAt = this.#now();
    const replaySeconds = isRunning ? 0 : REPLAY_SECONDS;
    const work = this.#thread
      .run({ databasePath: this.#path, runId, replaySeconds })
      .then((made) => {
        const at = this.#now();
        const fields = { made, state, run: JSON.stringify(details), isRunning, checkedAt: at };
        this.#reports.set(runId, { ...fields, at, tookMs: at - startedAt, isServedStale: false });
        return made;
      })
      .finally(() => this.#underWay.delete(runId));
    this.#underWay.set(runId, work);
    return work;
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
    if (hasChanged) this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

function restedAt({ at, tookMs }: Known): number {
  return at + REST * tookMs;
}
