// Opening the database file: pragmas, migrations, and the refusal of files that are not ours.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { APPLICATION_ID, MIGRATIONS } from './schema.ts';
import { guarded, StoreError } from './store-error.ts';

const BUSY_TIMEOUT_MS = 5000;

/** Opens `path` for writing, creating and migrating it. @throws {@link StoreError} */
export function openForWriting(path: string): Database.Database {
  const folder = dirname(path);
  if (!existsSync(folder)) throw new StoreError('cannot-open', `the folder of ${path} does not exist`);
  if (existsSync(path) && statSync(path).isDirectory()) {
    throw new StoreError('cannot-open', `${path} is a folder; name a file with --db`);
  }
  return guarded(path, () => {
    const database = new Database(path, { timeout: BUSY_TIMEOUT_MS });
    return orClose(database, () => {
      refuseForeign(database, path);
      database.pragma('journal_mode = WAL');
      database.pragma('synchronous = NORMAL');
      database.pragma('foreign_keys = ON');
      migrate(database, path);
    });
  });
}

/** Opens an existing `path` for reading alone (one of an older format is migrated first). @throws {@link StoreError} */
export function openForReading(path: string): Database.Database {
  if (!existsSync(path)) {
    const others = databasesBeside(path);
    const there = others.length === 0 ? '' : ` (there: ${others.join(', ')})`;
    throw new StoreError(
      'missing',
      `no database at ${path}; start with 'paretoformer run FILE' or name another with --db${there}`,
    );
  }
  if (statSync(path).isDirectory())
    throw new StoreError('cannot-open', `${path} is a folder; name a file with --db`);
  if (guarded(path, () => isOutdated(path))) openForWriting(path).close();
  return guarded(path, () => {
    const database = new Database(path, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
    return orClose(database, () => {
      refuseForeign(database, path);
      if (versionOf(database) === 0)
        throw new StoreError('missing', `${path} holds no runs yet; start with 'paretoformer run FILE'`);
    });
  });
}

/** At most three files in the same folder whose names look like a database's. */
function databasesBeside(path: string): string[] {
  const folder = dirname(path);
  if (!existsSync(folder) || !statSync(folder).isDirectory()) return [];
  const names = readdirSync(folder).filter((name) => /\.(?:db|sqlite3?)$/.test(name));
  return names.slice(0, 3).map((name) => join(folder, name));
}

function isOutdated(path: string): boolean {
  const database = new Database(path, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  try {
    const version = versionOf(database);
    return version > 0 && version < MIGRATIONS.length;
  } finally {
    database.close();
  }
}

function orClose(database: Database.Database, prepare: () => void): Database.Database {
  try {
    prepare();
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function versionOf(database: Database.Database): number {
  return database.pragma('user_version', { simple: true }) as number;
}

function refuseForeign(database: Database.Database, path: string): void {
  const applicationId = database.pragma('application_id', { simple: true }) as number;
  const version = versionOf(database);
  const nTables = database.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() as number;
  if (applicationId !== APPLICATION_ID && (applicationId !== 0 || version !== 0 || nTables > 0)) {
    throw new StoreError(
      'foreign',
      `${path} is the database of another program; name another file with --db`,
    );
  }
  if (version > MIGRATIONS.length) {
    throw new StoreError(
      'newer',
      `${path} was written by a newer paretoformer (format ${version}, here ${MIGRATIONS.length}); update paretoformer`,
    );
  }
}

function migrate(database: Database.Database, path: string): void {
  if (versionOf(database) === MIGRATIONS.length) return;
  const bringUp = database.transaction(() => {
    // Another process may have migrated while this one waited for the write lock.
    refuseForeign(database, path);
    for (let version = versionOf(database); version < MIGRATIONS.length; version++) {
      database.exec(MIGRATIONS[version]!);
      database.pragma(`user_version = ${version + 1}`);
    }
    database.pragma(`application_id = ${APPLICATION_ID}`);
  });
  bringUp.immediate();
}
