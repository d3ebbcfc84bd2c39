import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { openRuns, type RunEvent, resume, run, StoreError } from '../../../runs/library/index.ts';
import { commandLine } from '../cli/command-line.ts';
import { storedResult } from '../harness.ts';
import { quick, smallSpace } from './small.ts';

async function eventsOf(stream: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

describe('the events of a run', () => {
  it('come in order, from its start to its end, beside its outcome', async () => {
    const settings = quick();
    const running = run(smallSpace(), settings);
    const events = await eventsOf(running);
    const outcome = await running.outcome;
    expect(events[0]).toMatchObject({ kind: 'started', name: 'small', maxThreads: 2 });
    expect(events.at(-1)).toMatchObject({ kind: 'finished', runId: outcome.runId });
    const evaluated = events.filter((event) => event.kind === 'evaluated');
    expect(evaluated).toHaveLength(openRuns(settings.database).evaluations().length);
    const hypervolumes = events.flatMap((event) =>
      event.kind === 'generation' ? event.front.hypervolume : [],
    );
    expect(hypervolumes).toEqual(
      openRuns(settings.database)
        .generations()
        .map(({ hypervolume }) => hypervolume),
    );
  });

  it('can be read once, and need not be read at all', async () => {
    const running = run(smallSpace(), quick());
    expect((await running.outcome).kind).toBe('finished');
    expect((await eventsOf(running)).at(-1)?.kind).toBe('finished');
    expect(() => running[Symbol.asyncIterator]()).toThrow('can be read once');
  });

  it('wait for a slow reader without holding the run up', async () => {
    const running = run(smallSpace(), quick());
    const kinds: string[] = [];
    for await (const event of running) {
      kinds.push(event.kind);
      if (kinds.length === 1) expect((await running.outcome).kind).toBe('finished');
    }
    expect(kinds[0]).toBe('started');
    expect(kinds.at(-1)).toBe('finished');
  });

  it('keep only the latest progress of a training that nobody has read', async () => {
    const space = smallSpace();
    const { evaluator, ...settings } = quick();
    const talkative = {
      ...evaluator,
      evaluate: async (...[task, signal, onProgress]: Parameters<typeof evaluator.evaluate>) => {
        for (let step = 1; step <= 500; step++) onProgress?.({ step, totalSteps: 500, loss: 1 / step });
        return evaluator.evaluate(task, signal);
      },
    };
    const running = run(space, { ...settings, evaluator: talkative });
    await running.outcome;
    const progress = (await eventsOf(running)).filter((event) => event.kind === 'progress');
    expect(progress.length).toBeGreaterThan(3);
    expect(new Set(progress.map(({ progress: { step } }) => step))).toEqual(new Set([500]));
    const trainings = progress.map(({ architectureHash, rung }) => `${architectureHash}/${rung}`);
    expect(new Set(trainings).size).toBe(trainings.length);
  });
});

describe('stopping', () => {
  const slow = { train: async () => sleep(5, 2) };

  it('leaving the loop stops the run, which resumes to the result it would have had', async () => {
    const space = smallSpace();
    const whole = quick(slow);
    await run(space, whole).outcome;
    for (const after of [1, 6, 15]) {
      const settings = quick(slow);
      let nEvents = 0;
      const running = run(space, settings);
      for await (const _ of running) if (++nEvents === after) break;
      const { kind, runId } = await running.outcome;
      expect(kind).toBe('interrupted');
      expect(openRuns(settings.database).get(runId).state).toBe('interrupted');
      const resumed = resume(runId, settings);
      expect((await eventsOf(resumed))[0]?.kind).toBe('resumed');
      expect((await resumed.outcome).kind).toBe('finished');
      expect(storedResult(settings.database)).toEqual(storedResult(whole.database));
    }
  });

  it('an error of the reader stops the run as well, and reaches the reader', async () => {
    const running = run(smallSpace(), quick(slow));
    const reading = async () => {
      for await (const event of running) if (event.kind === 'evaluated') throw new Error('enough');
    };
    await expect(reading()).rejects.toThrow('enough');
    expect((await running.outcome).kind).toBe('interrupted');
  });

  it('a signal and stop() do the same, however early', async () => {
    const controller = new AbortController();
    const settings = quick(slow);
    const running = run(smallSpace(), { ...settings, signal: controller.signal });
    for await (const event of running) if (event.kind === 'evaluated') controller.abort();
    expect((await running.outcome).kind).toBe('interrupted');
    const aborted = run(smallSpace(), { ...quick(slow), signal: AbortSignal.abort() });
    expect((await eventsOf(aborted)).at(-1)?.kind).toBe('interrupted');
    expect((await run(smallSpace(), quick(slow)).stop()).kind).toBe('interrupted');
  });
});

describe('a run that fails', () => {
  it('throws in the loop, and rejects its outcome', async () => {
    const broken = () => run(smallSpace({ constraints: ['memory <= 1 KiB'] }), quick());
    await expect(eventsOf(broken())).rejects.toThrow('no feasible member');
    await expect(broken().outcome).rejects.toThrow('no feasible member');
    const missing = run(smallSpace(), { database: '/nowhere/at/all.db' });
    await expect(missing.outcome).rejects.toThrow(StoreError);
  });

  it('refuses settings that make no sense', async () => {
    for (const threads of [0, 1.5, Number.NaN]) {
      await expect(run(smallSpace(), { ...quick(), threads }).outcome).rejects.toThrow('at least 1');
    }
    await expect(resume('latest', { database: '/nowhere.db' }).outcome).rejects.toThrow('no database');
  });
});

describe('an evaluator of one’s own', () => {
  async function interrupted(evaluator: boolean) {
    const { evaluator: own, ...settings } = quick();
    const running = run(
      smallSpace({ training: { rungs: [4], warmupSteps: 1, evaluationTokens: 64 } }),
      evaluator ? { ...settings, evaluator: own } : settings,
    );
    for await (const event of running) if (event.kind === 'evaluated') break;
    return { own, settings, runId: (await running.outcome).runId };
  }

  it('goes on where it began, and no trainer in its place', async () => {
    const { own, settings, runId } = await interrupted(true);
    await expect(resume(runId, settings).outcome).rejects.toThrow(/own evaluator: only there can it go on/);
    expect(await commandLine('resume', runId, '--db', settings.database)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('resume(run, { evaluator })'),
    });
    expect((await resume(runId, { ...settings, evaluator: own }).outcome).kind).toBe('finished');
  });

  it('takes over no run of the trainer', async () => {
    const { own, settings, runId } = await interrupted(false);
    await expect(resume(runId, { ...settings, evaluator: own }).outcome).rejects.toThrow(
      'was started with the built-in trainer',
    );
  });

  it('leaves no weights, and what asks for them says so', async () => {
    const { settings, runId } = await interrupted(true);
    for (const words of [
      ['export', runId, '0', '--out', join(settings.database, '..', 'model')],
      ['pair', runId, '0'],
      ['generate', runId, '0', '--prompt', 'The whale', '--retrain'],
    ]) {
      expect(await commandLine(...words, '--db', settings.database)).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining("its program's own evaluator, which leaves no weights"),
      });
    }
  });
});
