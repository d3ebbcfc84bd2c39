// The engine of a run: chosen in the file or beside it, refused where it does not work, kept by `resume`.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkEngine } from '../../../evaluators/index.ts';
import { engineOf, withEngine } from '../../../runs/plan/engine.ts';
import { RunReader } from '../../../runs/store/queries.ts';
import { DEFAULT_ENGINE, type EngineSpec } from '../../../space/engine-spec.ts';
import type { RunSpec } from '../../../space/spec.ts';
import { commandLine, program, tinyProject } from '../cli/command-line.ts';
import { fakeRunnable } from '../harness.ts';

const CANDIDATES: readonly EngineSpec[] = [
  { ...DEFAULT_ENGINE, name: 'wasm' },
  { ...DEFAULT_ENGINE, provider: 'cuda' },
  { ...DEFAULT_ENGINE, name: 'tensorflow' },
];

async function missingEngine(): Promise<EngineSpec | undefined> {
  for (const engine of CANDIDATES) if (await checkEngine(engine).catch(() => 'missing')) return engine;
  return undefined;
}

const optionsOf = ({ name, provider }: EngineSpec) => ['--engine', name, '--provider', provider];

describe('the engine of a spec', () => {
  const spec = fakeRunnable().spec;
  const of = (engine: Partial<EngineSpec>): RunSpec => ({
    ...spec,
    engine: { ...DEFAULT_ENGINE, ...engine },
  });

  it('is changed by what is asked for, and starts anew under another name', () => {
    expect(withEngine(of({ threads: 3 }), {}).engine).toEqual({ ...DEFAULT_ENGINE, threads: 3 });
    expect(withEngine(of({ threads: 3 }), { provider: 'cuda' }).engine).toEqual({
      name: 'onnx',
      provider: 'cuda',
      threads: 3,
    });
    expect(withEngine(of({ threads: 3, provider: 'cuda' }), { name: 'wasm' }).engine).toEqual({
      ...DEFAULT_ENGINE,
      name: 'wasm',
    });
  });

  it('is the default one in runs that were stored before there was a choice', () => {
    const { engine: _, ...old } = spec;
    expect(engineOf(old)).toEqual(DEFAULT_ENGINE);
    expect(withEngine(old as RunSpec, { threads: 2 }).engine).toEqual({ ...DEFAULT_ENGINE, threads: 2 });
  });
});

describe('what does not work is one line before anything is written', () => {
  it.each([
    [['--engine', 'onxx'], /--engine: unknown value "onxx" \(did you mean "onnx"\?\)/],
    [['--provider', 'rocm'], /--provider: unknown value "rocm"; known: cpu, cuda, webgpu/],
    [['--engine', 'cpu', '--provider', 'cuda'], /provider "cuda" is of engine "onnx", not of "cpu"/],
    [['--engine', 'cpu', '--engine-threads', '2'], /engine "cpu" chooses its threads itself/],
    [['--engine-threads', '0'], /a whole number of at least 1/],
  ])('%j', async (options, message) => {
    const { file, db } = tinyProject();
    for (const command of ['run', 'check']) {
      const result = await commandLine(command, file, ...options, '--db', db);
      expect(result).toMatchObject({ exitCode: 2, stdout: '' });
      expect(result.stderr).toMatch(message);
      expect(result.stderr.trimEnd()).not.toContain('\n');
    }
    expect(existsSync(db)).toBe(false);
  });

  it('an engine that is not there', async () => {
    const engine = await missingEngine();
    if (engine === undefined) return;
    const inFile = tinyProject(`engine: { name: ${engine.name}, provider: ${engine.provider} }\n`);
    const beside = tinyProject();
    const calls = [
      { ...inFile, options: [] },
      { ...beside, options: optionsOf(engine) },
    ];
    for (const { folder, file, db, options } of calls) {
      const before = readdirSync(folder);
      const result = await program(['run', file, ...options, '--db', db]);
      expect(result).toMatchObject({ exitCode: 2, stdout: '' });
      expect(result.stderr).toMatch(new RegExp(`^paretoformer: engine "${engine.name}" .+\\n$`));
      expect(readdirSync(folder)).toEqual(before);
    }
  });
});

describe('a run on another engine', { timeout: 90_000 }, () => {
  it('stores it, resumes on it, and notes where it was resumed on another', async () => {
    const { file, db } = tinyProject();
    const short = 'training: { rungs: [2, 4], warmupSteps: 1, batch: 2, evaluationTokens: 64 }';
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^training: .*$/m, short));
    /** Runs a command until its first result. */
    const begin = (...argv: string[]) => {
      let isStopped = false;
      return program([...argv, '--threads', '1', '--db', db], (line, kill) => {
        if (isStopped || !line.startsWith('[')) return;
        isStopped = true;
        kill('SIGINT');
      });
    };
    expect((await begin('run', file, '--engine', 'cpu')).exitCode).toBe(130);
    expect((await begin('resume', 'latest')).exitCode).toBe(130);
    const other = await program(['resume', 'latest', '--engine', 'onnx', '--db', db]);
    expect(other, other.stderr).toMatchObject({ exitCode: 0 });
    expect(other.stderr).toContain(
      'what onnx computes from here on differs in the last digits from what cpu would',
    );
    const reader = new RunReader(db);
    const { spec, versions, events } = reader.run(reader.resolve('latest'));
    reader.close();
    expect((spec as RunSpec).engine).toEqual({ ...DEFAULT_ENGINE, name: 'cpu' });
    expect(Object.keys(versions)).toContain('@tensorflow/tfjs');
    const resumed = events.filter(({ kind }) => kind === 'resumed').map(({ detail }) => detail);
    expect(resumed).toEqual([undefined, { engine: DEFAULT_ENGINE }]);
    const shown = await commandLine('show', 'latest', '--db', db);
    expect(shown.stdout).toContain(', engine cpu\n');
  });
});
