// The loss of a candidate is that of its deployment: measured once, kept beside the trained one, and resumed.
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { forecastQuality } from '../../../runs/candidates/loss-forecasts.ts';
import { storedHash } from '../../../runs/loop/measurements.ts';
import { planCosts } from '../../../runs/plan/cost-plan.ts';
import { estimateDeployed } from '../../../runs/plan/costs.ts';
import { RunReader } from '../../../runs/store/queries.ts';
import { APPLICATION_ID, MIGRATIONS } from '../../../runs/store/schema.ts';
import type { Deployment } from '../../../space/deployment.ts';
import { middleCandidate } from '../../../space/extremes.ts';
import { parseSpec } from '../../../space/load-spec.ts';
import { commandLine } from '../cli/command-line.ts';
import { analyticLoss, analyticMeasurement, candidateOf, fakeEvaluator } from '../fake.ts';
import {
  fakeRun,
  fakeRunnable,
  newDatabase,
  resumeRun,
  startRun,
  storedResult,
  undisturbed,
} from '../harness.ts';

const formatOf = ({ deployment }: { deployment: Deployment }) => deployment.layers[0]!.attention.weightFormat;

describe('a measured loss', () => {
  it('is what the search is told and what is stored, beside the trained one and the sizes', async () => {
    const { candidates, evaluations } = await undisturbed(fakeRunnable());
    for (const { candidate, rung, loss, trainedLoss, values, encodedBits, expectedBits } of evaluations) {
      const { architecture, deployment, architectureHash, trainedCosts } = candidates[candidate]!;
      const measured = analyticMeasurement({ architecture, deployment, architectureHash, rung });
      expect(measured).toMatchObject({ bitsPerByte: loss, encodedBits });
      expect(values.loss).toBe(loss);
      expect(trainedLoss).toBe(analyticLoss({ architecture, rung }));
      expect(expectedBits).toBe(8 * trainedCosts.weightBytes!);
    }
  });

  it('is foretold before it is measured, and how well is kept and shown', async () => {
    const path = newDatabase();
    await startRun(fakeRunnable({ search: { candidates: 60 } }), fakeRun(path).options);
    const { evaluations, lossForecasts } = storedResult(path);
    expect(lossForecasts.length).toBeGreaterThan(20);
    for (const { evaluation, measuredChange, nObservations } of lossForecasts) {
      const { loss, trainedLoss } = evaluations[evaluation]!;
      expect(measuredChange).toBeCloseTo(loss! - trainedLoss!, 12);
      expect(nObservations).toBeGreaterThanOrEqual(3);
    }
    const quality = forecastQuality(lossForecasts)!;
    expect(quality.nForetold).toBe(lossForecasts.length);
    expect(quality.meanError).toBeLessThan(quality.meanChange / 2);
    expect(quality.rankCorrelation).toBeGreaterThan(0.8);
    const { stdout } = await commandLine('show', 'latest', '--db', path);
    expect(stdout).toContain(
      `was foretold for ${lossForecasts.length} deployments before they were measured`,
    );
    expect(forecastQuality([])).toBeUndefined();
  });

  it('keeps the most compressed deployment from winning always', async () => {
    const { candidates, fronts } = await undisturbed(fakeRunnable({ search: { candidates: 60 } }));
    const formats = fronts.at(-1)!.members.map(([candidate]) => formatOf(candidates[candidate!]!));
    expect(new Set(formats).size).toBeGreaterThan(1);
  });

  it('is measured once for each architecture, rung and stored deployment', async () => {
    const { options, evaluator } = fakeRun(newDatabase(), 4);
    await startRun(fakeRunnable({ search: { candidates: 120 } }), options);
    const names = evaluator.measured.map(
      ({ architectureHash, rung, deployment }) => `${architectureHash}/${rung}/${storedHash(deployment)}`,
    );
    expect(names.length).toBeGreaterThan(120);
    expect(new Set(names).size).toBe(names.length);
    const { layers, ...rest } = candidateOf(32, [{ nHeads: 2, nKvHeads: 1, dFf: 64 }], 'int8').deployment;
    expect(storedHash({ layers, ...rest, nCards: 4 })).toBe(storedHash({ layers, ...rest }));
    expect(storedHash({ layers, ...rest, kvCacheFormat: 'int8' })).not.toBe(storedHash({ layers, ...rest }));
  });

  it.each([
    [
      { kind: 'diverged', step: 3, reason: 'the loss is no number' } as const,
      'compressed: step 3: the loss is no number',
    ],
    [{ kind: 'timed-out', afterSeconds: 5 } as const, 'compressed: stopped after 5 s'],
    [{ kind: 'failed', reason: 'a codec' } as const, 'compressed: a codec'],
  ])('that ends as %o is an outcome of its candidate alone', async (end, reason) => {
    const path = newDatabase();
    const evaluator = fakeEvaluator({
      measuredFate: ({ deployment }) => (formatOf({ deployment }) === 'int8' ? end : undefined),
    });
    const outcome = await startRun(fakeRunnable(), fakeRun(path, 3, evaluator).options);
    expect(outcome.kind).toBe('finished');
    const { candidates, evaluations } = storedResult(path);
    const bad = evaluations.filter(({ candidate }) => formatOf(candidates[candidate]!) === 'int8');
    expect(bad.length).toBeGreaterThan(3);
    for (const each of bad) {
      expect(each).toMatchObject({ state: end.kind, reason, values: {} });
      expect(each.loss).toBeUndefined();
      expect(each.trainedLoss).toBeGreaterThan(0);
    }
    expect(evaluations.filter(({ state }) => state === 'ok').length).toBeGreaterThan(10);
    const tries = evaluator.measured.filter(({ deployment }) => formatOf({ deployment }) === 'int8');
    const distinct = new Set(tries.map(({ architectureHash, rung }) => `${architectureHash}/${rung}`));
    expect(tries.length).toBe((end.kind === 'failed' ? 2 : 1) * distinct.size);
  });

  it('is not measured again by a resumed run, wherever it was stopped', async () => {
    const runnable = fakeRunnable();
    const whole = await undisturbed(runnable);
    for (const stopAfter of [1, 14, 33]) {
      const path = newDatabase();
      let nMeasured = 0;
      const first = fakeRun(path, 3, fakeEvaluator(), (event, stop) => {
        if (event.kind === 'measured' && ++nMeasured === stopAfter) stop();
      });
      const stopped = await startRun(runnable, first.options);
      expect(stopped.kind).toBe('interrupted');
      const reader = new RunReader(path);
      const done = reader.measurements(stopped.runId).filter(({ state }) => state === 'ok');
      reader.close();
      expect(done.length).toBeGreaterThanOrEqual(stopAfter);
      const names = new Set(
        done.map((each) => `${each.architectureHash}/${each.rung}/${each.deploymentHash}`),
      );
      const second = fakeRun(path, 2);
      await resumeRun(runnable, stopped.runId, second.options);
      expect(storedResult(path)).toEqual(whole);
      for (const { architectureHash, rung, deployment } of second.evaluator.measured) {
        expect(names).not.toContain(`${architectureHash}/${rung}/${storedHash(deployment)}`);
      }
    }
  });

  it('stops the run at a full disk without blaming the candidate', async () => {
    const path = newDatabase();
    const reason = 'ENOSPC: no space left on device, write';
    const full = fakeEvaluator({
      measuredFate: (_, nth) => (nth === 9 ? { kind: 'failed', reason } : undefined),
    });
    await expect(startRun(fakeRunnable(), fakeRun(path, 2, full).options)).rejects.toThrow(
      /^the disk is full/,
    );
  });
});

describe('further deployments', () => {
  it('are of architectures at the highest rung, bounded, new, and beside the candidates that are trained', async () => {
    const run = (deploymentsPerArchitecture: number) =>
      undisturbed(fakeRunnable({ search: { candidates: 30, deploymentsPerArchitecture } }));
    const none = await run(0);
    const two = await run(2);
    expect(none.candidates.filter(({ origin }) => origin === 'adopted')).toEqual([]);
    expect(none.evaluations.filter(({ rung }) => rung === 0)).toHaveLength(30);
    expect(two.evaluations.filter(({ rung }) => rung === 0)).toHaveLength(30);
    const adopted = two.candidates.filter(({ origin }) => origin === 'adopted');
    expect(adopted.length).toBeGreaterThan(3);
    const byArchitecture = new Map<string, number>();
    for (const { architectureHash, parents, number } of adopted) {
      byArchitecture.set(architectureHash, (byArchitecture.get(architectureHash) ?? 0) + 1);
      expect(two.candidates[parents[0]!]!.architectureHash).toBe(architectureHash);
      expect(two.evaluations.filter(({ candidate }) => candidate === number).map(({ rung }) => rung)).toEqual(
        [1],
      );
    }
    expect(Math.max(...byArchitecture.values())).toBeLessThanOrEqual(2);
    expect(new Set(two.candidates.map(({ key }) => key)).size).toBe(two.candidates.length);
    expect(two.fronts.at(-1)!.hypervolume).toBeGreaterThanOrEqual(none.fronts.at(-1)!.hypervolume - 0.01);
  });

  it('are told apart by the command line', async () => {
    const path = newDatabase();
    await startRun(fakeRunnable(), fakeRun(path).options);
    const { candidates } = storedResult(path);
    const { number, parents } = candidates.find(({ origin }) => origin === 'adopted')!;
    const shown = await commandLine('show', 'latest', String(number), '--db', path);
    expect(shown.stdout).toContain(`: another deployment of candidate ${parents[0]}`);
    expect(shown.stdout).toMatch(/as trained\s+stored\s+of expected/);
    expect(shown.stdout).toContain('101.3 %');
  });
});

describe('sizes that were found', () => {
  const YAML = `
specVersion: 1
task: { corpus: moby-dick, contextLength: 64 }
space: { dModel: 64, headDim: 16, depth: 2, layers: { nHeads: 4, nKvHeads: 2, dFf: [64, 128] } }
deployment: { weightFormat: mxfp4-e2m1, sparsity: 0.5 }
accelerator: nvidia-a100-80gb
workload: { promptTokens: 32, generatedTokens: 32 }
`;
  it.each([
    ['', true],
    ['scale: { width: 32, heads: 8 }', false],
  ])('replace the expected ones where a model stands for itself: %j', (scale, isReplaced) => {
    const { problem, space, setting } = planCosts(parseSpec(YAML + scale, 'x.yaml'), '/');
    const candidate = middleCandidate(space);
    const inLayer = (layer: number) =>
      estimateDeployed(candidate, { ...setting, scale: undefined })
        .breakdown.filter((row) => row.layer === layer)
        .reduce((sum, { weightBytes }) => sum + 8 * weightBytes, 0);
    const as = (factor: number) =>
      problem.judge(candidate, 2, undefined, { layerBits: [factor * inLayer(0), inLayer(1)] }).values;
    const plain = problem.judge(candidate, 2, undefined).values;
    expect(as(1)).toEqual(plain);
    if (!isReplaced) expect(as(1.5)).toEqual(plain);
    else {
      expect(as(1.5).weightBytes! - plain.weightBytes!).toBeCloseTo((0.5 * inLayer(0)) / 8, 6);
      expect(as(1.5).memory!).toBeGreaterThan(plain.memory!);
      expect(as(1.5).decodeLatency!).toBeGreaterThan(plain.decodeLatency!);
    }
  });
});

it('a database of before still opens, its losses those of the models as trained, and is not resumed', async () => {
  const path = newDatabase();
  const { runId } = await startRun(fakeRunnable(), fakeRun(path).options);
  const old = join(dirname(path), 'old.db');
  const database = new Database(old);
  database.exec(MIGRATIONS[0]!);
  database.pragma('user_version = 1');
  database.pragma(`application_id = ${APPLICATION_ID}`);
  database.exec(`ATTACH '${path}' AS new`);
  const columns = (table: string) =>
    database.prepare(`SELECT name FROM pragma_table_info('${table}', 'main')`).pluck().all().join(', ');
  const tables = [
    'runs',
    'run_events',
    'candidates',
    'trainings',
    'evaluations',
    'objective_values',
    'fronts',
  ];
  for (const table of [...tables, 'front_members']) {
    database.exec(`INSERT INTO main.${table} SELECT ${columns(table)} FROM new.${table}`);
  }
  // What a deployment and a spec were when a layer was stored in one way.
  const stored = storedResult(path).candidates;
  for (const { number, deployment } of stored) {
    const { layers, embedding, ...rest } = deployment;
    const old = {
      ...rest,
      layers: layers.map(({ attention }) => attention),
      headFormat: embedding.weightFormat,
    };
    database
      .prepare('UPDATE candidates SET deployment_json = ? WHERE number = ?')
      .run(JSON.stringify(old), number);
  }
  database.exec(`UPDATE runs SET versions_json = json_remove(versions_json, '$.runFormat'), spec_json = json_set(
    json_remove(spec_json, '$.compression', '$.deployment.headSparsity'),
    '$.deployment.weightFormat', json('{"choices": ["fp16", "int8", "mxfp4-e2m1"], "perLayer": false}'),
    '$.deployment.sparsity', json('{"choices": [0, 0.5], "perLayer": true}'))`);
  database.close();
  const reader = new RunReader(old);
  const evaluations = reader.evaluations(runId);
  expect(evaluations.length).toBeGreaterThan(30);
  for (const { loss, trainedLoss, encodedBits } of evaluations) {
    expect(loss).toBe(trainedLoss);
    expect(encodedBits).toBeUndefined();
  }
  expect(reader.measurements(runId)).toEqual([]);
  expect(reader.candidates(runId).map(({ deployment }) => deployment)).toEqual(
    stored.map(({ deployment }) => deployment),
  );
  const spec = reader.run(runId).spec as ReturnType<typeof fakeRunnable>['spec'];
  expect(spec.deployment).toMatchObject({
    weightFormat: { kind: 'alike', choices: ['fp16', 'int8', 'mxfp4-e2m1'], nGroups: 1 },
    sparsity: { kind: 'alike', choices: [0, 0.5] },
    headSparsity: [0],
  });
  reader.close();
  const check = new Database(old, { readonly: true });
  expect(check.pragma('user_version', { simple: true })).toBe(MIGRATIONS.length);
  check.close();
  await expect(resumeRun({ ...fakeRunnable(), spec }, runId, fakeRun(old).options)).rejects.toThrow(
    'its results can be read, but not continued; start it anew',
  );
});
