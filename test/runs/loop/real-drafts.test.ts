// What a run measures of pairs of real models: the same with any number of threads, and never twice.
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { modelFromHuggingFace } from '../../../hardware/index.ts';
import { planPrune, prune } from '../../../runs/candidates/prune.ts';
import { describeDraft } from '../../../runs/describe.ts';
import type { RunEvent } from '../../../runs/loop/events.ts';
import { resumeRun, startRun } from '../../../runs/loop/execute.ts';
import { planRun, readSpec } from '../../../runs/plan/plan.ts';
import { checkpointFolderOf, createTrainer } from '../../../runs/plan/train.ts';
import { RunReader } from '../../../runs/store/queries.ts';
import { commandLine, tinyProject } from '../cli/command-line.ts';
import { newDatabase, storedResult } from '../harness.ts';

const { file } = tinyProject(`
draft:
  model: { dModel: 4, headDim: 4, depth: 1, nHeads: 1, nKvHeads: 1, dFf: [4, 8] }
  self: true
  lookup: true
  alignmentSteps: 4
`);
// Targets that are large enough for a draft to pay.
writeFileSync(
  file,
  readFileSync(file, 'utf8')
    .replace('dModel: [8, 16]', 'dModel: [24, 32]')
    .replace('nHeads: [1, 2]', 'nHeads: 4')
    .replace('depth: { min: 1, max: 2 }', 'depth: 2'),
);

function run(
  databasePath: string,
  maxThreads: number,
  onEvent?: (event: RunEvent, stop: () => void) => void,
) {
  const plan = planRun(readSpec(file, dirname(file)), dirname(file));
  const controller = new AbortController();
  const options = {
    databasePath,
    maxThreads,
    createEvaluator: (runId: string) =>
      createTrainer(plan, maxThreads, checkpointFolderOf(databasePath, runId)),
    emit: (event: RunEvent) => onEvent?.(event, () => controller.abort()),
    signal: controller.signal,
  };
  return { plan, options };
}

function stored(databasePath: string) {
  const reader = new RunReader(databasePath);
  const pairs = reader.pairs(reader.resolve('latest'));
  reader.close();
  const measured = pairs.filter(({ state }) => state !== 'cancelled');
  return {
    ...storedResult(databasePath),
    pairs: measured.map((pair) => ({ ...pair, attempt: 1, wallSeconds: 0 })),
  };
}

describe('with real pairs', { timeout: 90_000 }, () => {
  const wholeDb = newDatabase();
  let whole: ReturnType<typeof stored>;
  beforeAll(async () => {
    const { plan, options } = run(wholeDb, 2);
    expect((await startRun(plan, options)).kind).toBe('finished');
    whole = stored(wholeDb);
  }, 60_000);

  it('measures acceptance, and prices candidates with it', () => {
    expect(whole.pairs.length).toBeGreaterThan(1);
    expect(new Set(whole.pairs.map(({ alignmentSteps }) => alignmentSteps))).toEqual(new Set([0, 4]));
    for (const { state, acceptance, lengths } of whole.pairs) {
      expect(state).toBe('ok');
      expect(acceptance!).toBeGreaterThan(0);
      expect(acceptance!).toBeLessThan(1);
      expect(lengths!.map(({ draftLength }) => draftLength)).toContain(1);
    }
    const sources = whole.evaluations.flatMap(({ speculation }) => speculation?.source ?? []);
    expect(sources.some((source) => source !== 'expected')).toBe(true);
    // Whatever drafts, the loss stays that of the target as it is stored.
    const losses = new Map<string, number>();
    for (const { candidate, rung, loss } of whole.evaluations) {
      const { architectureHash, deployment } = whole.candidates[candidate]!;
      const { draft: _, nCards: __, ...storage } = deployment;
      const name = `${architectureHash}/${rung}/${JSON.stringify(storage)}`;
      expect(loss).toBe(losses.get(name) ?? loss);
      losses.set(name, loss!);
    }
  });

  it('is the same with one thread, and goes on where it was stopped', async () => {
    const db = newDatabase();
    const first = run(db, 1, ({ kind }, stop) => {
      if (kind === 'paired') stop();
    });
    expect((await startRun(first.plan, first.options)).kind).toBe('interrupted');
    const before = stored(db).pairs;
    expect(before.length).toBeGreaterThan(0);
    let nPaired = 0;
    const second = run(db, 1, ({ kind }) => {
      if (kind === 'paired') nPaired++;
    });
    const reader = new RunReader(db);
    const runId = reader.resolve('latest');
    reader.close();
    expect((await resumeRun(second.plan, runId, second.options)).kind).toBe('finished');
    expect(nPaired).toBe(whole.pairs.length - before.length);
    expect(stored(db)).toEqual(whole);
  });

  it('serves a member with the draft that it was judged with, from files that pruning keeps', async () => {
    const reader = new RunReader(wholeDb);
    const runId = reader.resolve('latest');
    const member = reader
      .front(runId)!
      .members.find((each) => each.evaluation.speculation?.source === 'aligned')!;
    expect(member.evaluation.speculation!.draftLength).toBeGreaterThan(0);
    const plan = planPrune(reader, runId);
    reader.close();
    const isAligned = ({ path }: { path: string }) => basename(path).startsWith('aligned-');
    expect(plan.kept.some(isAligned)).toBe(true);
    prune(plan);
    const kept = readdirSync(plan.folder);
    const options = ['--prompt', 'the of', '--tokens', '20', '--compare', '--json', '--db', wholeDb];
    const name = String(member.candidate.number);
    const { exitCode, stdout, stderr } = await commandLine('generate', 'latest', name, ...options);
    expect([exitCode, stderr]).toEqual([0, '']);
    const { alone, drafted } = JSON.parse(stdout);
    expect(alone.tokens).toBe(20);
    expect(drafted).toMatchObject({
      draft: `own draft (${describeDraft(member.candidate.deployment.draft)})`,
      alignmentSteps: 4,
      draftLength: member.evaluation.speculation!.draftLength,
    });
    expect(drafted.tested).toBeGreaterThan(0);
    const out = join(mkdtempSync(join(tmpdir(), 'paretoformer-pair-')), 'model');
    const written = await commandLine('export', 'latest', name, '--out', out, '--db', wholeDb);
    expect([written.exitCode, written.stderr]).toEqual([0, '']);
    const draft = member.candidate.deployment.draft!;
    const read = (path: string) => readFileSync(join(out, path), 'utf8');
    expect(draft.kind === 'model' && modelFromHuggingFace(JSON.parse(read('draft/config.json')))).toEqual(
      draft.kind === 'model' && draft.architecture,
    );
    expect(read('README.md')).toContain(`what drafts for it: ${describeDraft(draft)};`);
    expect(JSON.parse(read('paretoformer.json')).speculation).toEqual(member.evaluation.speculation);
    const manifest = join(out, 'paretoformer.json');
    const priced = await commandLine('estimate', manifest, '--accelerator', 'qualcomm-ai100-ultra');
    expect(priced.exitCode).toBe(0);
    expect(priced.stderr).toContain('has a draft, which is left out');
    // Nothing was trained for all this.
    expect(readdirSync(plan.folder)).toEqual(kept);
  });
});
