import { describe, expect, it } from 'vitest';
import { RunReader } from '../../../runs/store/queries.ts';
import { hashOf } from '../../../space/candidate.ts';
import { SEARCH_ALGORITHMS } from '../../../space/spec.ts';
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

describe('a run', () => {
  it('is the same with 1, 2 and 4 workers', async () => {
    const runnable = fakeRunnable({ constraints: ['memory <= 120 KB'] });
    const [one, two, four] = await Promise.all([1, 2, 4].map((threads) => undisturbed(runnable, threads)));
    expect(one!.evaluations.length).toBeGreaterThanOrEqual(40);
    expect(one!.fronts.at(-1)!.members.length).toBeGreaterThan(1);
    expect(two).toEqual(one);
    expect(four).toEqual(one);
  });

  it('differs with the seed', async () => {
    const [a, b] = await Promise.all([1, 2].map((seed) => undisturbed(fakeRunnable({ seed }))));
    expect(a!.candidates).not.toEqual(b!.candidates);
  });

  it('keeps at most maxThreads trainings under way and uses them', async () => {
    const { options, evaluator } = fakeRun(newDatabase(), 3);
    await startRun(fakeRunnable(), options);
    expect(evaluator.maxActive()).toBe(3);
  });

  it('trains no architecture twice at a rung, however many deployments share it', async () => {
    const { options, evaluator, events } = fakeRun(newDatabase(), 4);
    await startRun(fakeRunnable({ search: { candidates: 200 } }), options);
    const names = evaluator.started.map(({ architectureHash, rung }) => `${architectureHash}/${rung}`);
    expect(new Set(names).size).toBe(names.length);
    const nEvaluated = events.filter(({ kind }) => kind === 'evaluated').length;
    expect(names.length).toBeLessThan(nEvaluated);
  });

  it('ends with the front of the highest rung, and its hypervolume grows while the rung stays', async () => {
    const { fronts, evaluations } = await undisturbed(fakeRunnable());
    const last = fronts.at(-1)!;
    expect(last.rung).toBe(1);
    expect(last.nTold).toBe(evaluations.length);
    for (const [at, front] of fronts.entries()) {
      const before = fronts[at - 1];
      if (before?.rung === front.rung) expect(front.hypervolume).toBeGreaterThanOrEqual(before.hypervolume);
    }
    for (const [, number] of last.members) expect(evaluations[number!]!.rung).toBe(1);
  });

  it('minimises what is better when higher only in the search: stored values stay natural', async () => {
    const { evaluations, objectives } = await undisturbed(
      fakeRunnable({ objectives: ['loss', 'throughput'] }),
    );
    for (const { values } of evaluations) expect(values.throughput).toBeGreaterThan(0);
    const throughput = objectives[1]!;
    expect(throughput.ideal).toBeGreaterThan(throughput.reference);
  });

  it('judges a relative constraint beside the baseline of the same rung, feasible or not', async () => {
    const baseline = candidateOf(64, [layer, layer, layer, layer], 'fp16');
    const runnable = fakeRunnable({
      baseline,
      constraints: ['loss <= 1.02 * baseline', 'memory < 1.0 * baseline'],
    });
    const { evaluations, candidates } = await undisturbed(runnable, 3);
    expect(candidates[0]!.key).toBe(hashOf(baseline));
    expect(evaluations[0]).toMatchObject({ state: 'ok', feasible: false, candidate: 0 });
    const baselineLoss = new Map(
      evaluations.filter(({ candidate }) => candidate === 0).map(({ rung, loss }) => [rung, loss!]),
    );
    expect(new Set(baselineLoss.keys())).toEqual(new Set([0, 1]));
    for (const { rung, loss, violations } of evaluations) {
      const excess = loss! / (1.02 * baselineLoss.get(rung)!) - 1;
      expect(violations[0]).toBeCloseTo(Math.max(0, excess), 9);
    }
  });
});

describe('what a training may meet', () => {
  it('tries a dead worker once more, then records the failure and goes on', async () => {
    const path = newDatabase();
    const evaluator = fakeEvaluator({
      fate: ({ architectureHash }, nth) => {
        if (nth === 3) return 'crash';
        return Number.parseInt(architectureHash.slice(0, 2), 16) < 40 ? 'crash' : undefined;
      },
    });
    const { options } = fakeRun(path, 2, evaluator);
    const outcome = await startRun(fakeRunnable(), options);
    expect(outcome.kind).toBe('finished');
    const reader = new RunReader(path);
    const trainings = reader.trainings(outcome.runId);
    const failed = trainings.filter(({ state }) => state === 'failed');
    expect(failed.some(({ attempt }) => attempt === 2)).toBe(true);
    expect(failed.every(({ reason }) => reason === 'worker terminated')).toBe(true);
    expect(trainings.every(({ attempt }) => attempt <= 2)).toBe(true);
    // The third start failed once; its second attempt decides.
    const states = reader.evaluations(outcome.runId).map(({ state }) => state);
    reader.close();
    expect(states).toContain('failed');
    expect(states.filter((state) => state === 'ok').length).toBeGreaterThan(20);
  });

  it.each([
    [{ kind: 'diverged', step: 3, reason: 'loss is NaN' } as const, 'step 3: loss is NaN'],
    [{ kind: 'timed-out', afterSeconds: 5 } as const, 'stopped after 5 s'],
    [{ kind: 'out-of-memory', reason: 'heap limit' } as const, 'heap limit'],
  ])('stores %o as a state with its reason, without a second attempt', async (end, reason) => {
    const path = newDatabase();
    const { options, evaluator } = fakeRun(
      path,
      2,
      fakeEvaluator({ fate: (_, nth) => (nth % 5 === 0 ? end : undefined) }),
    );
    const outcome = await startRun(fakeRunnable(), options);
    const bad = storedResult(path, outcome.runId).evaluations.filter(({ state }) => state !== 'ok');
    expect(bad.length).toBeGreaterThan(3);
    for (const { state, values, loss, reason: stored } of bad) {
      expect([state, values, loss, stored]).toEqual([end.kind, {}, undefined, reason]);
    }
    const names = evaluator.started.map(({ architectureHash, rung }) => `${architectureHash}/${rung}`);
    expect(new Set(names).size).toBe(names.length);
  });

  it('treats a loss that is no number as diverged', async () => {
    const path = newDatabase();
    const ok = { kind: 'ok', steps: 1, tokens: 1, trainSeconds: 1, compileSeconds: 0 } as const;
    const evaluator = fakeEvaluator({
      fate: (_, nth) => (nth === 2 ? { ...ok, bitsPerByte: Number.NaN } : undefined),
    });
    const outcome = await startRun(fakeRunnable(), fakeRun(path, 2, evaluator).options);
    const states = storedResult(path, outcome.runId).evaluations.map(({ state }) => state);
    expect(states.filter((state) => state === 'diverged')).toHaveLength(1);
  });

  it('ends with an empty front when everything fails', async () => {
    const evaluator = fakeEvaluator({ fate: () => ({ kind: 'diverged', step: 1, reason: 'NaN' }) });
    const outcome = await startRun(fakeRunnable(), fakeRun(newDatabase(), 2, evaluator).options);
    expect(outcome).toMatchObject({ kind: 'finished', front: { members: [], hypervolume: 0 } });
  });

  it('stops at a full disk without blaming the candidate, and goes on from there', async () => {
    const path = newDatabase();
    const runnable = fakeRunnable();
    const reason = 'ENOSPC: no space left on device, write';
    const full = fakeEvaluator({ fate: (_, nth) => (nth === 9 ? { kind: 'failed', reason } : undefined) });
    await expect(startRun(runnable, fakeRun(path, 2, full).options)).rejects.toThrow(
      /^the disk is full .* resume/,
    );
    const reader = new RunReader(path);
    const runId = reader.resolve('latest');
    expect(reader.run(runId).state).toBe('failed');
    reader.close();
    await resumeRun(runnable, runId, fakeRun(path).options);
    expect(storedResult(path)).toEqual(await undisturbed(runnable));
  });

  it('gives up when nothing but failures comes back, and says why', async () => {
    const path = newDatabase();
    const evaluator = fakeEvaluator({ fate: () => ({ kind: 'failed', reason: 'no engine' }) });
    await expect(startRun(fakeRunnable(), fakeRun(path, 2, evaluator).options)).rejects.toThrow(
      'the first 5 trainings failed: no engine; put that right and start anew',
    );
    const reader = new RunReader(path);
    const { state, events } = reader.run(reader.resolve('latest'));
    reader.close();
    expect(state).toBe('failed');
    expect(events.at(-1)).toMatchObject({
      detail: { reason: 'the first 5 trainings failed: no engine; put that right and start anew' },
    });
  });

  it('says that the baseline cannot train when constraints need its loss', async () => {
    const path = newDatabase();
    const baseline = candidateOf(64, [layer], 'fp16');
    const evaluator = fakeEvaluator({
      fate: ({ architectureHash }) =>
        architectureHash === hashOf(baseline.architecture)
          ? { kind: 'diverged', step: 1, reason: 'NaN' }
          : undefined,
    });
    const runnable = fakeRunnable({ baseline, constraints: ['loss <= 1.1 * baseline'] });
    await expect(startRun(runnable, fakeRun(path, 2, evaluator).options)).rejects.toThrow(
      'the baseline could not be trained (step 1: NaN)',
    );
    const reader = new RunReader(path);
    expect(reader.runs()[0]!.state).toBe('failed');
    reader.close();
  });

  it('refuses a space without a feasible member before anything is stored or trained', async () => {
    const path = newDatabase();
    const { options, evaluator } = fakeRun(path);
    const runnable = fakeRunnable({ constraints: ['memory <= 2 KB', 'parameters <= 1 M'] });
    await expect(startRun(runnable, options)).rejects.toThrow(
      /no feasible member among 2000 random ones: "memory <= 2 KB" rejects 100.0 %; the nearest misses "memory <= 2 KB" by \d+ %/,
    );
    expect(evaluator.started).toEqual([]);
    expect(() => new RunReader(path)).toThrow('no database');
  });
});

describe('stopping and resuming', () => {
  const runnable = fakeRunnable({ constraints: ['memory <= 120 KB'] });

  it('comes to the same result wherever it is interrupted', { timeout: 60_000 }, async () => {
    const whole = await undisturbed(runnable);
    const nEvaluations = whole.evaluations.length;
    for (let stopAfter = 1; stopAfter < nEvaluations; stopAfter += 4) {
      const path = newDatabase();
      let nEvaluated = 0;
      const first = fakeRun(path, 1 + (stopAfter % 3), fakeEvaluator(), (event, stop) => {
        if (event.kind === 'evaluated' && ++nEvaluated === stopAfter) stop();
      });
      const stopped = await startRun(runnable, first.options);
      expect(stopped.kind).toBe('interrupted');
      const second = fakeRun(path, 2);
      const resumed = await resumeRun(runnable, stopped.runId, second.options);
      expect(resumed.kind).toBe('finished');
      expect(storedResult(path)).toEqual(whole);
      const done = new Set(
        first.events.flatMap((event) =>
          event.kind === 'trained' && event.training.state === 'ok'
            ? [`${event.training.architectureHash}/${event.training.rung}`]
            : [],
        ),
      );
      for (const { architectureHash, rung } of second.evaluator.started) {
        expect(done.has(`${architectureHash}/${rung}`)).toBe(false);
      }
    }
  });

  it.each(SEARCH_ALGORITHMS.filter((name) => name !== 'nsga2'))(
    'holds for %s: any number of workers, interrupted or not',
    async (algorithm) => {
      const search = { algorithm, candidates: 16, population: 4, lag: 4 };
      const other = fakeRunnable({ search, constraints: ['memory <= 120 KB'] });
      const [one, four] = await Promise.all([undisturbed(other, 1), undisturbed(other, 4)]);
      expect(four).toEqual(one);
      expect(one.surrogate.length > 0).toBe(algorithm === 'guided');
      const path = newDatabase();
      let nEvaluated = 0;
      const first = fakeRun(path, 3, fakeEvaluator(), (event, stop) => {
        if (event.kind === 'evaluated' && ++nEvaluated === 13) stop();
      });
      const stopped = await startRun(other, first.options);
      await resumeRun(other, stopped.runId, fakeRun(path, 2).options);
      expect(storedResult(path)).toEqual(one);
    },
  );

  it('survives being interrupted again and again', async () => {
    const whole = await undisturbed(runnable);
    const path = newDatabase();
    const stopSoon = () => {
      let nTrained = 0;
      return fakeRun(path, 2, fakeEvaluator(), (event, stop) => {
        if (event.kind === 'trained' && ++nTrained === 5) stop();
      }).options;
    };
    let outcome = await startRun(runnable, stopSoon());
    let nResumed = 0;
    while (outcome.kind === 'interrupted') {
      nResumed++;
      outcome = await resumeRun(runnable, outcome.runId, stopSoon());
    }
    expect(nResumed).toBeGreaterThan(3);
    expect(storedResult(path)).toEqual(whole);
  });

  it('stops at once when the signal is aborted before the start', async () => {
    const { options, evaluator } = fakeRun(newDatabase());
    const outcome = await startRun(runnable, { ...options, signal: AbortSignal.abort() });
    expect(outcome.kind).toBe('interrupted');
    expect(evaluator.started).toEqual([]);
  });

  it('repeats nothing of a finished run', async () => {
    const path = newDatabase();
    const { runId } = await startRun(runnable, fakeRun(path).options);
    const before = storedResult(path);
    const again = fakeRun(path);
    await resumeRun(runnable, runId, again.options);
    expect(again.evaluator.started).toEqual([]);
    expect(storedResult(path)).toEqual(before);
  });

  it('refuses another corpus and another problem', async () => {
    const path = newDatabase();
    const stopped = await startRun(
      runnable,
      fakeRun(path, 2, fakeEvaluator(), (event, stop) => event.kind === 'generation' && stop()).options,
    );
    const dataset = { ...runnable.dataset, corpusSha256: '0'.repeat(64) };
    await expect(resumeRun({ ...runnable, dataset }, stopped.runId, fakeRun(path).options)).rejects.toThrow(
      /the corpus "moby-dick" is not the one/,
    );
    const other = fakeRunnable({ seed: 99 });
    await expect(resumeRun(other, stopped.runId, fakeRun(path).options)).rejects.toThrow(
      /is not what this version would have made/,
    );
  });
});
