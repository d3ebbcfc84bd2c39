// Trainings that begin from the weights of others: who inherits from whom, and that it depends on nothing but the run.

import { describe, expect, it } from 'vitest';
import { commonShare } from '../../../evaluators/inheritance/align.ts';
import type { Evaluated } from '../../../runs/loop/evaluate.ts';
import { createHeritage, LEAST_COMMON } from '../../../runs/loop/heritage.ts';
import { buildMember } from '../../../runs/report/report-data.ts';
import { RunReader } from '../../../runs/store/queries.ts';
import { hashOf } from '../../../space/candidate.ts';
import { commandLine } from '../cli/command-line.ts';
import { candidateOf, fakeEvaluator } from '../fake.ts';
import {
  fakeRun,
  fakeRunnable,
  newDatabase,
  resumeRun,
  startRun,
  storedResult,
  undisturbed,
} from '../harness.ts';

const layer = { nHeads: 4, nKvHeads: 2, dFf: 64 };
const small = candidateOf(32, [layer], 'fp16');
const large = candidateOf(64, [layer, layer, layer], 'fp16');
const reached = ({ architecture }: typeof small, rung: number, state = 'ok') =>
  ({
    candidate: { architecture, architectureHash: hashOf(architecture) },
    evaluation: { state, rung },
    ...(state === 'ok' ? { measured: { trainedLoss: 2 } } : {}),
  }) as Evaluated;

describe('who inherits', () => {
  const childOf = (parent: typeof small) => ({
    ...parent,
    architecture: {
      ...parent.architecture,
      layers: [{ ...parent.architecture.layers[0]!, nKvHeads: 1 }, ...parent.architecture.layers.slice(1)],
    },
  });
  const nameOf = ({ architecture }: typeof small) => hashOf(architecture);

  it('begins from the most alike that has reached the highest rung by then', () => {
    const heritage = createHeritage(1);
    heritage.decide({ genome: small });
    heritage.learn(reached(large, 0));
    heritage.learn(reached(large, 1, 'diverged'));
    heritage.decide({ genome: large });
    heritage.learn(reached(small, 1));
    heritage.learn(reached(large, 1));
    for (const parent of [small, large]) {
      heritage.decide({ genome: childOf(parent) });
      expect(heritage.donorOf(nameOf(childOf(parent)), 0)?.architectureHash).toBe(nameOf(parent));
    }
    const stranger = candidateOf(48, [{ nHeads: 2, nKvHeads: 1, dFf: 0 }], 'fp16');
    heritage.decide({ genome: stranger });
    expect(heritage.donorOf(nameOf(stranger), 0)).toBeUndefined();
    // Asked before anything had come so far.
    expect(heritage.donorOf(nameOf(small), 0)).toBeUndefined();
    expect(heritage.donorOf(nameOf(large), 0)).toBeUndefined();
  });

  it('is decided by the first ask for an architecture, and never at the highest rung', () => {
    const heritage = createHeritage(1);
    const child = childOf(large);
    heritage.learn(reached(large, 1));
    heritage.decide({ genome: child });
    heritage.learn(reached(childOf(child), 1));
    heritage.decide({ genome: child });
    expect(heritage.donorOf(nameOf(child), 0)?.architectureHash).toBe(nameOf(large));
    expect(heritage.donorOf(nameOf(child), 1)).toBeUndefined();
  });
});

const runnableOf = (algorithm: 'guided' | 'nsga2', candidates: number, rungs = [10, 20, 30]) =>
  fakeRunnable({
    search: { algorithm, candidates, population: 6, lag: 6, eta: 2 },
    training: { rungs, inheritance: true },
    constraints: ['memory <= 120 KB'],
  });

describe.each([
  ['guided', 40, [10, 20, 30], [11, 47]],
  ['nsga2', 60, [10, 20, 30], [3, 17, 71]],
] as const)('a %s run with inheritance', (algorithm, candidates, rungs, stops) => {
  it('is the same with 1, 2 and 8 workers, wherever it is interrupted', { timeout: 120_000 }, async () => {
    const runnable = runnableOf(algorithm, candidates, [...rungs]);
    const [one, two, eight] = await Promise.all([1, 2, 8].map((threads) => undisturbed(runnable, threads)));
    const nHeirs = one!.evaluations.filter(({ donorHash }) => donorHash !== undefined).length;
    expect(nHeirs).toBeGreaterThan(3);
    expect(two).toEqual(one);
    expect(eight).toEqual(one);
    for (const stopAfter of stops) {
      const path = newDatabase();
      let nTrained = 0;
      const first = fakeRun(path, 3, fakeEvaluator(), (event, stop) => {
        if (event.kind === 'trained' && ++nTrained === stopAfter) stop();
      });
      const stopped = await startRun(runnable, first.options);
      await resumeRun(runnable, stopped.runId, fakeRun(path, 2).options);
      expect(storedResult(path)).toEqual(one);
    }
  });
});

describe('a run with inheritance', () => {
  const runnable = runnableOf('nsga2', 60);

  it('trains each architecture once a rung, the highest from the start, and measures what it trained', async () => {
    const path = newDatabase();
    const { options, evaluator } = fakeRun(path, 4);
    await startRun(runnable, options);
    const names = evaluator.started.map(({ architectureHash, rung }) => `${architectureHash}/${rung}`);
    expect(new Set(names).size).toBe(names.length);
    const reader = new RunReader(path);
    const trainings = reader.trainings(reader.resolve('latest'));
    reader.close();
    const originOf = (architectureHash: string, rung: number) =>
      trainings.find((each) => each.architectureHash === architectureHash && each.rung === rung)!.donorHash;
    expect(evaluator.started.some((task) => task.rung === 0 && task.donor !== undefined)).toBe(true);
    for (const { architectureHash, rung, donor } of evaluator.measured) {
      expect(donor?.architectureHash).toBe(originOf(architectureHash, rung));
    }
    for (const { architectureHash, rung, donor } of evaluator.started) {
      if (rung === 1) expect(donor?.architectureHash).toBe(originOf(architectureHash, 0));
      if (rung === 2) expect(donor).toBeUndefined();
    }
  });

  it('takes the most alike of those told by the time of the ask, and stores whom', async () => {
    const path = newDatabase();
    await startRun(runnable, fakeRun(path).options);
    const reader = new RunReader(path);
    const id = reader.resolve('latest');
    const evaluations = reader.evaluations(id);
    const candidates = reader.candidates(id);
    const trainings = reader.trainings(id);
    reader.close();
    const lag = runnable.spec.search.lag;
    const seen = new Set<string>();
    let nHeirs = 0;
    for (const { number, architectureHash, rung, candidate, donorHash, inheritedLoss } of evaluations) {
      if (seen.has(architectureHash)) continue;
      seen.add(architectureHash);
      expect(rung).toBe(0);
      expect(inheritedLoss === undefined).toBe(donorHash === undefined);
      if (donorHash === undefined) continue;
      nHeirs++;
      const told = evaluations.filter(
        (each) => each.number <= number - lag && each.rung === 2 && each.state === 'ok',
      );
      const own = candidates[candidate]!.architecture;
      const shares = told.map((each) => commonShare(candidates[each.candidate]!.architecture, own));
      const chosen = candidates.find((each) => each.architectureHash === donorHash)!;
      expect(commonShare(chosen.architecture, own)).toBe(Math.max(...shares));
      expect(Math.max(...shares)).toBeGreaterThanOrEqual(LEAST_COMMON);
    }
    expect(nHeirs).toBeGreaterThan(3);
    for (const training of trainings) {
      const result = evaluations.find(
        (each) => each.architectureHash === training.architectureHash && each.rung === training.rung,
      );
      expect(result?.donorHash).toBe(training.donorHash);
    }
  });

  it('changes nothing where it is off, and nothing at the highest rung where it is on', async () => {
    const off = fakeRunnable({
      search: { algorithm: 'nsga2', candidates: 60, population: 6, lag: 6, eta: 2 },
      training: { rungs: [10, 20, 30] },
      constraints: ['memory <= 120 KB'],
    });
    const [without, withIt] = await Promise.all([undisturbed(off), undisturbed(runnable)]);
    expect(without.evaluations.every(({ donorHash }) => donorHash === undefined)).toBe(true);
    const lossesOf = (run: typeof without) =>
      new Map(
        run.evaluations
          .filter(({ rung }) => rung === 2)
          .map((each) => [run.candidates[each.candidate]!.key, each.loss]),
      );
    const [plain, inherited] = [lossesOf(without), lossesOf(withIt)];
    const shared = [...plain.keys()].filter((key) => inherited.has(key));
    expect(shared.length).toBeGreaterThan(0);
    for (const key of shared) expect(inherited.get(key)).toBe(plain.get(key));
  });
});

it('refuses to go on where a stored training began from other weights', async () => {
  const runnable = fakeRunnable({ training: { inheritance: true }, search: { candidates: 30 } });
  const path = newDatabase();
  const { options } = fakeRun(path, 2, fakeEvaluator(), (event, stop) => {
    if (event.kind === 'trained' && event.training.donorHash !== undefined) stop();
  });
  const { runId } = await startRun(runnable, options);
  const off = fakeRunnable({ search: { candidates: 30 } });
  await expect(resumeRun(off, runId, fakeRun(path).options)).rejects.toThrow(/began from other weights/);
});

it('is told where a candidate is shown, in the terminal and in the report', async () => {
  const path = newDatabase();
  const runnable = fakeRunnable({ training: { inheritance: true }, search: { candidates: 30 } });
  const { runId } = await startRun(runnable, fakeRun(path).options);
  const reader = new RunReader(path);
  const heir = reader.evaluations(runId).find(({ donorHash }) => donorHash !== undefined)!;
  const from = reader.candidates(runId).find((each) => each.architectureHash === heir.donorHash)!.number;
  const { stdout } = await commandLine('show', 'latest', String(heir.candidate), '--db', path);
  expect(stdout).toContain(
    `began from the weights of candidate ${from}, at a loss of ${heir.inheritedLoss!.toFixed(4)}`,
  );
  const { evaluations } = buildMember(reader, runId, heir.candidate);
  expect(evaluations[0]!.inherited).toEqual({ from, loss: heir.inheritedLoss });
  reader.close();
});
