import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { starterFile } from '../../../runs/cli/init.ts';
import { startRun } from '../../../runs/loop/execute.ts';
import { parseSpec } from '../../../space/load-spec.ts';
import { candidateOf } from '../fake.ts';
import { fakeRun, fakeRunnable, newDatabase } from '../harness.ts';
import { commandLine, tinyProject } from './command-line.ts';

const BROKEN = fileURLToPath(new URL('../../fixtures/space/broken', import.meta.url));

/** A finished run of the analytic world. */
let db: string;
beforeAll(async () => {
  db = newDatabase();
  const layer = { nHeads: 4, nKvHeads: 2, dFf: 64 };
  const runnable = fakeRunnable({ baseline: candidateOf(48, [layer, layer], 'int8') });
  await startRun(runnable, fakeRun(db).options);
});

const json = async (...argv: string[]) => {
  const { exitCode, stdout, stderr } = await commandLine(...argv, '--json', '--db', db);
  expect([exitCode, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
};

describe('what is wrong is said in one line', () => {
  it.each([
    [['front', 'latest', '--jsno'], 2, "unknown option '--jsno' (Did you mean --json?)"],
    [['fornt'], 2, "unknown command 'fornt' (Did you mean front?)"],
    [
      ['show'],
      2,
      "missing required argument 'run'; usage: paretoformer show [options] <run> [candidate]; 'latest', or an id",
    ],
    [['check'], 2, "usage: paretoformer check [options] <file>; 'paretoformer init' writes a file"],
    [['compare', 'latest', '1'], 2, "missing required argument 'b'; usage: paretoformer compare"],
    [['front', 'latest', '--sort', 'memroy'], 2, 'unknown metric "memroy" (did you mean "memory"?)'],
    [['front', 'latest', '--sort', 'memory:up'], 2, '--sort memory:up: the direction is asc or desc'],
    [
      ['front', 'latest', '--where', 'memory < 8'],
      2,
      '--where: memory is a quantity in bytes: "8" needs a unit',
    ],
    [
      ['front', 'latest', '--generation', 'two'],
      2,
      "option '--generation <n>' argument 'two' is invalid. Expected a whole number of at least 1.",
    ],
    [['front', 'latest', '--generation', '99'], 1, /has the generations 1 to \d+, not 99/],
    [['front', 'latest', '--csv', '--json'], 2, '--csv and --json exclude each other'],
    [['show', 'nothing'], 1, /no run "nothing" in \S+; 'paretoformer list --db \S+' shows those there are/],
    [['show', 'latst'], 1, 'no run "latst" in'],
    [['show', 'latst'], 1, '(did you mean "latest"?)'],
    [['front', 'latest', '--objectives', 'loss,latencies'], 2, '--objectives: unknown metric'],
    [['front', 'latest', '--sort', 'bytes'], 2, '--sort: "bytes" fits weightBytes and kvCacheBytes'],
    [
      ['pick', 'latest', '--weights', 'memory=1'],
      2,
      '--weights: unknown metric "memory"; known are loss, decodeLatency',
    ],
    [
      ['report', 'latest', '--out', '/nowhere/x.html'],
      1,
      '/nowhere/x.html cannot be written: there is no folder /nowhere',
    ],
    [
      ['show', 'latest', '9999'],
      1,
      /has no candidate "9999": they are numbered 0 to \d+; 'paretoformer front \S+ --db \S+' shows the best/,
    ],
    [['resume', 'nothing'], 1, 'no run "nothing"'],
    [
      ['run', 'nowhere.yaml'],
      2,
      "nowhere.yaml:1:1: no such file; 'paretoformer init nowhere.yaml' writes one to start from",
    ],
    [
      ['export', 'latest', 'pick'],
      2,
      "'--out <folder>' not specified; 'paretoformer help export' has examples",
    ],
    [['estimate'], 2, 'estimate needs a model file'],
    [['estimate', 'x.json'], 2, 'estimate needs --accelerator; known: '],
    [['estimate', 'x.json', '--accelerator', 'h200-sxmm'], 2, 'x.json: no such file'],
  ])('%j', async (argv, exitCode, message) => {
    const result = await commandLine(...argv, '--db', db);
    expect(result).toMatchObject({ exitCode, stdout: '' });
    expect(result.stderr).toMatch(message);
    expect(result.stderr.trimEnd()).not.toContain('\n');
  });

  it('for each broken file, with its place and nothing written', async () => {
    const { folder: parent } = tinyProject();
    const folder = join(parent, 'specs');
    mkdirSync(folder);
    for (const name of readdirSync(BROKEN)) {
      // A corpus that is there, so that the mistake is the only one.
      const text = readFileSync(join(BROKEN, name), 'utf8').replace(
        'corpus: moby-dick',
        'corpus: ../text.txt',
      );
      writeFileSync(join(folder, name), text);
    }
    const before = readdirSync(folder);
    expect(before.length).toBeGreaterThanOrEqual(20);
    for (const name of before) {
      for (const command of ['run', 'check']) {
        const result = await commandLine(command, join(folder, name), '--db', join(folder, 'runs.db'));
        expect(result).toMatchObject({ exitCode: 2, stdout: '' });
        const lines = result.stderr.trimEnd().split('\n');
        expect(lines).toHaveLength(1);
        expect(lines[0]).toMatch(new RegExp(`/${name}:\\d+:\\d+:? `));
      }
    }
    expect(readdirSync(folder)).toEqual(before);
  });

  it('of a text that is given in place of a search space', async () => {
    const { folder } = tinyProject();
    const text = join(folder, 'text.txt');
    for (const command of ['run', 'check']) {
      const { exitCode, stderr } = await commandLine(command, text, '--db', db);
      expect(exitCode).toBe(2);
      expect(stderr).toContain(`'paretoformer init space.yaml --corpus ${text}' writes one for a text`);
    }
  });

  it('when there is no database, and none is made', async () => {
    const missing = join(mkdtempSync(join(tmpdir(), 'paretoformer-')), 'none.db');
    for (const argv of [['list'], ['front', 'latest'], ['resume', 'latest']]) {
      const result = await commandLine(...argv, '--db', missing);
      expect(result.exitCode).toBe(1);
      expect(result.stderr).toMatch(/^paretoformer: no database at .*none\.db; start with/);
    }
    expect(existsSync(missing)).toBe(false);
  });
});

describe('init', () => {
  it('writes a valid file and never over another', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'paretoformer-')), 'space.yaml');
    expect(await commandLine('init', file)).toMatchObject({ exitCode: 0, stderr: '' });
    expect(parseSpec(readFileSync(file, 'utf8'), file).name).toBe('space');
    writeFileSync(file, 'mine');
    const second = await commandLine('init', file);
    expect(second).toMatchObject({
      exitCode: 2,
      stderr: `paretoformer: ${file} is there already; --force replaces it, or name another file\n`,
    });
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect(await commandLine('init', file, '--force', '--json')).toMatchObject({
      stdout: `${JSON.stringify({ file }, undefined, 2)}\n`,
    });
    expect(readFileSync(file, 'utf8')).toBe(starterFile('space'));
  });

  it('names a text and an accelerator as they are seen from the file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'paretoformer-'));
    mkdirSync(join(folder, 'deep'));
    const [text, file] = [join(folder, 'my text.txt'), join(folder, 'deep', 'space.yaml')];
    writeFileSync(text, 'Some words.\n\n'.repeat(400));
    const relativeText = relative(process.cwd(), text);
    const result = await commandLine('init', file, '--corpus', relativeText, '--accelerator', 'nvidia-l4');
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    const spec = parseSpec(readFileSync(file, 'utf8'), file);
    expect(spec.task.corpus).toBe('../my text.txt');
    expect(spec.accelerator).toBe('nvidia-l4');
    expect((await json('check', file, '--no-timing')).corpus.passes).toBeGreaterThan(80);
  });

  it.each([
    [['--corpus', 'none.txt'], 1, /none\.txt: no such file \(sotu and moby-dick/],
    [['--corpus', 'test'], 1, /a folder; name its files with a glob such as test\/\*\.txt/],
    [['--accelerator', 'h100'], 2, 'did you mean nvidia-h100-pcie or nvidia-h100-sxm?'],
  ] as const)('says what is wrong with %s and writes nothing', async (options, exitCode, message) => {
    const file = join(mkdtempSync(join(tmpdir(), 'paretoformer-')), 'space.yaml');
    const result = await commandLine('init', file, ...options);
    expect(result.exitCode).toBe(exitCode);
    expect(result.stderr).toMatch(message);
    expect(existsSync(file)).toBe(false);
  });

  it('quotes any name', () => {
    expect(parseSpec(starterFile('a: "b" #c'), 'x.yaml').name).toBe('a: "b" #c');
  });
});

describe('a candidate by name', () => {
  it('is a number, the beginning of a key, or one that stands out', async () => {
    const { knee, best } = await json('front', 'latest');
    const shown = async (name: string) => (await json('show', 'latest', name)).number;
    expect(await shown('lowest-loss')).toBe(best[0].candidate);
    expect(await shown('Lowest decodelatency')).toBe(best[1].candidate);
    expect(await shown('knee')).toBe(knee);
    expect(await shown('pick')).toBe((await json('pick')).candidate);
    expect(await shown(String(knee))).toBe(knee);
  });

  it('says who stands out where nobody does so', async () => {
    const { exitCode, stderr } = await commandLine('show', 'latest', 'lowest-price', '--db', db);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/is "lowest-price"; those that stand out: pick, .*lowest-loss/);
  });
});

describe('front', () => {
  it('orders by the first objective, best first, or as asked', async () => {
    const losses = (document: { members: { values: { loss: number } }[] }) =>
      document.members.map(({ values }) => values.loss);
    const plain = losses(await json('front', 'latest'));
    expect(plain.length).toBeGreaterThan(2);
    expect(plain).toEqual(plain.toSorted((a, b) => a - b));
    expect(losses(await json('front', 'latest', '--sort', 'loss:desc'))).toEqual(plain.toReversed());
    const fast = await json('front', 'latest', '--sort', 'throughput');
    expect(fast.members[0].values.throughput).toBe(
      Math.max(...fast.members.map((each: { values: { throughput: number } }) => each.values.throughput)),
    );
  });

  it('keeps the members that meet a condition, also beside the best and the baseline', async () => {
    const all = await json('front', 'latest');
    const [best, second, third] = all.members.map(({ values }: (typeof all.members)[0]) => values.loss);
    const factor = (second + third) / 2 / best;
    const near = await json('front', 'latest', '--where', `loss < ${factor} * best`);
    expect(near.members).toEqual(
      all.members.filter(({ values }: (typeof all.members)[0]) => values.loss < factor * best),
    );
    expect(near.members).toHaveLength(2);
    const baseline = (await json('show', 'latest', '0')).evaluations.at(-1).values.memory;
    const small = await json('front', 'latest', '--where', 'memory < baseline and not depth > 3');
    expect(small.members).toEqual(
      all.members.filter(
        ({ values, architecture }: (typeof all.members)[0]) =>
          values.memory < baseline && architecture.layers.length <= 3,
      ),
    );
  });

  it('can be found under other objectives, and is mutually non-dominated', async () => {
    const { members, objectives } = await json(
      'front',
      'latest',
      '--objectives',
      'throughput,loss,parameters',
    );
    expect(objectives.map(({ metric }: { metric: string }) => metric)).toEqual([
      'throughput',
      'loss',
      'parameters',
    ]);
    const points = members.map(({ values }: { values: Record<string, number> }) => [
      -values.throughput!,
      values.loss,
      values.parameters,
    ]);
    for (const a of points) {
      for (const b of points) {
        if (a === b) continue;
        const dominates =
          a.every((value: number, k: number) => value <= b[k]) &&
          a.some((value: number, k: number) => value < b[k]);
        expect(dominates).toBe(false);
      }
    }
  });

  it('of an earlier generation is smaller in hypervolume on the same rung', async () => {
    const last = await json('front', 'latest');
    const before = await json('front', 'latest', '--generation', String(last.generation - 1));
    expect(before.evaluations).toBeLessThan(last.evaluations);
    expect(before.rung).toBe(last.rung);
    expect(before.hypervolume).toBeLessThanOrEqual(last.hypervolume);
  });

  it('is CSV with one line a member and base units', async () => {
    const { members } = await json('front', 'latest');
    const { stdout } = await commandLine('front', 'latest', '--csv', '--db', db);
    const [heading, ...lines] = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(members.length);
    const at = heading!.split(',').indexOf('memory');
    expect(lines.map((line) => Number(line.split(',')[at]))).toEqual(
      members.map(({ values }: { values: { memory: number } }) => values.memory),
    );
  });

  it('is a table with units', async () => {
    const { stdout, stderr } = await commandLine('front', 'latest', '--db', db);
    expect(stderr).toBe('');
    expect(stdout).toMatch(
      /^run .*\(fake, finished\): generation \d+, \d+ evaluations, hypervolume 0\.\d{4}\n/,
    );
    expect(stdout).toMatch(/candidate {2}marked {2,}loss \(bits\/byte\) {2}decodeLatency/);
    expect(stdout).toMatch(/ µs {2}.*KiB/);
  });
});

describe('list and show', () => {
  it('list the runs', async () => {
    const [run] = await json('list');
    expect(run).toMatchObject({ name: 'fake', state: 'finished' });
    expect(run.createdAt).toMatch(/^\d{4}-\d\d-\d\dT/);
    const { stdout } = await commandLine('list', '--db', db);
    expect(stdout.split('\n')[1]).toContain(`${run.id}  fake  finished`);
  });

  it('show a run with its generations and events', async () => {
    const run = await json('show', 'latest');
    expect(run.events.map(({ kind }: { kind: string }) => kind)).toEqual(['started', 'finished']);
    expect(run.generations.at(-1).nTold).toBe(run.nEvaluations);
    const { stdout } = await commandLine('show', 'latest', '--db', db);
    expect(stdout).toContain('decodeLatency: from ');
  });

  it('show a candidate by number or key, with layers, costs and a breakdown', async () => {
    const candidate = await json('show', 'latest', '3');
    expect(await json('show', 'latest', candidate.key.slice(0, 6))).toEqual(candidate);
    expect(candidate.breakdown.length).toBeGreaterThan(candidate.architecture.layers.length);
    const { stdout } = await commandLine('show', 'latest', '3', '--db', db);
    for (const word of ['layer', 'kv heads', 'decodeLatency', 'feed-forward', candidate.key])
      expect(stdout).toContain(word);
  });
});

describe('estimate', () => {
  const file = (content: unknown) => {
    const path = join(mkdtempSync(join(tmpdir(), 'paretoformer-')), 'model.json');
    writeFileSync(path, JSON.stringify(content));
    return path;
  };
  const llama7b = {
    model_type: 'llama',
    hidden_size: 4096,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    intermediate_size: 11008,
    vocab_size: 32000,
  };

  it('reads a Hugging Face config, per-layer kv heads included', async () => {
    const argv = ['--accelerator', 'qualcomm-ai100-ultra', '--batch', '4'];
    const plain = await json('estimate', file(llama7b), ...argv);
    expect(plain.parameters).toBe(6_738_415_616);
    const mixed = {
      ...llama7b,
      num_key_value_heads_per_layer: Array.from({ length: 32 }, (_, at) => (at % 2 === 0 ? 4 : 1)),
    };
    const grouped = await json('estimate', '--config', file(mixed), ...argv);
    expect(grouped.kvBytesPerToken).toBeCloseTo((plain.kvBytesPerToken * 2.5) / 32, 6);
    for (const key of [
      'memoryBytesPerCard',
      'fits',
      'prefillSeconds',
      'decodeSecondsPerToken',
      'tokensPerSecond',
      'energyJoulesPerToken',
      'expectedError',
    ]) {
      expect(grouped).toHaveProperty(key);
    }
  });

  it('reads an architecture, and a candidate as show prints it', async () => {
    const candidate = await json('show', 'latest', '3');
    const shown = await json(
      'estimate',
      file(candidate),
      '--accelerator',
      'qualcomm-ai100-ultra',
      '--prompt',
      '32',
      '--generate',
      '32',
    );
    expect(shown.breakdown).toEqual(candidate.breakdown);
    const plain = {
      dModel: 512,
      headDim: 64,
      vocabSize: 1000,
      depth: 3,
      layer: { nHeads: 8, nKvHeads: 2, dFf: 0 },
    };
    const fp16 = await json('estimate', file(plain), '--accelerator', 'qualcomm-ai100-ultra');
    const mx = await json(
      'estimate',
      file(plain),
      '--accelerator',
      'qualcomm-ai100-ultra',
      '--weights',
      'mxfp4-e2m1',
      '--sparsity',
      '50%',
    );
    expect(mx.weightBytes).toBeLessThan(fp16.weightBytes / 3);
  });

  it('prints a table that says when a model does not fit', async () => {
    const huge = { ...llama7b, num_hidden_layers: 400 };
    const { stdout, exitCode } = await commandLine(
      'estimate',
      file(huge),
      '--accelerator',
      'qualcomm-ai100-standard',
    );
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/does not fit/);
    expect(stdout).toMatch(/feed-forward/);
  });

  it.each([
    [{ dModel: 512 }, /headDim: /],
    [{ ...llama7b, model_type: 'mamba' }, /unknown model_type "mamba"/],
    [[1], /not a model/],
    [{ dModel: 64, headDim: 8, vocabSize: 10, layers: [] }, /layers: /],
  ])('refuses %j', async (content, message) => {
    const result = await commandLine('estimate', file(content), '--accelerator', 'qualcomm-ai100-ultra');
    expect(result).toMatchObject({ exitCode: 2, stdout: '' });
    expect(result.stderr).toMatch(message);
  });
});

describe('the program', () => {
  it('tells its version and its commands', async () => {
    expect(await commandLine('--version')).toEqual({ exitCode: 0, stdout: '0.1.0\n', stderr: '' });
    const help = await commandLine('--help');
    expect(help.exitCode).toBe(0);
    for (const name of ['init', 'check', 'run', 'resume', 'list', 'show', 'front', 'estimate']) {
      expect(help.stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
      expect((await commandLine(name, '--help')).stdout).toContain('--json');
    }
    expect(await commandLine()).toMatchObject({ exitCode: 2, stdout: '' });
  });

  it('keeps quiet when its reader hangs up', async () => {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', 'runs/cli/main.ts', 'front', 'latest', '--json', '--db', db],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    const [exitCode] = await once(child, 'close');
    expect([exitCode, stderr]).toEqual([0, '']);
  });
});
