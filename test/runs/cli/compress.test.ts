// The `compress` command: what it writes, what it tells, and that it leaves nothing behind when it fails.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type StoredTensor, writeSafetensors } from '../../../evaluators/checkpoint/safetensors.ts';
import { commandLine } from './command-line.ts';

const folder = mkdtempSync(join(tmpdir(), 'paretoformer-'));
const values = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i * i) + 0.01);

function weightsFile(name: string, matrix = values(96 * 64)): string {
  const path = join(folder, name);
  const tensors = new Map<string, StoredTensor>([
    ['model.layers.0.mlp.up_proj.weight', { dtype: 'F32', shape: [96, 64], data: matrix }],
    ['model.embed_tokens.weight', { dtype: 'F32', shape: [32, 64], data: values(32 * 64) }],
    ['model.norm.weight', { dtype: 'F32', shape: [64], data: values(64) }],
  ]);
  writeSafetensors(path, { tensors, metadata: new Map() });
  return path;
}

describe('compress', () => {
  const file = weightsFile('model.safetensors');

  it('casts and prunes matrices, and tells size, ratio and noise of each tensor', async () => {
    const out = join(folder, 'small');
    const argv = ['compress', file, '--weights', 'mxfp6-e2m3', '--sparsity', '0.8', '--out', out];
    const { exitCode, stdout, stderr } = await commandLine(...argv, '--json');
    expect([exitCode, stderr]).toEqual([0, '']);
    const document = JSON.parse(stdout);
    expect(readdirSync(out)).toEqual(['model.safetensors']);
    const [matrix, embedding, gain] = ['mlp', 'embed', 'norm'].map((part) =>
      document.tensors.find(({ name }: { name: string }) => name.includes(part)),
    );
    expect(matrix).toMatchObject({ format: 'mxfp6-e2m3', bytesBefore: 96 * 64 * 4 });
    expect(matrix.bytesBefore / matrix.bytesAfter).toBeGreaterThan(11);
    expect(matrix.signalToNoiseDecibels).toBeGreaterThan(0);
    expect(embedding).toMatchObject({ bytesBefore: 32 * 64 * 4, bytesAfter: 32 * 64 * 4 });
    expect(gain.format).toBeUndefined();
    const again = await commandLine(...argv);
    expect(again).toMatchObject({ exitCode: 2, stdout: '' });
    expect(again.stderr).toContain('is there already; --force replaces it');
    const forced = await commandLine(...argv, '--force', '--head', 'int8');
    expect(forced.exitCode).toBe(0);
    expect(forced.stdout).toMatch(/embed_tokens\S*\s+32 x 64\s+int8/);
    expect(forced.stdout).toMatch(/up_proj\S*\s+96 x 64\s+mxfp6-e2m3, (bitmask|delta CSC of \d bits) /);
    expect(forced.stdout).toContain('read back and found equal');
  });

  it.each([
    [['--weights', 'mxfp7', '--out', 'o'], 2, /unknown value "mxfp7"/],
    [['--weights', 'fp16', '--sparsity', '1.2', '--out', 'o'], 2, /--sparsity is a share from 0 to below 1/],
    [['--weights', 'fp16'], 2, /required option '--out <folder>' not specified/],
    [['--weights', 'fp16', '--out', folder], 2, /is where the weights lie already/],
  ])('%j is refused in one line', async (argv, exitCode, message) => {
    const result = await commandLine('compress', file, ...argv);
    expect(result).toMatchObject({ exitCode, stdout: '' });
    expect(result.stderr).toMatch(message);
    expect(result.stderr.trimEnd()).not.toContain('\n');
  });

  it('leaves nothing behind where the file is no good', async () => {
    const cut = join(folder, 'cut.safetensors');
    writeFileSync(cut, readFileSync(file).subarray(0, 900));
    const nan = weightsFile('nan.safetensors', values(96 * 64).fill(Number.NaN, 5, 6));
    for (const bad of [cut, nan, join(folder, 'missing.safetensors')]) {
      const out = join(folder, 'never', 'ever');
      const result = await commandLine('compress', bad, '--weights', 'mxfp4-e2m1', '--out', out);
      expect(result).toMatchObject({ exitCode: 1, stdout: '' });
      expect(result.stderr).toMatch(/^paretoformer: checkpoint /);
      expect(result.stderr).not.toContain('a bug');
      expect(existsSync(join(folder, 'never'))).toBe(false);
    }
  });

  it('says so where there is nothing to compress', async () => {
    const none = join(folder, 'none.safetensors');
    writeSafetensors(none, { tensors: new Map(), metadata: new Map() });
    const argv = ['compress', none, '--weights', 'fp16', '--out', join(folder, 'nothing')];
    const { exitCode, stdout } = await commandLine(...argv);
    expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/no weights to compress/)]);
    const json = JSON.parse((await commandLine(...argv, '--force', '--json')).stdout);
    expect(json).toMatchObject({ bytesBefore: 0, bytesAfter: 0, ratio: 1 });
  });

  it('leaves nothing behind when it is interrupted', async () => {
    const large = join(folder, 'large.safetensors');
    const data = values(256 * 1024);
    const tensors = Array.from(
      { length: 200 },
      (_, i) => [`h.${i}.weight`, { dtype: 'F32', shape: [256, 1024], data }] as const,
    );
    writeSafetensors(large, { tensors: new Map(tensors), metadata: new Map() });
    const out = join(folder, 'stopped', 'here');
    const argv = ['compress', large, '--weights', 'codebook-8x2', '--out', out];
    const child = spawn(process.execPath, ['--import', 'tsx', 'runs/cli/main.ts', ...argv], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    const closed = once(child, 'close');
    while (!existsSync(out) || readdirSync(out).length === 0) await sleep(20);
    child.kill('SIGINT');
    expect(await closed).toEqual([130, null]);
    expect(stderr).toBe('interrupted; nothing was written\n');
    expect(existsSync(join(folder, 'stopped'))).toBe(false);
  });
});
