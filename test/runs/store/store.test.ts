import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { RunReader } from '../../../runs/store/queries.ts';
import type { CandidateRecord, EvaluationRecord, NewRun } from '../../../runs/store/records.ts';
import { RunStore } from '../../../runs/store/run-store.ts';
import { MIGRATIONS } from '../../../runs/store/schema.ts';
import { explainStoreFailure, StoreError } from '../../../runs/store/store-error.ts';
import { candidateOf } from '../fake.ts';
import { newDatabase } from '../harness.ts';

const run: NewRun = {
  name: 'test',
  specJson: '{"a":1}',
  specSha256: 'a'.repeat(64),
  specFolder: '/specs',
  corpusSha256: 'c'.repeat(64),
  objectives: [{ metric: 'loss', ideal: 0, reference: 4 }],
  versions: { paretoformer: '0.1.0' },
};

const { architecture, deployment } = candidateOf(32, [{ nHeads: 2, nKvHeads: 1, dFf: 64 }], 'fp16');
const candidate: CandidateRecord = {
  number: 0,
  key: 'abcdef123456',
  architectureHash: '123456abcdef',
  architecture,
  deployment,
  origin: 'sample',
  parents: [],
  deployedCosts: { memory: 1000 },
  trainedCosts: { memory: 10 },
};
const training = {
  architectureHash: '123456abcdef',
  rung: 0,
  attempt: 1,
  state: 'ok',
  loss: 2.5,
  wallSeconds: 1,
} as const;
const evaluation: EvaluationRecord = {
  number: 0,
  candidate: 0,
  rung: 0,
  state: 'ok',
  architectureHash: '123456abcdef',
  attempt: 1,
  violations: [0, 0],
  values: { loss: 2.5, memory: 1000 },
};

function stored(path = newDatabase()) {
  const store = new RunStore(path);
  const runId = store.createRun(run);
  return { path, store, runId };
}

describe('rows', () => {
  it('come back as they were stored, to a reader beside the writer', () => {
    const { path, store, runId } = stored();
    store.addTraining(training);
    expect(store.addEvaluation(candidate, evaluation)).toBe(true);
    const front = {
      generation: 1,
      nTold: 1,
      rung: 0,
      hypervolume: 0.25,
      members: [{ candidate: 0, evaluation: 0 }],
    };
    store.addFront(front);
    const reader = new RunReader(path);
    expect(reader.run(runId)).toMatchObject({
      id: runId,
      state: 'running',
      spec: { a: 1 },
      nCandidates: 1,
      nEvaluations: 1,
      trainingSeconds: 1,
      front: { generation: 1, nMembers: 1, hypervolume: 0.25 },
      events: [{ kind: 'started' }],
    });
    expect(reader.candidates(runId)).toEqual([candidate]);
    expect(reader.trainings(runId)).toEqual([training]);
    expect(reader.evaluations(runId)[0]).toMatchObject({ ...evaluation, feasible: true, loss: 2.5 });
    expect(reader.front(runId)).toMatchObject({ hypervolume: 0.25, members: [{ candidate, evaluation }] });
    reader.close();
    store.close();
  });

  it('are never changed: the same again is accepted, anything else refused', () => {
    const { path, store, runId } = stored();
    store.addTraining(training);
    store.addEvaluation(candidate, evaluation);
    expect(store.addEvaluation(candidate, evaluation)).toBe(false);
    expect(() => store.addEvaluation({ ...candidate, key: 'other' }, evaluation)).toThrow(
      /candidate 0 of run/,
    );
    expect(() => store.addEvaluation(candidate, { ...evaluation, state: 'diverged' })).toThrow(
      /evaluation 0 of run/,
    );
    const front = { generation: 1, nTold: 1, rung: 0, hypervolume: 0.25, members: [] };
    store.addFront(front);
    store.addFront(front);
    expect(() => store.addFront({ ...front, hypervolume: 0.3 })).toThrow(/the front of generation 1/);
    expect(() => store.addTraining({ ...training, loss: 9 })).toThrow(/UNIQUE/);
    store.close();
    const reader = new RunReader(path);
    expect(reader.trainings(runId)).toEqual([training]);
    reader.close();
  });

  it.each([
    ['a value that is no number', () => ({ ...evaluation, values: { loss: Number.NaN } })],
    ['an infinite value', () => ({ ...evaluation, values: { loss: Number.POSITIVE_INFINITY } })],
    ['an unknown training', () => ({ ...evaluation, attempt: 7 })],
  ])('with %s are refused whole', (_what, make) => {
    const { path, store, runId } = stored();
    store.addTraining(training);
    expect(() => store.addEvaluation(candidate, make())).toThrow();
    const reader = new RunReader(path);
    expect([reader.candidates(runId), reader.evaluations(runId)]).toEqual([[], []]);
    reader.close();
    store.close();
  });

  it('of a training are ok exactly when they have a loss', () => {
    const { store } = stored();
    const { loss: _, ...lost } = training;
    expect(() => store.addTraining(lost)).toThrow(/CHECK/);
    expect(() => store.addTraining({ ...training, state: 'failed' })).toThrow(/CHECK/);
    expect(() => store.addTraining({ ...training, loss: Number.NaN })).toThrow(/CHECK/);
    store.close();
  });
});

describe('a run', () => {
  it('is found by its id, a unique part of it, or as the latest', () => {
    const path = newDatabase();
    const ids = [1, 2, 3].map((day) => {
      const store = new RunStore(path, () => Date.UTC(2031, 0, day));
      const id = store.createRun(run);
      store.close();
      return id;
    });
    expect(ids.toSorted()).toEqual(ids);
    const reader = new RunReader(path);
    expect(reader.resolve('latest')).toBe(ids[2]);
    expect(reader.resolve('20310102')).toBe(ids[1]);
    expect(reader.resolve(ids[0]!.slice(-4))).toBe(ids[0]);
    expect(() => reader.resolve('2031')).toThrow(/"2031" fits 3 runs/);
    expect(() => reader.resolve('nope')).toThrow(/no run "nope"/);
    expect(reader.runs().map(({ state }) => state)).toEqual(['interrupted', 'interrupted', 'interrupted']);
    reader.close();
  });

  it('belongs to one process at a time', () => {
    const { path, store, runId } = stored();
    const second = new RunStore(path);
    expect(() => second.holdRun(runId)).toThrow(/is being worked on by process/);
    store.release();
    second.holdRun(runId);
    expect(() => store.addEvent('finished')).toThrow(/no run is held/);
    second.close();
    store.close();
  });

  it('is taken over when its holder has stopped, who then cannot write any more', () => {
    const path = newDatabase();
    let clock = 1_000_000;
    const store = new RunStore(path, () => clock);
    const runId = store.createRun(run);
    clock += 31_000;
    const second = new RunStore(path, () => clock);
    second.holdRun(runId);
    expect(() => store.addTraining(training)).toThrow(/was taken over by another process/);
    second.addTraining(training);
    store.close();
    second.addEvent('finished');
    second.close();
    const reader = new RunReader(path);
    expect(reader.run(runId)).toMatchObject({ state: 'finished', events: [{}, { kind: 'resumed' }, {}] });
    reader.close();
  });

  it('counts as interrupted when its process is gone', () => {
    const { path, store, runId } = stored();
    const database = new Database(path);
    database.prepare('UPDATE run_locks SET pid = ?').run(2 ** 22 + 1);
    database.close();
    const reader = new RunReader(path);
    expect(reader.run(runId).state).toBe('interrupted');
    reader.close();
    store.close();
  });
});

describe('a database', () => {
  it('is WAL, marked as ours and at the newest version', () => {
    const { path, store } = stored();
    const database = new Database(path, { readonly: true });
    const pragma = (name: string) => database.pragma(name, { simple: true });
    expect([pragma('journal_mode'), pragma('user_version'), pragma('application_id')]).toEqual([
      'wal',
      MIGRATIONS.length,
      0x50415246,
    ]);
    const loose = database
      .prepare(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT strict AND name NOT LIKE 'sqlite_%'",
      )
      .all();
    expect(loose).toEqual([]);
    database.close();
    store.close();
  });

  const codeOf = (work: () => unknown) => {
    try {
      work();
    } catch (error) {
      expect(error).toBeInstanceOf(StoreError);
      expect((error as Error).message).not.toContain('\n');
      return (error as StoreError).code;
    }
    return 'opened';
  };

  it('is refused when it is something else', () => {
    const text = newDatabase();
    writeFileSync(
      text,
      'This is not a database, but long enough to be read as the header of one. '.repeat(20),
    );
    const foreign = newDatabase();
    const other = new Database(foreign);
    other.exec('CREATE TABLE songs (title TEXT)');
    other.close();
    const newer = stored();
    newer.store.close();
    const database = new Database(newer.path);
    database.pragma(`user_version = ${MIGRATIONS.length + 1}`);
    database.close();
    const folder = join(dirname(newDatabase()), 'folder');
    mkdirSync(folder);
    const cases = [
      [text, 'not-a-database'],
      [foreign, 'foreign'],
      [newer.path, 'newer'],
      [folder, 'cannot-open'],
    ] as const;
    for (const [path, code] of cases) {
      expect(codeOf(() => new RunStore(path))).toBe(code);
      expect(codeOf(() => new RunReader(path))).toBe(code);
    }
    expect(codeOf(() => new RunStore('/nowhere/at/all/runs.db'))).toBe('cannot-open');
    expect(codeOf(() => new RunReader('/nowhere/at/all/runs.db'))).toBe('missing');
    const untouched = new Database(foreign, { readonly: true });
    expect(untouched.pragma('journal_mode', { simple: true })).not.toBe('wal');
    untouched.close();
  });

  it('that is empty holds no runs', () => {
    const path = newDatabase();
    writeFileSync(path, '');
    expect(codeOf(() => new RunReader(path))).toBe('missing');
    expect(codeOf(() => stored(path).store.close())).toBe('opened');
  });

  it('that is full, locked or read-only is explained in one line', () => {
    const path = newDatabase();
    const database = new Database(path, { timeout: 0 });
    database.exec('CREATE TABLE t (x)');
    database.pragma(`max_page_count = ${String(database.pragma('page_count', { simple: true }))}`);
    const full = () => database.prepare('INSERT INTO t VALUES (zeroblob(100000))').run();
    const explained = (work: () => unknown) =>
      codeOf(() => {
        try {
          work();
        } catch (error) {
          throw explainStoreFailure(error, path);
        }
      });
    expect(explained(full)).toBe('full');
    const other = new Database(path);
    other.exec('BEGIN EXCLUSIVE');
    expect(explained(() => database.exec('INSERT INTO t VALUES (1)'))).toBe('busy');
    other.exec('ROLLBACK');
    other.close();
    database.close();
    const reading = new Database(path, { readonly: true });
    expect(explained(() => reading.exec('INSERT INTO t VALUES (1)'))).toBe('read-only');
    reading.close();
  });
});
