import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { weightsOf } from '../../../runs/cli/pick.ts';
import { type PlotPoint, plot } from '../../../runs/cli/plot.ts';
import { watch } from '../../../runs/cli/watch.ts';
import { parseSpec, specHash } from '../../../space/load-spec.ts';
import { commandLine } from '../cli/command-line.ts';
import { newDatabase } from '../harness.ts';
import { demoRun } from './demo.ts';

interface Member {
  readonly candidate: number;
  readonly values: Readonly<Record<string, number>>;
}

const db = newDatabase();
let runId: string;
beforeAll(async () => {
  runId = await demoRun(db, { candidates: 40 });
}, 60_000);

const text = async (...argv: string[]) => {
  const { exitCode, stdout, stderr } = await commandLine(...argv, '--db', db);
  expect([exitCode, stderr]).toEqual([0, '']);
  return stdout;
};
const json = async (...argv: string[]) => JSON.parse(await text(...argv, '--json'));
const failure = async (...argv: string[]) => {
  const { exitCode, stdout, stderr } = await commandLine(...argv, '--db', db);
  expect(stdout).toBe('');
  return [exitCode, stderr.trim()];
};

describe('front', () => {
  it('marks the knee and the ends, the same in table and JSON', async () => {
    const { members, knee, best } = await json('front', 'latest');
    const table = await text('front', 'latest');
    for (const { metric, candidate } of best) {
      const least = Math.min(...members.map((member: Member) => member.values[metric]!));
      expect(members.find((each: Member) => each.candidate === candidate)!.values[metric]).toBe(least);
      expect(table).toMatch(new RegExp(`^ *${candidate} .*lowest ${metric}`, 'm'));
    }
    if (knee !== undefined) expect(table).toMatch(new RegExp(`^ *${knee} .*knee`, 'm'));
  });

  it('draws itself where it is asked to, and not where its output is piped', async () => {
    expect(await text('front', 'latest')).not.toContain('└');
    const drawn = await text('front', 'latest', '--plot');
    expect(drawn).toContain('loss (bits/byte)');
    expect(drawn).toMatch(/└─+\n.*decodeLatency/);
  });

  it('watches a finished run once', async () => {
    const once = await text('front', 'latest', '--watch');
    expect(once).toBe(await text('front', 'latest'));
    expect(await failure('front', 'latest', '--watch', '--csv')).toEqual([
      2,
      'paretoformer: --watch shows a table: leave --csv and --json out',
    ]);
  });
});

describe('pick', () => {
  it('names the choice, why, what comes next and how firm it is', async () => {
    const { members } = await json('front', 'latest');
    const picked = await json('pick', 'latest', '--weights', 'loss=2,latency=1');
    expect(picked.weights).toEqual([
      { metric: 'loss', weight: 2 },
      { metric: 'decodeLatency', weight: 1 },
    ]);
    expect(picked.ranking).toHaveLength(members.length);
    expect(members.map(({ candidate }: Member) => candidate)).toContain(picked.candidate);
    const said = await text('pick', 'latest', '--weights', 'loss=2,latency=1');
    expect(said).toContain(
      `candidate ${picked.candidate} of run ${runId}, one of ${members.length} members, for loss x2, decodeLatency x1`,
    );
    expect(said).toContain('why:');
    expect(said).toContain(`next: paretoformer show ${runId} ${picked.candidate} --db ${db}`);
  });

  it('goes to the end of an objective that is all that counts', async () => {
    const { best } = await json('front', 'latest');
    for (const { metric, candidate } of best) {
      const { members } = await json('front', 'latest');
      const value = (number: number) =>
        members.find((each: Member) => each.candidate === number)!.values[metric]!;
      expect(value((await json('pick', 'latest', '--weights', `${metric}=1`)).candidate)).toBe(
        value(candidate),
      );
    }
  });

  it('chooses among those that meet a condition', async () => {
    const { members } = await json('front', 'latest', '--sort', 'memory');
    const limit = members[1].values.memory;
    const { candidate } = await json('pick', 'latest', '--where', `memory <= ${limit} B`);
    expect(members.find((each: Member) => each.candidate === candidate).values.memory).toBeLessThanOrEqual(
      limit,
    );
    expect(await failure('pick', 'latest', '--where', 'memory < 1 B')).toEqual([
      1,
      expect.stringMatching(
        /^paretoformer: no member meets --where: on the front memory goes from \d+ MiB to \d+ MiB$/,
      ),
    ]);
  });

  it('says what is wrong with weights', async () => {
    expect(await failure('pick', 'latest', '--weights', 'lss=1')).toEqual([
      2,
      'paretoformer: --weights: unknown metric "lss" (did you mean "loss"?)',
    ]);
    for (const bad of ['loss', 'loss=0', 'loss=-1', 'loss=x', 'loss=1=2', '=1', '']) {
      const [exitCode, said] = await failure('pick', 'latest', '--weights', bad);
      expect([exitCode, said]).toEqual([2, expect.stringContaining('expected objective=weight')]);
    }
    expect(() => weightsOf('loss=1,loss=2', ['loss'])).toThrow('loss is listed twice');
    expect(() => weightsOf('bytes=1', ['weightBytes', 'kvCacheBytes'])).toThrow(
      '"bytes" fits weightBytes and kvCacheBytes',
    );
    expect(weightsOf(' KV = 1 ', ['weightBytes', 'kvCacheBytes'])).toEqual([
      { metric: 'kvCacheBytes', weight: 1 },
    ]);
  });
});

describe('compare', () => {
  it('sets two candidates side by side and gives a verdict', async () => {
    const { best } = await json('front', 'latest');
    const a = best[0].candidate;
    const b = best[1].candidate;
    const compared = await json('compare', 'latest', String(a), String(b));
    expect([compared.a.candidate, compared.b.candidate]).toEqual([a, b]);
    expect(compared.verdict).toMatch(
      new RegExp(`^candidate ${a} has .* lower loss; candidate ${b} has .* lower decodeLatency`),
    );
    const said = await text('compare', 'latest', String(a), compared.b.key.slice(0, 6));
    expect(said).toContain(compared.verdict);
    expect(said).toMatch(/^ +0 {2}\S/m);
  });

  it('sees a candidate that is no better anywhere, and one that is the same', async () => {
    const { members } = await json('front', 'latest');
    const { verdict } = await json(
      'compare',
      'latest',
      String(members[0].candidate),
      String(members[0].candidate),
    );
    expect(verdict).toBe('they are one and the same candidate');
    expect(await failure('compare', 'latest', '0', '99999')).toEqual([
      1,
      expect.stringContaining('has no candidate "99999"'),
    ]);
  });
});

describe('report', () => {
  it('writes one page and says where', async () => {
    const out = join(dirname(db), 'page.html');
    const { exitCode, stdout, stderr } = await commandLine('report', 'latest', '--out', out, '--db', db);
    expect([exitCode, stdout.trim()]).toEqual([0, out]);
    expect(stderr).toContain(runId);
    expect(readFileSync(out, 'utf8')).toMatch(/^<!doctype html>/);
    expect(await failure('report', 'latest', '--out', dirname(db))).toEqual([
      1,
      `paretoformer: ${dirname(db)} cannot be written: it is a folder`,
    ]);
  });

  it('gives the same data to programs, with a specification that can be run again', async () => {
    const { reproduce } = await json('report', 'latest');
    expect(specHash(parseSpec(reproduce.yaml, 'space.yaml'))).toBe(reproduce.specSha256);
  });
});

describe('a picture in characters', () => {
  const options = { xName: 'memory', yName: 'loss', formatX: String, formatY: String, width: 60, height: 10 };
  it('places points by their values and the knee by its sign', () => {
    const points: PlotPoint[] = [
      { x: 0, y: 10, label: 'first', isKnee: false },
      { x: 5, y: 2, label: '', isKnee: true },
      { x: 10, y: 0, label: 'last', isKnee: false },
    ];
    const lines = plot(points, options).split('\n');
    expect(lines[1]).toBe('10 ┤● first');
    expect(lines.at(-3)).toMatch(/^ 0 ┤ +last ●$/);
    expect(lines.findIndex((line) => line.includes('◆'))).toBe(8);
    expect(lines.at(-1)).toMatch(/^ +0 +memory +10$/);
  });

  it('never runs over its width, whatever it is given', () => {
    const point = fc.record({
      x: fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }),
      y: fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }),
      label: fc.string({ maxLength: 30, unit: 'grapheme-ascii' }),
      isKnee: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(point, { maxLength: 40 }), fc.integer({ min: 30, max: 120 }), (points, width) => {
        const format = (value: number) => value.toFixed(1);
        const picture = plot(points, { ...options, width, formatX: format, formatY: format });
        if (points.length === 0) expect(picture).toBe('');
        else {
          const lines = picture.split('\n');
          expect(lines).toHaveLength(13);
          for (const line of lines) expect(Array.from(line).length).toBeLessThanOrEqual(width);
        }
      }),
    );
  });
});

describe('watching', () => {
  it('prints what is new until the run ends', async () => {
    const frames = ['a', 'a', 'b', 'b', 'c'];
    let at = 0;
    const look = () => ({ text: frames[at]!, isRunning: ++at < frames.length });
    const written: string[] = [];
    await watch(look, { write: (part) => written.push(part) }, 1);
    expect(written).toEqual(['a\n', '\nb\n', '\nc\n']);
    at = 0;
    written.length = 0;
    await watch(look, { isTTY: true, write: (part) => written.push(part) }, 1);
    expect(written).toEqual(['a', 'b', 'c'].map((frame) => `\u001b[H\u001b[J${frame}\n`));
  });
});
