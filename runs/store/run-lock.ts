// One process per run: a row with the holder's pid, host and heartbeat. A holder that died, or whose heartbeat
// stopped, is replaced; should it wake up again, its next write finds its token gone and stops.
import { hostname } from 'node:os';
import type Database from 'better-sqlite3';
import { StoreError } from './store-error.ts';

/** A holder on another host, or one that hangs, is given up after this long without a heartbeat. */
const STALE_AFTER_MS = 30_000;

interface LockRow {
  readonly token: string;
  readonly pid: number;
  readonly host: string;
  readonly heartbeat_at: number;
}

/** Whether the holder described by the row still works on its run. */
export function isLockAlive(lock: { pid: number; host: string; heartbeat_at: number }, now: number): boolean {
  if (now - lock.heartbeat_at > STALE_AFTER_MS) return false;
  return lock.host !== hostname() || isProcessAlive(lock.pid);
}

/** Takes the lock, inside the caller's transaction. @throws {@link StoreError} `in-use` */
export function takeLock(database: Database.Database, runId: string, token: string, now: number): void {
  const lock = database.prepare('SELECT * FROM run_locks WHERE run_id = ?').get(runId) as LockRow | undefined;
  if (lock !== undefined && isLockAlive(lock, now)) {
    throw new StoreError(
      'in-use',
      `run ${runId} is being worked on by process ${lock.pid} on ${lock.host}; wait for it or stop it`,
    );
  }
  database
    .prepare(
      'INSERT OR REPLACE INTO run_locks (run_id, token, pid, host, heartbeat_at) VALUES (?, ?, ?, ?, ?)',
    )
    .run(runId, token, process.pid, hostname(), now);
}

/** Whether `token` still holds the run. */
export function holdsLock(database: Database.Database, runId: string, token: string): boolean {
  return database.prepare('SELECT token FROM run_locks WHERE run_id = ?').pluck().get(runId) === token;
}

/** Shows that the holder lives. */
export function touchLock(database: Database.Database, runId: string, token: string, now: number): void {
  database
    .prepare('UPDATE run_locks SET heartbeat_at = ? WHERE run_id = ? AND token = ?')
    .run(now, runId, token);
}

/** Gives the lock back, if it is still held. */
export function releaseLock(database: Database.Database, runId: string, token: string): void {
  database.prepare('DELETE FROM run_locks WHERE run_id = ? AND token = ?').run(runId, token);
}

function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, but belongs to someone else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
