import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandLine, tinyProject } from './command-line.ts';

describe('check', () => {
  it('tells size, costs, shares and plan', async () => {
    const { file } = tinyProject('constraints: [memory <= 40 MiB, decodeLatency <= 1 s]\n');
    const { stdout, exitCode, stderr } = await commandLine('check', file, '--no-timing', '--json');
    expect([exitCode, stderr]).toEqual([0, '']);
    const found = JSON.parse(stdout);
    expect(found).toMatchObject({ valid: true, name: 'tiny', plannedEvaluations: [7, 2], sampled: 2000 });
    expect(BigInt(found.members)).toBe(2n * BigInt(found.architectures));
    expect(found.smallest.deployed.memory).toBeLessThan(found.largest.deployed.memory);
    expect(found.rejections).toHaveLength(3);
    expect(found.admittedShare).toBeCloseTo(1 - found.rejections[0].rejectedShare, 9);
    expect(found.rejections[1].rejectedShare).toBe(0);
  });

  it('shows what each constraint rejects by itself, a member that meets a rare limit, and idle objectives', async () => {
    const { file } = tinyProject(
      'constraints: [weightBytes <= 33.6 MB, parameters <= 1 B]\nobjectives: [loss, weightBytes, memory, kvCacheBytes]\n',
    );
    const { stdout, exitCode } = await commandLine('check', file, '--no-timing');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/weightBytes <= 33.6 MB: rejects 9\d\.\d %\n/);
    expect(stdout).toMatch(/\n {2}parameters <= 1 B: rejects 0 %\n/);
    expect(stdout).toMatch(/\nfeasible .* met\n/);
    expect(stdout).toContain(
      '\nthe objective memory orders the members as weightBytes does, so it cannot change the front\n',
    );
  });

  it('tells what two constraints reject together and apart', async () => {
    const { file } = tinyProject('constraints: [memory <= 60 MiB, parameters <= 30 M]\n');
    const { stdout } = await commandLine('check', file, '--no-timing');
    expect(stdout).toMatch(/memory <= 60 MiB: rejects \S+ %, \S+ % that no other constraint rejects\n/);
  });

  it('leads to the next step, and warns of a text that would be learnt by heart', async () => {
    const { file } = tinyProject();
    const { stdout } = await commandLine('check', file, '--no-timing', '--db', 'other.db');
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(`next: paretoformer run ${file} --db other.db`);
    expect(stdout).not.toContain('by heart');
    writeFileSync(file, readFileSync(file, 'utf8').replace('rungs: [6, 16]', 'rungs: [9000]'));
    const { stdout: warned } = await commandLine('check', file, '--no-timing');
    expect(warned).toContain('what is read so often is learnt by heart');
  });

  it('says why nothing is feasible', async () => {
    const { file } = tinyProject('constraints: [memory <= 1 KiB]\n');
    const { stdout, stderr, exitCode } = await commandLine('check', file, '--no-timing');
    expect(exitCode).toBe(1);
    expect(stdout).toContain('constraints admit 0 % of 2000');
    expect(stderr).toMatch(
      /no feasible member among 2000 random ones: "memory <= 1 KiB" rejects 100\.0 %; the nearest misses/,
    );
    const run = await commandLine('run', file, '--db', join(tmpdir(), 'never.db'));
    expect(run).toMatchObject({ exitCode: 1, stdout: '', stderr });
    expect(existsSync(join(tmpdir(), 'never.db'))).toBe(false);
  });
});
