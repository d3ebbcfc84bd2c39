import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Distribution, parametersOf, storedValue } from '../../../runs/optuna/parameters.ts';
import { optunaTime } from '../../../runs/optuna/write-study.ts';
import { RunReader } from '../../../runs/store/queries.ts';
import type { Candidate } from '../../../space/candidate.ts';
import { alikeLayer, type Deployment } from '../../../space/deployment.ts';
import { METRICS, type MetricName } from '../../../space/metrics.ts';
import type { RunSpec } from '../../../space/spec.ts';
import { commandLine } from '../cli/command-line.ts';
import { candidateOf, fakeEvaluator } from '../fake.ts';
import { fakeRun, fakeRunnable, newDatabase, startRun } from '../harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'paretoformer-optuna-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const OBJECTIVES = ['loss', 'memory', 'throughput'] as const satisfies readonly MetricName[];
const db = newDatabase();
const file = join(folder, 'study.db');

/** A run with failures, candidates that break a constraint, a baseline outside the space, and a maximised objective. */
beforeAll(async () => {
  const layer = { nHeads: 4, nKvHeads: 2, dFf: 70 };
  const runnable = fakeRunnable({
    objectives: OBJECTIVES,
    constraints: ['memory <= 60 kB', 'loss <= 1.05 * baseline'],
    baseline: candidateOf(40, [layer, layer], 'int8'),
  });
  const evaluator = fakeEvaluator({
    fate: (_, nth) => (nth % 7 === 3 ? { kind: 'diverged', step: 3, reason: 'too hot' } : undefined),
  });
  await startRun(runnable, fakeRun(db, 2, evaluator).options);
  const { exitCode, stdout } = await commandLine(
    'optuna-export',
    'latest',
    '--db',
    db,
    '--out',
    file,
    '--json',
  );
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout).trials.complete).toBeGreaterThan(3);
});

/** Rows of the study's file. */
function rows<T>(sql: string): T[] {
  const database = new Database(file, { readonly: true });
  try {
    return database.prepare(sql).all() as T[];
  } finally {
    database.close();
  }
}

/** What the run itself has stored. */
function stored() {
  const reader = new RunReader(db);
  try {
    const id = reader.resolve('latest');
    return {
      details: reader.run(id),
      candidates: reader.candidates(id),
      evaluations: reader.evaluations(id),
      front: reader.front(id)!,
    };
  } finally {
    reader.close();
  }
}

describe('the file', () => {
  it("has Optuna's own tables, indexes and versions", () => {
    const describeFile = (database: Database.Database) => ({
      schema: database
        .prepare(
          'SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name',
        )
        .all()
        .map((row) => JSON.stringify(row).replaceAll(/\\n|\s+/g, ' ')),
      versions: database.prepare('SELECT * FROM version_info').all(),
      alembic: database.prepare('SELECT * FROM alembic_version').all(),
    });
    const reference = new Database(':memory:');
    reference.exec(readFileSync(new URL('../../fixtures/runs/optuna-schema.sql', import.meta.url), 'utf8'));
    const written = new Database(file, { readonly: true });
    expect(describeFile(written)).toEqual(describeFile(reference));
    expect(written.pragma('foreign_key_check')).toEqual([]);
    expect(written.pragma('integrity_check', { simple: true })).toBe('ok');
    written.close();
  });

  it('names the study, its metrics and directions', () => {
    const { details } = stored();
    expect(rows('SELECT * FROM studies')).toEqual([{ study_id: 1, study_name: `fake (${details.id})` }]);
    expect(rows('SELECT direction, objective FROM study_directions ORDER BY objective')).toEqual([
      { direction: 'MINIMIZE', objective: 0 },
      { direction: 'MINIMIZE', objective: 1 },
      { direction: 'MAXIMIZE', objective: 2 },
    ]);
    expect(rows('SELECT "key", value_json FROM study_system_attributes')).toEqual([
      { key: 'study:metric_names', value_json: JSON.stringify(OBJECTIVES) },
    ]);
    const attributes = rows<{ key: string; value_json: string }>('SELECT * FROM study_user_attributes');
    const named = Object.fromEntries(attributes.map(({ key, value_json }) => [key, JSON.parse(value_json)]));
    expect(named).toMatchObject({
      run: details.id,
      algorithm: 'nsga2',
      constraints: ['memory <= 60 kB', 'loss <= 1.05 * baseline'],
    });
  });
});

interface TrialRow {
  readonly trial_id: number;
  readonly number: number;
  readonly state: string;
  readonly datetime_start: string;
  readonly datetime_complete: string;
}

describe('trials', () => {
  it('are the candidates, each in the state that it ended in', () => {
    const { candidates, evaluations, front } = stored();
    const trials = rows<TrialRow>('SELECT * FROM trials ORDER BY trial_id');
    expect(trials.map(({ number }) => number)).toEqual(candidates.map(({ number }) => number));
    for (const { number, state, datetime_start, datetime_complete } of trials) {
      const last = evaluations.filter(({ candidate }) => candidate === number).at(-1)!;
      const expected =
        last.state === 'infeasible'
          ? 'PRUNED'
          : last.state !== 'ok'
            ? 'FAIL'
            : last.rung === front.rung
              ? 'COMPLETE'
              : 'PRUNED';
      expect(state).toBe(expected);
      expect(datetime_complete).toBe(optunaTime(last.finishedAt));
      expect(datetime_start <= datetime_complete).toBe(true);
    }
    expect(new Set(trials.map(({ state }) => state))).toEqual(new Set(['COMPLETE', 'PRUNED', 'FAIL']));
  });

  it("have the run's values, and the best by Optuna's rule are its front", () => {
    const { evaluations, front } = stored();
    const values = rows<{ number: number; objective: number; value: number; value_type: string }>(
      'SELECT number, objective, value, value_type FROM trial_values JOIN trials USING (trial_id) ORDER BY number, objective',
    );
    const constraints = new Map(
      rows<{ number: number; value_json: string }>(
        `SELECT number, value_json FROM trial_system_attributes JOIN trials USING (trial_id) WHERE "key" = 'constraints'`,
      ).map(({ number, value_json }) => [number, JSON.parse(value_json) as number[]]),
    );
    const byTrial = new Map<number, number[]>();
    for (const { number, objective, value, value_type } of values) {
      expect(value_type).toBe('FINITE');
      byTrial.set(number, [...(byTrial.get(number) ?? []), value]);
      const evaluation = evaluations.find((each) => each.candidate === number && each.rung === front.rung)!;
      expect(value).toBe(evaluation.values[OBJECTIVES[objective]!]);
    }
    const points = [...byTrial]
      .filter(([number]) => constraints.get(number)!.every((each) => each <= 0))
      .map(([number, [a, b, c]]) => ({ number, point: [a!, b!, -c!] }));
    const dominates = (x: number[], y: number[]) =>
      x.every((value, i) => value <= y[i]!) && x.some((value, i) => value < y[i]!);
    const best = points.filter(({ point }) => !points.some((other) => dominates(other.point, point)));
    expect(best.map(({ number }) => number)).toEqual(front.members.map(({ candidate }) => candidate.number));
    expect(points.length).toBeLessThan(byTrial.size);
  });

  it('report the loss of every rung by its steps', () => {
    const { evaluations, details } = stored();
    const { rungs } = (details.spec as RunSpec).training;
    const reported = rows<{ number: number; step: number; intermediate_value: number }>(
      'SELECT number, step, intermediate_value FROM trial_intermediate_values JOIN trials USING (trial_id) ORDER BY number, step',
    );
    const expected = evaluations
      .filter(({ loss }) => loss !== undefined)
      .map(({ candidate, rung, loss }) => ({
        number: candidate,
        step: rungs[rung]!,
        intermediate_value: loss!,
      }))
      .sort((a, b) => a.number - b.number || a.step - b.step);
    expect(reported).toEqual(expected);
  });

  it('say what else is known of them', () => {
    const { candidates } = stored();
    const attributes = rows<{ number: number; key: string; value_json: string }>(
      'SELECT number, "key", value_json FROM trial_user_attributes JOIN trials USING (trial_id)',
    );
    const of = (number: number) =>
      Object.fromEntries(
        attributes
          .filter((each) => each.number === number)
          .map(({ key, value_json }) => [key, JSON.parse(value_json)]),
      );
    for (const { number, key, origin, parents, deployedCosts } of candidates)
      expect(of(number)).toMatchObject({ key, origin, parents, decodeLatency: deployedCosts.decodeLatency });
    expect(of(0)).not.toHaveProperty('memory');
    expect(attributes.some(({ key, value_json }) => key === 'reason' && value_json.includes('too hot'))).toBe(
      true,
    );
  });

  it('have parameters that their distributions hold', () => {
    const { candidates } = stored();
    const parameters = rows<{
      number: number;
      param_name: string;
      param_value: number;
      distribution_json: string;
    }>(
      'SELECT number, param_name, param_value, distribution_json FROM trial_params JOIN trials USING (trial_id)',
    );
    const decoded = (value: number, { name, attributes }: Distribution) =>
      name === 'IntDistribution' ? value : (attributes.choices as unknown[])[value];
    const kinds = new Map<string, Set<string>>();
    for (const { number, param_name, param_value, distribution_json } of parameters) {
      const distribution = JSON.parse(distribution_json) as Distribution;
      kinds.set(param_name, (kinds.get(param_name) ?? new Set()).add(distribution_json));
      const { architecture } = candidates[number]!;
      const value = decoded(param_value, distribution);
      if (param_name === 'dModel') expect(value).toBe(architecture.dModel);
      if (param_name === 'depth') expect(value).toBe(architecture.layers.length);
      const inLayer = /^layers\.(\d+)\.(nHeads|nKvHeads|dFf)$/.exec(param_name);
      if (inLayer !== null) expect(value).toBe(architecture.layers[Number(inLayer[1])]![inLayer[2] as 'dFf']);
    }
    expect([...kinds.values()].every((each) => each.size === 1)).toBe(true);
    // 32, 48, 64 of the space and 40 of the baseline.
    expect(JSON.parse([...kinds.get('dModel')!][0]!)).toEqual({
      name: 'CategoricalDistribution',
      attributes: { choices: [32, 40, 48, 64] },
    });
    expect(JSON.parse([...kinds.get('depth')!][0]!)).toEqual({
      name: 'IntDistribution',
      attributes: { log: false, step: 1, low: 1, high: 4 },
    });
  });
});

describe('parameters', () => {
  const { spec } = fakeRunnable();
  const stored16 = { weightFormat: 'fp16', sparsity: 0 } as const;
  const stored8 = { weightFormat: 'int8', sparsity: 0 } as const;
  const with2 = (...layers: Deployment['layers'][number][]): Candidate => {
    const shape = { nHeads: 2, nKvHeads: 1, dFf: 64 };
    const base = candidateOf(32, [shape, shape], 'fp16');
    return { ...base, deployment: { ...base.deployment, layers } };
  };
  const namesOf = (...candidates: Candidate[]) =>
    [...parametersOf(spec, candidates).distributions.keys()].filter(
      (name) => name.endsWith('weightFormat') && !name.startsWith('embedding'),
    );

  it('are one for what all layers share, else one a part, a layer, or both', () => {
    const alike = (storage: typeof stored16 | typeof stored8) => alikeLayer(storage);
    expect(namesOf(with2(alike(stored16), alike(stored16)), with2(alike(stored8), alike(stored8)))).toEqual([
      'weightFormat',
    ]);
    const apart = { attention: stored16, feedForward: stored8 };
    expect(namesOf(with2(apart, apart))).toEqual(['attention.weightFormat', 'feedForward.weightFormat']);
    expect(namesOf(with2(alike(stored16), alike(stored8)))).toEqual([
      'layers.0.weightFormat',
      'layers.1.weightFormat',
    ]);
    expect(namesOf(with2(apart, alike(stored16)))).toEqual([
      'layers.0.attention.weightFormat',
      'layers.0.feedForward.weightFormat',
      'layers.1.attention.weightFormat',
      'layers.1.feedForward.weightFormat',
    ]);
  });

  it('offer what the space offers, seen or not', () => {
    const { distributions, values } = parametersOf(spec, [with2(alikeLayer(stored8), alikeLayer(stored8))]);
    const format = distributions.get('weightFormat')!;
    expect(format.attributes).toEqual({
      choices: spec.deployment.weightFormat.kind === 'alike' ? spec.deployment.weightFormat.choices : [],
    });
    expect(storedValue(format, values[0]!.get('weightFormat')!)).toBe(1);
    expect(distributions.get('layers.0.dFf')!.attributes).toEqual({
      log: false,
      step: 64,
      low: 0,
      high: 128,
    });
    expect(distributions.get('headDim')!.attributes).toEqual({ log: false, step: 1, low: 16, high: 16 });
  });

  it('tell of drafts in a run that has them', () => {
    const choices = { self: true, lookup: false, draftLength: [2, 'best'], confidence: [0] } as const;
    const plain = with2(alikeLayer(stored16), alikeLayer(stored16));
    const draft = { kind: 'self', nLayers: 1, draftLength: 'best', confidence: 0 } as const;
    const drafted = { ...plain, deployment: { ...plain.deployment, draft } };
    const named = (of: RunSpec) =>
      parametersOf(of, [plain, drafted]).values.map((row) =>
        Object.fromEntries([...row].filter(([name]) => name.startsWith('draft'))),
      );
    const sampling = { temperature: 1, topP: 1, alignmentSteps: 0 };
    expect(named({ ...spec, draft: { choices, ...sampling } })).toEqual([
      { draft: 'none' },
      { draft: 'self', 'draft.layers': 1, 'draft.length': 'best', 'draft.confidence': 0 },
    ]);
    expect(named(spec)).toEqual([{}, {}]);
  });

  it('are left out where a layer lacks the part', () => {
    const bare = candidateOf(32, [{ nHeads: 0, nKvHeads: 0, dFf: 64 }], 'fp16');
    const [values] = parametersOf(spec, [bare]).values;
    expect(values!.has('layers.0.nKvHeads')).toBe(false);
    expect(values!.get('layers.0.nHeads')).toBe(0);
  });
});

describe('the command', () => {
  it('leaves a file that is there, unless told otherwise', async () => {
    const other = join(folder, 'mine.db');
    writeFileSync(other, 'precious');
    const refused = await commandLine('optuna-export', 'latest', '--db', db, '--out', other);
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('--force replaces it') });
    expect(readFileSync(other, 'utf8')).toBe('precious');
    const { exitCode, stdout } = await commandLine(
      'optuna-export',
      'latest',
      '--db',
      db,
      '--out',
      other,
      '--force',
    );
    expect([exitCode, stdout]).toEqual([
      0,
      expect.stringMatching(/mine\.db: study "fake .*", \d+ trials complete/),
    ]);
    expect(readFileSync(other).subarray(0, 15).toString()).toBe('SQLite format 3');
  });

  it('says so where it cannot write, and leaves nothing', async () => {
    const result = await commandLine(
      'optuna-export',
      'latest',
      '--db',
      db,
      '--out',
      join(folder, 'no', 'study.db'),
    );
    expect(result.exitCode).toBe(1);
    expect(result.stderr).not.toContain('a bug');
    expect(existsSync(join(folder, 'no'))).toBe(false);
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('writes times as Python does', () => {
    expect(optunaTime(new Date(2026, 0, 5, 7, 8, 9, 12).getTime())).toBe('2026-01-05 07:08:09.012000');
    expect(METRICS.loss.better).toBe('lower');
  });
});
