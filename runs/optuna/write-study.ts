// A study as an SQLite file of Optuna's own schema.
import { randomUUID } from 'node:crypto';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { RunError } from '../run-error.ts';
import { guarded } from '../store/store-error.ts';
import { storedValue } from './parameters.ts';
import { OPTUNA_SCHEMA, OPTUNA_VERSION } from './schema.ts';
import type { Study, Trial } from './trials.ts';

/** Local time without a zone, as Python's `datetime.now()` gives it to SQLite. */
export function optunaTime(milliseconds: number): string {
  const at = new Date(milliseconds);
  const two = (n: number) => String(n).padStart(2, '0');
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return `${date} ${time}.${String(at.getMilliseconds()).padStart(3, '0')}000`;
}

/**
 * Writes the file whole or not at all.
 * @throws {@link RunError} where something is at `path` and `force` is false, {@link StoreError} where it cannot be written
 */
export function writeStudy(path: string, study: Study, force: boolean): void {
  if (existsSync(path) && !force)
    throw new RunError(`${path} is there already; --force replaces it, or name another file with --out`);
  if (!existsSync(dirname(resolve(path)))) throw new RunError(`the folder of ${path} does not exist`);
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    guarded(path, () => {
      const database = new Database(temporary);
      try {
        database.exec(OPTUNA_SCHEMA);
        database.transaction(() => fill(database, study))();
      } finally {
        database.close();
      }
    });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

const STUDY = 1;

function fill(database: Database.Database, study: Study): void {
  const insert = (table: string, columns: readonly string[]) => {
    const marks = columns.map(() => '?').join(', ');
    const names = columns.map((column) => `"${column}"`).join(', ');
    const statement = database.prepare(`INSERT INTO ${table} (${names}) VALUES (${marks})`);
    return (...values: (number | string | null)[]) => statement.run(...values);
  };
  insert('version_info', ['version_info_id', 'schema_version', 'library_version'])(
    1,
    OPTUNA_VERSION.schema,
    OPTUNA_VERSION.library,
  );
  insert('alembic_version', ['version_num'])(OPTUNA_VERSION.alembic);
  insert('studies', ['study_id', 'study_name'])(STUDY, study.name);
  const direction = insert('study_directions', ['direction', 'study_id', 'objective']);
  for (const [i, each] of study.directions.entries()) direction(each, STUDY, i);
  const attribute = insert('study_user_attributes', ['study_id', 'key', 'value_json']);
  for (const [key, value] of Object.entries(study.attributes)) attribute(STUDY, key, JSON.stringify(value));
  insert('study_system_attributes', ['study_id', 'key', 'value_json'])(
    STUDY,
    'study:metric_names',
    JSON.stringify(study.metricNames),
  );
  const statements = {
    trial: insert('trials', [
      'trial_id',
      'number',
      'study_id',
      'state',
      'datetime_start',
      'datetime_complete',
    ]),
    parameter: insert('trial_params', ['trial_id', 'param_name', 'param_value', 'distribution_json']),
    value: insert('trial_values', ['trial_id', 'objective', 'value', 'value_type']),
    intermediate: insert('trial_intermediate_values', [
      'trial_id',
      'step',
      'intermediate_value',
      'intermediate_value_type',
    ]),
    attribute: insert('trial_user_attributes', ['trial_id', 'key', 'value_json']),
    system: insert('trial_system_attributes', ['trial_id', 'key', 'value_json']),
  };
  const distributions = new Map(
    [...study.distributions].map(([name, distribution]) => [name, JSON.stringify(distribution)]),
  );
  for (const trial of study.trials) addTrial(statements, study, distributions, trial);
}

type Insert = (...values: (number | string | null)[]) => unknown;
type TrialStatements = Readonly<
  Record<'trial' | 'parameter' | 'value' | 'intermediate' | 'attribute' | 'system', Insert>
>;

function addTrial(
  statements: TrialStatements,
  study: Study,
  distributions: ReadonlyMap<string, string>,
  { number, state, startedAt, completedAt, values, parameters, intermediate, constraints, attributes }: Trial,
): void {
  // Ids count from 1, numbers from 0.
  const id = number + 1;
  const time = (at: number | undefined) => (at === undefined ? null : optunaTime(at));
  statements.trial(id, number, STUDY, state, time(startedAt), time(completedAt));
  for (const [name, value] of parameters)
    statements.parameter(
      id,
      name,
      storedValue(study.distributions.get(name)!, value),
      distributions.get(name)!,
    );
  for (const [i, value] of values.entries()) statements.value(id, i, value, 'FINITE');
  for (const [step, loss] of intermediate) statements.intermediate(id, step, loss, 'FINITE');
  for (const [key, value] of Object.entries(attributes)) statements.attribute(id, key, JSON.stringify(value));
  if (constraints !== undefined) statements.system(id, 'constraints', JSON.stringify(constraints));
}
