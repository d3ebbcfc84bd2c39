// `export` on a really trained run, by its command line.
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors } from '../../../evaluators/checkpoint/safetensors.ts';
import { isPlainLlama, modelFromHuggingFace } from '../../../hardware/index.ts';
import { readModelFile } from '../../../runs/candidates/model-file.ts';
import { type ExportReport, exportCandidate } from '../../../runs/export/export-candidate.ts';
import { writeTokenizer } from '../../../runs/export/model-folder.ts';
import { EXPORT_FORMATS } from '../../../runs/export/request.ts';
import { RUNTIMES } from '../../../runs/export/runtimes.ts';
import { openSource } from '../../../runs/export/source.ts';
import { startRun } from '../../../runs/loop/execute.ts';
import { checkpointFolderOf } from '../../../runs/plan/train.ts';
import { RunReader } from '../../../runs/store/queries.ts';
import type { CandidateRecord } from '../../../runs/store/records.ts';
import { countParameters } from '../../../space/architecture.ts';
import { deployedArchitecture } from '../../../space/scale.ts';
import { commandLine, tinyProject } from '../cli/command-line.ts';
import { fakeRun, fakeRunnable, newDatabase } from '../harness.ts';

const project = tinyProject('compression: { recoverySteps: 2 }\n');
const { db } = project;
let runId: string;
let candidates: CandidateRecord[];

beforeAll(async () => {
  const { exitCode, stderr } = await commandLine('run', project.file, '--db', db, '--quiet', '--json');
  expect([exitCode, stderr]).toEqual([0, '']);
  const reader = new RunReader(db);
  runId = reader.resolve('latest');
  candidates = reader.candidates(runId);
  reader.close();
}, 60_000);

const newFolder = () => join(mkdtempSync(join(tmpdir(), 'paretoformer-export-')), 'model');
const json = (folder: string, name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));

async function exported(
  candidate: number,
  ...options: string[]
): Promise<{ out: string; report: ExportReport }> {
  const out = newFolder();
  const argv = ['export', 'latest', String(candidate), '--out', out, '--db', db, '--json', ...options];
  const { exitCode, stdout, stderr } = await commandLine(...argv);
  expect([exitCode, stderr]).toEqual([0, '']);
  return { out, report: JSON.parse(stdout) };
}

describe('a folder', () => {
  it('holds every form of a candidate, checked, with what the run found', async () => {
    for (const { number, architecture, deployment, key } of candidates) {
      const { out, report } = await exported(number, '--uniform');
      const isPlain = isPlainLlama(architecture);
      expect(report).toMatchObject({ run: runId, candidate: number, key, out, weights: 'deployed' });
      expect(report.form).toBe(isPlain ? 'llama' : 'per-layer');
      expect(report.loss.deployedNow).toBeCloseTo(report.loss.deployed, 9);
      expect(report.loss.file).toBe(report.loss.deployedNow);
      expect(report.logits.prefill).toBeLessThan(1e-4);
      expect(report.logits.decode).toBeLessThan(1e-4);
      for (const { path, bytes, sha256 } of report.files) {
        const content = readFileSync(join(out, path));
        expect([content.length, createHash('sha256').update(content).digest('hex')]).toEqual([bytes, sha256]);
      }
      expect(modelFromHuggingFace(json(out, 'config.json'))).toEqual(architecture);
      const relative = deployedArchitecture(architecture, {
        width: 64,
        heads: 8,
        contextLength: 2048,
        vocabSize: 32_000,
      });
      expect(modelFromHuggingFace(json(out, 'deployed/config.json'))).toEqual(relative);
      expect(existsSync(join(out, 'uniform'))).toBe(!isPlain);
      if (!isPlain) {
        expect(report.loss.uniform).toBeCloseTo(report.loss.file, 5);
        expect(isPlainLlama(modelFromHuggingFace(json(out, 'uniform/config.json')))).toBe(true);
      }
      expect(readModelFile(join(out, 'paretoformer.json'))).toMatchObject({ shape: relative, deployment });
    }
    expect(candidates.some(({ architecture }) => !isPlainLlama(architecture))).toBe(true);
  }, 60_000);

  it('is described for people', async () => {
    const { out } = await exported(0);
    const card = readFileSync(join(out, 'README.md'), 'utf8');
    expect(card).toMatch(/^---\nlibrary_name: transformers\n/);
    for (const text of [
      '# tiny, candidate 0',
      runId,
      'your own files (`text.txt`)',
      '## Architecture',
      '## Expected costs',
      'Qualcomm Cloud AI 100 Ultra of the larger relative',
      'mean error decode',
      '## What loads what',
      'AutoModelForCausalLM',
      'onnx/prefill.onnx',
    ])
      expect(card).toContain(text);
    expect(card).not.toMatch(/undefined|NaN|Infinity|\[object/);
    const { exitCode, stdout } = await commandLine(
      'export',
      'latest',
      '0',
      '--out',
      newFolder(),
      '--db',
      db,
      '--formats',
      'hf',
    );
    expect(exitCode).toBe(0);
    expect(stdout).toContain('every file was read back and found right');
  });

  it('can be priced again', async () => {
    const { out } = await exported(0, '--formats', 'hf');
    const { exitCode, stdout } = await commandLine(
      'estimate',
      join(out, 'config.json'),
      '--accelerator',
      'qualcomm-ai100-ultra',
      '--json',
    );
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ parameters: countParameters(candidates[0]!.architecture) });
  });

  it('holds only what was asked for', async () => {
    const { out, report } = await exported(0, '--formats', 'onnx');
    expect(report.files.map(({ path }) => path)).toEqual([
      'README.md',
      'onnx/decode.onnx',
      'onnx/prefill.onnx',
      'onnx/weights.onnx_data',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    expect(readdirSync(out)).toContain('paretoformer.json');
    expect(readFileSync(join(out, 'README.md'), 'utf8')).not.toContain('AutoModelForCausalLM');
  });

  it('has the weights in another type, or as they were trained', async () => {
    const dtypeOf = (out: string) =>
      new Set(
        [...readSafetensors(join(out, 'model.safetensors')).tensors.values()].map(({ dtype }) => dtype),
      );
    const half = await exported(0, '--formats', 'hf', '--dtype', 'bfloat16');
    expect(dtypeOf(half.out)).toEqual(new Set(['BF16']));
    expect(json(half.out, 'config.json').torch_dtype).toBe('bfloat16');
    expect(Math.abs(half.report.loss.file - half.report.loss.deployed)).toBeLessThan(0.02);
    const trained = await exported(0, '--formats', 'hf', '--as-trained');
    expect(trained.report.weights).toBe('trained');
    expect(trained.report.loss.file).toBeCloseTo(trained.report.loss.trained!, 9);
    expect(dtypeOf(trained.out)).toEqual(new Set(['F32']));
  });
});

describe('the page of documentation', () => {
  const page = readFileSync(new URL('../../../docs/export.md', import.meta.url), 'utf8');
  const commands = [...page.matchAll(/```sh\n(.*?)```/gs)].flatMap(([, block]) => block!.trim().split('\n'));

  it('shows commands that work, one after the other', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'paretoformer-export-'));
    expect(commands.length).toBeGreaterThan(4);
    for (const command of commands) {
      const [name, ...argv] = command.split(' ');
      expect(name).toBe('paretoformer');
      const placed = argv.map((word, i) => (argv[i - 1] === '--out' ? join(folder, word) : word));
      const { exitCode, stdout } = await commandLine(...placed, '--db', db);
      expect([command, exitCode]).toEqual([command, 0]);
      expect(stdout).not.toBe('');
    }
  });

  it('says of runtimes what the card says', () => {
    for (const { name, perLayer } of RUNTIMES) expect(page).toContain(`| ${name} | ${perLayer} |`);
  });
});

describe('nothing is exported', () => {
  const run = (...argv: string[]) => commandLine('export', 'latest', '0', '--db', db, ...argv);

  it.each([
    [['--formats', 'hf,gguf'], '--formats: unknown value "gguf"'],
    [['--dtype', 'float8'], '--dtype: unknown value "float8"'],
    [['--uniform', '--formats', 'onnx'], '--uniform writes a Hugging Face model'],
  ])('for %j', async (options, message) => {
    const out = newFolder();
    const { exitCode, stderr } = await run('--out', out, ...options);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
    expect(readdirSync(dirname(out))).toEqual([]);
  });

  it('over what is there, unless it is an earlier export and --force is given', async () => {
    const { out } = await exported(0, '--formats', 'compressed');
    const before = statSync(join(out, 'paretoformer.json')).mtimeMs;
    expect(await run('--out', out)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('--force'),
    });
    expect(statSync(join(out, 'paretoformer.json')).mtimeMs).toBe(before);
    expect(await run('--out', out, '--force', '--formats', 'onnx')).toMatchObject({ exitCode: 0 });
    expect(existsSync(join(out, 'compressed.safetensors'))).toBe(false);
  });

  it('when the weights are gone, until they are trained anew to the same', async () => {
    const { report } = await exported(1, '--formats', 'hf');
    rmSync(checkpointFolderOf(db, runId), { recursive: true });
    const out = newFolder();
    const argv = ['export', runId, '1', '--out', out, '--db', db, '--formats', 'hf'];
    const refused = await commandLine(...argv);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toMatch(
      /the weights of candidate 1 are not at .* any more; --retrain trains them anew/,
    );
    expect(readdirSync(dirname(out))).toEqual([]);
    const again = await commandLine(...argv, '--retrain', '--json');
    expect(again.exitCode).toBe(0);
    expect(again.stderr).toContain('training anew: step 1 of ');
    const digest = ({ files }: ExportReport) =>
      files.find(({ path }) => path === 'model.safetensors')!.sha256;
    expect(digest(JSON.parse(again.stdout))).toBe(digest(report));
  });

  it('but what a candidate learnt from its teacher comes again as well', async () => {
    const taught = tinyProject();
    const yaml = readFileSync(taught.file, 'utf8');
    const model = 'model: { dModel: 16, headDim: 4, depth: 1, layer: { nHeads: 2, nKvHeads: 2, dFf: 16 } }';
    writeFileSync(
      taught.file,
      yaml
        .replace('training: { rungs: [6, 16]', `training: { teacher: { steps: 5, ${model} }, rungs: [6]`)
        .replace('candidates: 7, population: 4', 'candidates: 2, population: 2'),
    );
    expect(await commandLine('run', taught.file, '--db', taught.db, '--quiet')).toMatchObject({
      exitCode: 0,
    });
    const digests: string[] = [];
    for (const options of [[], ['--retrain']]) {
      const argv = ['export', 'latest', '0', '--out', newFolder(), '--formats', 'hf', '--json', ...options];
      const { exitCode, stdout } = await commandLine(...argv, '--db', taught.db);
      expect(exitCode).toBe(0);
      const { files } = JSON.parse(stdout) as ExportReport;
      digests.push(files.find(({ path }) => path === 'model.safetensors')!.sha256);
      rmSync(`${taught.db}.checkpoints`, { recursive: true });
    }
    expect(digests[1]).toBe(digests[0]);
    const database = new Database(taught.db);
    database.prepare('UPDATE measurements SET loss = loss + 0.5').run();
    database.close();
    const argv = ['export', 'latest', '0', '--out', newFolder(), '--formats', 'hf', '--retrain'];
    const drifted = await commandLine(...argv, '--db', taught.db);
    expect(drifted).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining('the loss is not what the run measured'),
    });
  });

  it('when the weights cannot be used', async () => {
    const { architectureHash } = candidates[2]!;
    const folder = checkpointFolderOf(db, runId);
    const out = newFolder();
    const argv = ['export', runId, '2', '--out', out, '--db', db, '--formats', 'hf'];
    expect(await commandLine(...argv, '--retrain')).toMatchObject({ exitCode: 0 });
    // The highest rung's.
    const file = readdirSync(folder).findLast((name) => name.startsWith(architectureHash))!;
    const bytes = readFileSync(join(folder, file));
    const headerBytes = Number(bytes.readBigUInt64LE());
    bytes.fill(0xff, 8 + headerBytes);
    writeFileSync(join(folder, file), bytes);
    const second = newFolder();
    const broken = await commandLine('export', runId, '2', '--out', second, '--db', db);
    expect(broken.exitCode).toBe(1);
    expect(broken.stderr).toMatch(/^paretoformer: candidate 2 could not be made ready: .*\n$/);
    expect(broken.stderr).not.toContain('a bug');
    expect(readdirSync(dirname(second))).toEqual([]);
  });

  it('when the corpus is another one', async () => {
    const other = newDatabase();
    await startRun(fakeRunnable(), fakeRun(other).options);
    const { exitCode, stderr } = await commandLine(
      'export',
      'latest',
      '0',
      '--out',
      newFolder(),
      '--db',
      other,
    );
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/corpus/);
  });

  it('when it is stopped', async () => {
    const out = newFolder();
    rmSync(checkpointFolderOf(db, runId), { recursive: true });
    const source = openSource(db, 'latest', '3');
    const controller = new AbortController();
    const request = {
      out,
      force: false,
      formats: EXPORT_FORMATS,
      uniform: false,
      dtype: 'float32' as const,
      asTrained: false,
      retrain: true,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    };
    await expect(exportCandidate(source, request)).rejects.toThrow();
    expect(readdirSync(dirname(out))).toEqual([]);
  });

  it('when a file does not hold what it should', () => {
    const folder = mkdtempSync(join(tmpdir(), 'paretoformer-export-'));
    mkdirSync(folder, { recursive: true });
    const tokenizer = { kind: 'bpe', vocabSize: 257, merges: ['a b'] } as const;
    // "ab" is one token of this tokenizer, not two.
    expect(() => writeTokenizer(folder, tokenizer, 16, Uint16Array.of(97, 98))).toThrow(
      'tokenizer.json failed its check: text has other ids than in training; nothing was exported',
    );
    writeTokenizer(folder, tokenizer, 16, Uint16Array.of(256, 97));
  });
});
