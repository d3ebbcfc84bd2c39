import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  defineMetric,
  type OwnMetric,
  openRuns,
  resume,
  run,
  SpecError,
} from '../../../runs/library/index.ts';
import { commandLine } from '../cli/command-line.ts';
import { newDatabase, storedResult } from '../harness.ts';
import { carbon, quick, smallSpace } from './small.ts';

const withCarbon = (constraints: string[] = []) =>
  smallSpace({ objectives: ['loss', carbon()], constraints });

async function interrupted(space = withCarbon()) {
  const settings = quick();
  const running = run(space, settings);
  for await (const event of running) if (event.kind === 'evaluated') break;
  return { settings, runId: (await running.outcome).runId };
}

describe('a metric of one’s own', () => {
  it('is an objective like any other: minimised, stored, on the front', async () => {
    const settings = quick();
    const { runId } = await run(withCarbon(), settings).outcome;
    const runs = openRuns(settings.database);
    expect(runs.get(runId).objectives.map(({ metric }) => metric)).toEqual(['loss', 'carbon']);
    const all = runs.evaluations().filter(({ state }) => state === 'ok');
    for (const { values } of all) expect(values.carbon).toBe(values.energy);
    const members = runs.front('latest', { sort: { metric: 'carbon', descending: false } })!.members;
    const losses = members.map(({ evaluation }) => evaluation.values.loss!);
    expect(members.length).toBeGreaterThan(1);
    expect(losses).toEqual(losses.toSorted((a, b) => b - a));
  });

  it('counts upwards where more is better', async () => {
    const room = defineMetric({
      name: 'tokensPerJoule',
      better: 'higher',
      value: (_, cost) => 1 / cost.energyJoulesPerToken,
    });
    const settings = quick();
    await run(smallSpace({ objectives: ['loss', room] }), settings).outcome;
    const front = openRuns(settings.database).front()!;
    const best = Math.max(...front.members.map(({ evaluation }) => evaluation.values.tokensPerJoule!));
    const all = openRuns(settings.database).evaluations();
    const ofRung = all.filter(({ rung, state }) => rung === front.rung && state === 'ok');
    expect(best).toBe(Math.max(...ofRung.map(({ values }) => values.tokensPerJoule!)));
  });

  it('sees the deployed model, and constrains what is trained', async () => {
    const widths = new Set<number>();
    const width = defineMetric({
      name: 'width',
      better: 'lower',
      value: ({ architecture }) => {
        widths.add(architecture.dModel);
        return architecture.dModel;
      },
    });
    const scale = { width: 8, heads: 4, vocabSize: 1000, contextLength: 256 };
    const space = smallSpace({ scale, constraints: ['width <= 256'] }, { metrics: [width] });
    const settings = quick();
    await run(space, settings).outcome;
    // What breaks the constraint is priced, never trained.
    expect(widths).toEqual(new Set([32, 256, 512]));
    const candidates = openRuns(settings.database).candidates();
    expect(new Set(candidates.map(({ deployedCosts }) => deployedCosts.width))).toEqual(new Set([256]));
    expect(new Set(candidates.map(({ trainedCosts }) => trainedCosts.width))).toEqual(new Set([32]));
  });

  it('is shown by every command that shows a run', async () => {
    const settings = quick();
    await run(withCarbon(), settings).outcome;
    const folder = join(newDatabase(), '..');
    const ask = async (...words: string[]) => {
      const result = await commandLine(...words, '--db', settings.database);
      expect(result, words.join(' ')).toMatchObject({ exitCode: 0 });
      return result.stdout;
    };
    expect(await ask('front', 'latest')).toMatch(/lowest carbon/);
    expect(await ask('front', 'latest', '--where', 'carbon < 1.5 * best', '--sort', 'carbon')).toContain(
      'carbon',
    );
    expect(await ask('front', 'latest', '--csv')).toMatch(/^candidate,key,.*,carbon,/);
    expect(await ask('pick', 'latest', '--weights', 'carbon=2,loss=1')).toContain('carbon x2');
    expect(await ask('compare', 'latest', '0', '1')).toMatch(/^carbon {2,}/m);
    expect(await ask('show', 'latest')).toMatch(/carbon: from .* \(ideal\)/);
    expect(await ask('show', 'latest', '0')).toMatch(/^carbon {2,}/m);
    await ask('report', 'latest', '--out', join(folder, 'report.html'));
    const page = readFileSync(join(folder, 'report.html'), 'utf8');
    expect(page).toContain('grams of CO2 a token');
    const report = JSON.parse(await ask('report', 'latest', '--json'));
    expect(report.objectives).toEqual(['loss', 'carbon']);
    expect(report.rejected.notCounted).toContain('carbon is computed by the program');
    expect(report.reproduce.yaml).toMatch(/^# carbon: computed by the program/);
  });

  it('needs no function where a candidate is exported, paired or heard, and its value goes along', async () => {
    const space = smallSpace({
      objectives: ['loss', carbon()],
      draft: { lookup: true },
      search: { candidates: 2, population: 2, lag: 1, deploymentsPerArchitecture: 0 },
      training: { rungs: [4], warmupSteps: 1, evaluationTokens: 64 },
    });
    const database = newDatabase();
    const { runId } = await run(space, { database, threads: 1 }).outcome;
    const out = join(database, '..', 'model');
    for (const words of [
      ['export', runId, '0', '--out', out, '--formats', 'hf'],
      ['pair', runId, '0', '--lengths', '1', '--draft', 'lookup'],
      ['generate', runId, '0', '--prompt', 'The whale', '--tokens', '4'],
      ['optuna-export', runId, '--out', join(database, '..', 'study.db')],
    ]) {
      const { exitCode, stderr } = await commandLine(...words, '--db', database);
      expect([words[0], exitCode, stderr]).toEqual([
        words[0],
        0,
        expect.not.stringContaining('paretoformer:'),
      ]);
    }
    const { values } = openRuns(database).evaluations(runId, 0)[0]!;
    expect(JSON.parse(readFileSync(join(out, 'paretoformer.json'), 'utf8')).metrics.carbon).toBe(
      values.carbon,
    );
    expect(readFileSync(join(out, 'README.md'), 'utf8')).toMatch(/^\| carbon \| grams of CO2 a token \|/m);
  });

  it('needs its function again to resume, the same one, and says so', async () => {
    const space = withCarbon(['carbon <= 1']);
    const { settings, runId } = await interrupted(space);
    const without = resume(runId, settings).outcome;
    await expect(without).rejects.toThrow(/carbon is a metric of the program .* resume\(run, \{ metrics: /);
    const other = resume(runId, { ...settings, metrics: [carbon(2)] }).outcome;
    await expect(other).rejects.toThrow(
      /the function of "carbon" is not the one that run .* for candidate 0/,
    );
    expect(await commandLine('resume', runId, '--db', settings.database)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('carbon is a metric of the program that started the run'),
    });
    await resume(runId, { ...settings, metrics: [carbon()] }).outcome;
    const whole = quick();
    await run(space, whole).outcome;
    expect(storedResult(settings.database)).toEqual(storedResult(whole.database));
  });

  it('ends the run with a reason where its function fails', async () => {
    const failing = (value: OwnMetric['value']) =>
      run(smallSpace({ objectives: ['loss', { name: 'odd', better: 'lower', value }] }), quick()).outcome;
    await expect(failing(() => Number.NaN)).rejects.toThrow('"odd" gave NaN; it must give a finite number');
    await expect(
      failing(() => {
        throw new Error('no table');
      }),
    ).rejects.toThrow('the function of "odd" threw: no table');
  });

  it.each([
    [{ name: 'loss', better: 'lower', value: () => 1 }, 'metrics.loss: "loss" has a meaning already'],
    [{ name: 'depth', better: 'lower', value: () => 1 }, '"depth" has a meaning already'],
    [{ name: 'two words', better: 'lower', value: () => 1 }, 'a name is a letter, then'],
    [
      { name: 'a', better: 'less', value: () => 1 },
      'metrics.a.better: expected lower or higher, found "less"',
    ],
    [{ name: 'a', better: 'lower' }, 'metrics.a.value: expected a function'],
  ])('is refused where it makes no sense: %s', (metric, message) => {
    const objectives = ['loss', metric as unknown as OwnMetric] as const;
    expect(() => smallSpace({ objectives })).toThrow(message);
    expect(() => smallSpace({ objectives })).toThrow(SpecError);
  });
});
