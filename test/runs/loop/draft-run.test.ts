// Runs with draft genes, priced by the real cost model and evaluated by formulas: what is trained, measured, stored, told
// and resumed.
import { beforeAll, describe, expect, it } from 'vitest';
import type { Evaluator, PairTask } from '../../../evaluators/port.ts';
import { expectedModelAcceptance } from '../../../evaluators/speculation/expected-acceptance.ts';
import { describeDraft } from '../../../runs/describe.ts';
import { formatMetric } from '../../../runs/format.ts';
import { storedHash } from '../../../runs/loop/measurements.ts';
import { draftHash } from '../../../runs/loop/pairs.ts';
import type { Runnable } from '../../../runs/loop/runnable.ts';
import { planCosts } from '../../../runs/plan/cost-plan.ts';
import { pairInput, pricePair, servedDraft } from '../../../runs/plan/speculation.ts';
import { buildReport } from '../../../runs/report/report-data.ts';
import { RunReader } from '../../../runs/store/queries.ts';
import { countParameters } from '../../../space/architecture.ts';
import { hashOf } from '../../../space/candidate.ts';
import { type Deployment, withoutDraft } from '../../../space/deployment.ts';
import { parseSpec } from '../../../space/load-spec.ts';
import { METRICS } from '../../../space/metrics.ts';
import { commandLine } from '../cli/command-line.ts';
import { analyticPair, fakeEvaluator } from '../fake.ts';
import { fakeRun, newDatabase, resumeRun, startRun, storedResult } from '../harness.ts';

const YAML = `
specVersion: 1
name: drafts
seed: 3
task: { corpus: sotu, contextLength: 64 }
space:
  dModel: [32, 64, 128]
  headDim: 16
  depth: [1, 2, 4]
  layers: { nHeads: [2, 4], nKvHeads: [1, 2], dFf: [64, 128] }
deployment: { weightFormat: [fp16, mxfp4-e2m1] }
draft:
  model: { dModel: [8, 16], headDim: 8, depth: 1, nHeads: 1, nKvHeads: 1, dFf: [16, 32] }
  self: true
  lookup: true
  alignmentSteps: 50
scale: { width: 32, heads: 8, vocabSize: 32000, contextLength: 2048 }
accelerator: qualcomm-ai100-ultra
workload: { promptTokens: 512, generatedTokens: 256 }
search: { algorithm: nsga2, candidates: 30, population: 8, eta: 3, lag: 6, deploymentsPerArchitecture: 3 }
training: { rungs: [10, 30], warmupSteps: 2 }
`;

function runnable(change: (yaml: string) => string = (yaml) => yaml): Runnable {
  const spec = parseSpec(change(YAML), 'drafts.yaml');
  const { problem, setting } = planCosts(spec, '/');
  return {
    spec,
    specFolder: '/',
    problem,
    setting,
    dataset: { corpusSha256: 'f'.repeat(64), unigramBitsPerByte: 4.4 },
  };
}

async function finished(of = runnable(), evaluator = fakeEvaluator(), maxThreads = 3) {
  const path = newDatabase();
  const run = fakeRun(path, maxThreads, evaluator);
  expect((await startRun(of, run.options)).kind).toBe('finished');
  const reader = new RunReader(path);
  const runId = reader.resolve('latest');
  const stored = { pairs: reader.pairs(runId), trainings: reader.trainings(runId) };
  reader.close();
  return { ...storedResult(path), ...stored, evaluator, path, runId };
}

/** Pairs without what depends on the clock. */
const timeless = (pairs: Awaited<ReturnType<typeof finished>>['pairs']) =>
  pairs.map((pair) => ({ ...pair, wallSeconds: 0 }));

const nameOf = ({ target, draft, alignmentSteps, confidence }: PairTask) =>
  hashOf({ target, draft, alignmentSteps, confidence });

let whole: Awaited<ReturnType<typeof finished>>;
beforeAll(async () => {
  whole = await finished();
}, 60_000);

describe('a run with drafts', { timeout: 60_000 }, () => {
  it('prices pairs by a law below the highest rung, and by what was measured there', () => {
    const { candidates, evaluations, pairs } = whole;
    const { setting } = runnable();
    const kinds = new Set<string>();
    for (const { candidate, rung, state, speculation, values } of evaluations) {
      const { architecture, deployment } = candidates[candidate]!;
      const { draft } = deployment;
      expect(speculation === undefined).toBe(draft === undefined || state !== 'ok');
      if (draft === undefined || speculation === undefined) continue;
      if (rung === 0) expect(speculation.source).toBe('expected');
      else kinds.add(`${draft.kind} ${speculation.source}`);
      // The costs that were told are those of the pair, or of the target alone.
      const served = servedDraft(draft, 1, deployment);
      const input = pairInput({ architecture, deployment }, served, setting!);
      if (speculation.source !== 'expected') {
        const steps = speculation.source === 'aligned' ? 50 : 0;
        const pair = pairs.find(
          (each) =>
            each.architectureHash === hashOf(architecture) &&
            each.deploymentHash === storedHash(deployment) &&
            each.draftHash === draftHash(draft) &&
            each.alignmentSteps === steps,
        )!;
        const priced = pricePair(input, { rounds: pair.lengths! }, draft.draftLength);
        expect(values.decodeLatency).toBe(priced.decodeSecondsPerToken);
        expect(values.memory).toBe(priced.memoryBytes);
        expect(speculation.draftLength).toBe(priced.draftLength);
        if (priced.draftLength > 0) expect(speculation.speedup).toBeCloseTo(priced.speedup, 12);
        else expect(speculation.speedup).toBeLessThanOrEqual(1);
      } else if (draft.kind === 'model') {
        const ratio = countParameters(draft.architecture) / countParameters(architecture);
        expect(speculation.acceptance).toBeCloseTo(expectedModelAcceptance(ratio, true), 12);
      }
    }
    expect([...kinds].filter((kind) => /model (measured|aligned)/.test(kind)).length).toBeGreaterThan(0);
  });

  it('leaves the loss to the target', () => {
    const { candidates, evaluations } = whole;
    const { problem } = runnable();
    for (const { candidate, loss, trainedLoss, values } of evaluations) {
      const { architecture, deployment } = candidates[candidate]!;
      if (deployment.draft === undefined) continue;
      const alone = { architecture, deployment: withoutDraft(deployment) };
      expect(loss).toBeGreaterThanOrEqual(trainedLoss!);
      expect(values.loss).toBe(loss);
      // Memory never falls below that of the target alone.
      expect(values.memory!).toBeGreaterThanOrEqual(problem.costs(alone).deployed.memory!);
    }
  });

  it('trains each draft once, to the highest rung, and measures each pair once', () => {
    const { evaluator, pairs } = whole;
    const trained = evaluator.started.map(({ architectureHash, rung }) => `${architectureHash}/${rung}`);
    expect(new Set(trained).size).toBe(trained.length);
    const drafts = new Set(
      pairs.flatMap(({ draft }) => (draft.kind === 'model' ? [hashOf(draft.architecture)] : [])),
    );
    expect(drafts.size).toBeGreaterThan(0);
    for (const hash of drafts) expect(trained).toContain(`${hash}/1`);
    const measured = evaluator.paired.map(nameOf);
    expect(measured.length).toBe(pairs.length);
    expect(new Set(measured).size).toBe(measured.length);
    // Several targets share a draft.
    const targets = new Map<string, Set<string>>();
    for (const { draft, architectureHash } of pairs) {
      const name = draftHash(draft);
      targets.set(name, (targets.get(name) ?? new Set()).add(architectureHash));
    }
    expect(Math.max(...[...targets.values()].map(({ size }) => size))).toBeGreaterThan(1);
    for (const { target } of evaluator.paired) expect(target.deployment).not.toHaveProperty('draft');
  });

  it('keeps acceptance before and after alignment, and aligns no self-draft', () => {
    const { pairs, evaluations } = whole;
    const aligned = pairs.filter(({ alignmentSteps }) => alignmentSteps > 0);
    expect(aligned.length).toBeGreaterThan(0);
    for (const pair of aligned) {
      expect(pair.draft.kind).toBe('model');
      const plain = pairs.find(
        ({ alignmentSteps, ...each }) =>
          alignmentSteps === 0 &&
          each.draftHash === pair.draftHash &&
          each.architectureHash === pair.architectureHash &&
          each.deploymentHash === pair.deploymentHash,
      )!;
      expect(pair.acceptance!).toBeGreaterThan(plain.acceptance!);
    }
    const used = evaluations.filter(({ speculation }) => speculation?.source === 'aligned');
    expect(used.length).toBeGreaterThan(0);
    for (const { speculation } of used)
      expect(speculation!.plainAcceptance!).toBeLessThan(speculation!.acceptance);
  });

  it('without alignment measures every pair as it is', async () => {
    const { pairs } = await finished(
      runnable((yaml) => yaml.replace('alignmentSteps: 50', 'alignmentSteps: 0')),
    );
    expect(pairs.length).toBeGreaterThan(0);
    expect(pairs.every(({ alignmentSteps }) => alignmentSteps === 0)).toBe(true);
  });

  it('looks at drafts for what reached the highest rung, and adopts those that promise most', () => {
    const { candidates } = whole;
    const adopted = candidates.filter(({ origin }) => origin === 'adopted');
    expect(adopted.some(({ deployment }) => deployment.draft !== undefined)).toBe(true);
    for (const { architecture, parents } of adopted)
      expect(architecture).toEqual(candidates[parents[0]!]!.architecture);
  });

  it('is the same with any number of workers, and wherever it is interrupted', async () => {
    for (const maxThreads of [1, 4]) {
      const other = await finished(runnable(), fakeEvaluator(), maxThreads);
      const { evaluations, candidates, fronts } = other;
      expect({ evaluations, candidates, fronts }).toEqual({
        evaluations: whole.evaluations,
        candidates: whole.candidates,
        fronts: whole.fronts,
      });
      expect(timeless(other.pairs)).toEqual(timeless(whole.pairs));
    }
    for (const stopAfter of [1, 4, 9]) {
      const path = newDatabase();
      let nPaired = 0;
      const first = fakeRun(path, 3, fakeEvaluator(), ({ kind }, stop) => {
        if (kind === 'paired' && ++nPaired === stopAfter) stop();
      });
      expect((await startRun(runnable(), first.options)).kind).toBe('interrupted');
      const reader = new RunReader(path);
      const runId = reader.resolve('latest');
      const done = reader.pairs(runId).filter(({ state }) => state === 'ok').length;
      reader.close();
      expect(done).toBeGreaterThanOrEqual(stopAfter);
      const second = fakeRun(path, 2);
      expect((await resumeRun(runnable(), runId, second.options)).kind).toBe('finished');
      expect(second.evaluator.paired.length).toBe(whole.pairs.length - done);
      expect(storedResult(path).evaluations).toEqual(whole.evaluations);
      expect(storedResult(path).fronts).toEqual(whole.fronts);
    }
  });

  it('records what a draft or a pair met as the end of its candidate alone', async () => {
    const evaluator = fakeEvaluator();
    const failing = {
      ...evaluator,
      pair: async (task: PairTask) =>
        task.draft.kind === 'self' ? ({ kind: 'failed', reason: 'no logits' } as const) : analyticPair(task),
    };
    const { candidates, evaluations } = await finished(runnable(), failing);
    const failed = evaluations.filter(({ state }) => state === 'failed');
    expect(failed.length).toBeGreaterThan(0);
    for (const { candidate, reason, rung } of failed) {
      expect(candidates[candidate]!.deployment.draft?.kind).toBe('self');
      expect([reason, rung]).toEqual(['draft: no logits', 1]);
    }
    expect(evaluations.some(({ state, rung }) => state === 'ok' && rung === 1)).toBe(true);
  });

  it('keeps what is expected of drafts where nobody can measure pairs', async () => {
    const { pair: _, ...evaluator } = fakeEvaluator();
    const path = newDatabase();
    const run = fakeRun(path, 2);
    const options = { ...run.options, createEvaluator: (): Evaluator => evaluator };
    expect((await startRun(runnable(), options)).kind).toBe('finished');
    const sources = storedResult(path).evaluations.flatMap(({ speculation }) => speculation?.source ?? []);
    expect(sources.length).toBeGreaterThan(0);
    expect(new Set(sources)).toEqual(new Set(['expected']));
  });

  it('neither trains nor measures a draft that could not pay', async () => {
    // Drafts as large as their targets.
    const large = (yaml: string) =>
      yaml
        .replace(
          /model: \{.*\}/,
          'model: { dModel: 128, headDim: 16, depth: 4, nHeads: 4, nKvHeads: 2, dFf: 128 }',
        )
        .replace('self: true', 'self: false')
        .replace('lookup: true', 'lookup: false');
    const { pairs, evaluations } = await finished(runnable(large));
    expect(pairs).toEqual([]);
    const told = evaluations.filter(({ rung, speculation }) => rung === 1 && speculation !== undefined);
    expect(told.length).toBeGreaterThan(0);
    for (const { speculation } of told) {
      expect(speculation).toMatchObject({ source: 'expected', draftLength: 0 });
      expect(speculation).not.toHaveProperty('neededAcceptance');
    }
  });
});

describe('what is told of it', () => {
  const text = async (...argv: string[]) => {
    const { exitCode, stdout, stderr } = await commandLine(...argv, '--db', whole.path);
    expect([exitCode, stderr]).toEqual([0, '']);
    return stdout;
  };
  const json = async (...argv: string[]) => JSON.parse(await text(...argv, '--json'));
  /** An evaluation of a candidate without a draft, or one at the highest rung with a draft that pays or does not. */
  const judged = (wanted: 'pays' | 'does not' | 'none') =>
    whole.evaluations.find(({ candidate, rung, state, speculation }) => {
      if (state !== 'ok') return false;
      if (whole.candidates[candidate]!.deployment.draft === undefined) return wanted === 'none';
      return rung === 1 && wanted === (speculation!.draftLength > 0 ? 'pays' : 'does not');
    })!;

  it('front lists drafts with their gain, in every form', async () => {
    const { members } = await json('front', 'latest');
    const table = await text('front', 'latest');
    const [headings, ...rows] = (await text('front', 'latest', '--csv')).trim().split(/\r?\n/);
    expect(table).toMatch(/speed-up/);
    expect(headings).toContain('draft');
    for (const [at, { candidate, speculation, deployment }] of members.entries()) {
      const { speculation: stored } = whole.evaluations.find(
        (each) => each.candidate === candidate && each.rung === 1,
      )!;
      expect(speculation).toEqual(stored);
      expect(speculation === undefined).toBe(deployment.draft === undefined);
      if (stored !== undefined) expect(rows[at]).toContain(String(stored.acceptance));
    }
    expect(members.some(({ deployment }: { deployment: Deployment }) => deployment.draft !== undefined)).toBe(
      true,
    );
  });

  it('show says why speculation pays', async () => {
    const { candidate, speculation } = judged('pays');
    const shown = await text('show', 'latest', String(candidate));
    const { speedup, neededAcceptance, acceptance, tokensPerRound, expectedAcceptance } = speculation!;
    expect(acceptance).toBeGreaterThan(neededAcceptance!);
    expect(shown).toMatch(/^speculation: .*: pays \d\.\d\dx: /m);
    for (const figure of [
      `pays ${speedup.toFixed(2)}x`,
      acceptance.toFixed(3),
      neededAcceptance!.toFixed(3),
      expectedAcceptance.toFixed(3),
      tokensPerRound.toFixed(2),
    ])
      expect(shown).toContain(figure);
    // The costs are those of the pair, as they were judged.
    const { outlook, evaluations } = await json('show', 'latest', String(candidate));
    expect(outlook.speculation).toEqual(speculation);
    expect(shown).toContain(formatMetric(METRICS, 'decodeLatency', evaluations.at(-1).values.decodeLatency));
  });

  it('show says why it does not, of a draft of its own and of the best that is known', async () => {
    const own = judged('does not');
    const { outlook } = await json('show', 'latest', String(own.candidate));
    expect(outlook.sentence).toMatch(/^does not pay: /);
    const alone = judged('none');
    const shown = await text('show', 'latest', String(alone.candidate));
    expect(shown).toMatch(
      /^speculation: decodes alone; of \d+ known drafts the best, .*(pays|does not pay)/m,
    );
  });

  it('compare sets drafts side by side', async () => {
    const [a, b] = [judged('pays').candidate, judged('none').candidate];
    const compared = await text('compare', 'latest', String(a), String(b));
    expect(compared).toMatch(/^draft +\S.* none/m);
    expect(compared).toMatch(/^speed-up over the target alone +\d\.\d\dx +-/m);
    const alone = await text('compare', 'latest', String(b), String(b));
    expect(alone).not.toContain('speed-up');
  });

  it('the report explains every member, and says nothing of runs without drafts', async () => {
    const reader = new RunReader(whole.path);
    const { members } = buildReport(reader, whole.runId, { now: () => 0 });
    reader.close();
    expect(members.length).toBeGreaterThan(0);
    for (const { outlook, candidate } of members) {
      const { draft } = whole.candidates[candidate]!.deployment;
      expect(outlook!.draft).toBe(describeDraft(draft));
      expect(outlook!.sentence).toMatch(draft === undefined ? /^decodes alone/ : /^(pays|does not pay)/);
    }
    const path = newDatabase();
    const without = runnable((yaml) => yaml.replace(/draft:[\s\S]*(?=scale:)/, ''));
    expect(without.spec.draft).toBeUndefined();
    expect((await startRun(without, fakeRun(path, 2).options)).kind).toBe('finished');
    const other = new RunReader(path);
    expect(
      buildReport(other, other.resolve('latest'), { now: () => 0 }).members.every(
        (each) => !('outlook' in each),
      ),
    ).toBe(true);
    other.close();
  });
});
