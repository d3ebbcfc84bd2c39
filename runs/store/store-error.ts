// Every way in which the database file can let us down, as one line with what to do about it.

/** The database of runs, where none is named. */
export const DEFAULT_DATABASE = 'paretoformer.db';

/** A command line to suggest, with `--db` where it is needed. */
export function suggestion(command: string, path: string): string {
  if (path === DEFAULT_DATABASE) return `paretoformer ${command}`;
  const quoted = /^[\w./~-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
  return `paretoformer ${command} --db ${quoted}`;
}

export type StoreErrorCode =
  | 'missing'
  | 'ambiguous'
  | 'not-a-database'
  | 'foreign'
  | 'newer'
  | 'read-only'
  | 'cannot-open'
  | 'busy'
  | 'full'
  | 'corrupt'
  | 'lock-lost'
  | 'in-use'
  | 'mismatch'
  | 'other';

/** A problem with the store that its user can understand and act on. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

const EXPLANATIONS: readonly (readonly [prefix: string, code: StoreErrorCode, text: string])[] = [
  ['SQLITE_NOTADB', 'not-a-database', 'is not an SQLite database; name another file with --db'],
  ['SQLITE_READONLY', 'read-only', 'cannot be written; check its permissions or name another file with --db'],
  ['SQLITE_PERM', 'read-only', 'cannot be accessed; check its permissions or name another file with --db'],
  ['SQLITE_CANTOPEN', 'cannot-open', 'cannot be opened; check the path and its permissions'],
  ['SQLITE_BUSY', 'busy', 'is locked by another program; try again when that one is done'],
  ['SQLITE_LOCKED', 'busy', 'is locked by another program; try again when that one is done'],
  ['SQLITE_FULL', 'full', 'cannot grow because the disk is full; free some space and resume the run'],
  ['SQLITE_CORRUPT', 'corrupt', 'is damaged; restore it from a copy or name another file with --db'],
  ['SQLITE_IOERR', 'other', 'could not be read or written (input/output error); check the disk'],
];

/** Turns what SQLite threw into a {@link StoreError}; anything else passes through unchanged. */
export function explainStoreFailure(error: unknown, path: string): unknown {
  if (error instanceof StoreError || !(error instanceof Error)) return error;
  const code = (error as { code?: unknown }).code;
  if (typeof code !== 'string' || !code.startsWith('SQLITE_')) return error;
  for (const [prefix, kind, text] of EXPLANATIONS) {
    if (code.startsWith(prefix)) return new StoreError(kind, `${path} ${text}`, error);
  }
  return new StoreError('other', `${path}: ${error.message} (${code})`, error);
}

/** Runs `work`, explaining what SQLite throws. */
export function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw explainStoreFailure(error, path);
  }
}
