// `pair` and `generate` on a run with real, tiny models.
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { RunReader } from '../../../runs/store/queries.ts';
import { countParameters } from '../../../space/architecture.ts';
import { commandLine, tinyProject } from './command-line.ts';

// The baseline is the target: two layers, and larger than some member of the space.
const { file, db } = tinyProject(
  'baseline: { dModel: 16, headDim: 4, depth: 2, layer: { nHeads: 2, nKvHeads: 1, dFf: 32 } }',
);
const cli = (...argv: string[]) => commandLine(...argv, '--db', db);
let runId: string;
const large = 0;
let largest: number;
let small: number;

beforeAll(async () => {
  expect((await cli('run', file, '--quiet')).exitCode).toBe(0);
  const reader = new RunReader(db);
  runId = reader.resolve('latest');
  largest = countParameters(reader.candidate(runId, large)!.architecture);
  const trained = new Set(reader.evaluations(runId).map(({ candidate }) => candidate));
  const others = reader.candidates(runId).filter(({ number }) => number !== large && trained.has(number));
  const sizes = others.map(({ architecture }) => countParameters(architecture));
  small = others[sizes.indexOf(Math.min(...sizes))]!.number;
  reader.close();
}, 60_000);

const pair = async (...argv: string[]) => {
  const result = await cli('pair', 'latest', String(large), '--json', '--quiet', ...argv);
  expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  return JSON.parse(result.stdout);
};

describe('pair', { timeout: 60_000 }, () => {
  it('measures and prices each draft at each length, plain and aligned', async () => {
    const { drafts, ...rest } = await pair(
      '--draft',
      String(small),
      'self:1',
      'lookup',
      '--lengths',
      '2,1',
      '--align',
      '8',
    );
    expect(rest).toMatchObject({ run: runId, target: large, accelerator: 'qualcomm-ai100-ultra' });
    expect(
      drafts.map((row: { draft: string; alignmentSteps: number }) => [row.draft, row.alignmentSteps]),
    ).toEqual([
      [`candidate ${small}`, 0],
      [`candidate ${small}`, 8],
      ['first 1 of 2 layers', 0],
      ['look-up', 0],
    ]);
    for (const { lengths, verdict, acceptance, kind } of drafts) {
      expect(lengths.map(({ draftLength }: { draftLength: number }) => draftLength)).toEqual([1, 2]);
      for (const { secondsPerToken, speedup } of lengths) {
        expect(secondsPerToken * speedup).toBeCloseTo(rest.aloneSecondsPerToken, 12);
      }
      const best = Math.max(...lengths.map(({ speedup }: { speedup: number }) => speedup));
      expect(verdict.draftLength === 0).toBe(best <= 1);
      expect(verdict.speedup).toBeCloseTo(best, 12);
      if (kind === 'lookup') expect(acceptance).toBeUndefined();
      else expect(acceptance).toBeGreaterThan(0.1);
    }
    expect(drafts[1].acceptance).not.toBe(drafts[0].acceptance);
  });

  it('is the same again, and looks at smaller models, first layers and look-up by itself', async () => {
    const [first, second] = [await pair('--lengths', '2'), await pair('--lengths', '2')];
    expect(second).toEqual(first);
    const names = first.drafts.map(({ draft }: { draft: string }) => draft);
    expect(names.slice(-2)).toEqual(['first 1 of 2 layers', 'look-up']);
    const sizes = first.drafts.slice(0, -2).map(({ parameters }: { parameters: number }) => parameters);
    expect(names.length).toBe(sizes.length + 2);
    for (const size of sizes) expect(size).toBeLessThanOrEqual(largest / 2);
  });

  it('asks for the acceptance that the measured lengths need, and no other', async () => {
    const neededAt = async (lengths: string) =>
      (await pair('--draft', 'lookup', '--lengths', lengths)).drafts[0].verdict.neededAcceptance;
    const [short, long] = [await neededAt('1'), await neededAt('4')];
    const [both, all] = [await neededAt('1,4'), await neededAt('1,2,3,4')];
    expect(long).toBeGreaterThan(short);
    expect(both).toBe(short);
    expect(all).toBeCloseTo(short, 9);
  });

  it('says in words which is best and why', async () => {
    const { exitCode, stdout } = await cli(
      'pair',
      'latest',
      String(large),
      '--draft',
      'self:1',
      'lookup',
      '-q',
    );
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`target: candidate ${large}, `);
    expect(stdout).toMatch(/^best: /m);
    expect(stdout).toMatch(
      /first 1 of 2 layers (pays|does not pay).*: a draft step costs 0\.\d+ of the target's, /,
    );
    expect(stdout).toMatch(/look-up (pays|does not pay).*: (drafts are free|nothing is ever drafted)/);
  });

  it('refuses drafts that cannot be', async () => {
    const refusal = async (...argv: string[]) => {
      const { exitCode, stderr } = await cli('pair', 'latest', String(large), ...argv);
      return `${exitCode} ${stderr.trim()}`;
    };
    expect(await refusal('--draft', 'self:2')).toContain('2 paretoformer: --draft self:2: candidate');
    expect(await refusal('--draft', 'self')).toContain('write self:N');
    expect(await refusal('--draft', String(large))).toContain('that is the target itself');
    expect(await refusal('--draft', 'own')).toContain('candidate 0 has no draft of its own');
    expect(await refusal('--draft', '99')).toContain('1 paretoformer: run');
    expect(await refusal('--lengths', '1,x')).toContain('--lengths is a list of whole numbers');
    expect(await refusal('--lengths', '2,13')).toContain(
      '2 paretoformer: --lengths 13: behind its prompt a text of 16 tokens, the context of this model, has room for 12',
    );
  });

  it('and a run measure only rounds that fit into a short context', async () => {
    const short = tinyProject('draft: { self: true, lookup: true }\n');
    const yaml = readFileSync(short.file, 'utf8')
      .replace('contextLength: 16', 'contextLength: 8')
      .replace('[6, 16]', '[6]');
    writeFileSync(short.file, yaml);
    const run = await commandLine('run', short.file, '--db', short.db, '--quiet', '--json');
    expect([run.exitCode, run.stderr]).toEqual([0, '']);
    const reader = new RunReader(short.db);
    const pairs = reader.pairs(reader.resolve('latest'));
    reader.close();
    expect(pairs.length).toBeGreaterThan(0);
    for (const { lengths } of pairs) {
      expect(lengths!.map(({ draftLength }) => draftLength)).toEqual([1, 2, 3, 4, 5, 6]);
      expect(lengths!.every(({ tokensPerRound }) => tokensPerRound >= 1)).toBe(true);
    }
    const table = await commandLine(
      'pair',
      'latest',
      '0',
      '--db',
      short.db,
      '--draft',
      'lookup',
      '--json',
      '-q',
    );
    const lengths = JSON.parse(table.stdout).drafts[0].lengths;
    expect(lengths.map(({ draftLength }: { draftLength: number }) => draftLength)).toEqual([1, 2, 3, 4, 6]);
  });
});

describe('generate', { timeout: 60_000 }, () => {
  const generate = async (...argv: string[]) => {
    const result = await cli(
      'generate',
      'latest',
      String(large),
      '--prompt',
      'the of',
      '--json',
      '--tokens',
      '24',
      ...argv,
    );
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    return JSON.parse(result.stdout);
  };

  it('writes the same text for the same seed, and another for another', async () => {
    const { alone } = await generate();
    expect(alone.tokens).toBe(24);
    expect(alone.tokensPerSecond).toBeGreaterThan(1);
    expect((await generate()).alone.text).toBe(alone.text);
    expect((await generate('--seed', '2')).alone.text).not.toBe(alone.text);
  });

  it.each([['lookup'], ['self:1'], ['small']])(
    'greedy, %s changes the pace and not the text',
    async (name) => {
      const draft = name === 'small' ? String(small) : name;
      const { alone, drafted, speedup } = await generate('--temperature', '0', '--draft', draft, '--compare');
      expect(drafted.text).toBe(alone.text);
      expect(drafted.tokensPerRound).toBeGreaterThanOrEqual(1);
      expect(drafted.accepted).toBeLessThanOrEqual(drafted.tested);
      expect(speedup.wall).toBeGreaterThan(0);
    },
  );

  it('streams text to standard output and the pace to standard error', async () => {
    const { exitCode, stdout, stderr } = await cli(
      'generate',
      'latest',
      String(large),
      '--prompt',
      'the of',
      '--tokens',
      '10',
      '--draft',
      'self:1',
      '--compare',
    );
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^without a draft:\nthe of[\s\S]*\nwith first 1 of 2 layers:\nthe of/);
    expect(stderr).toMatch(/tokens a second[\s\S]*speed-up on this machine: [\d.]+x by the clock/);
    const quiet = await cli(
      'generate',
      'latest',
      String(large),
      '--prompt',
      'the of',
      '--tokens',
      '10',
      '-q',
    );
    expect(quiet.stderr).toBe('');
    expect(quiet.stdout.startsWith('the of')).toBe(true);
  });

  it('says how to get weights back that are gone, and makes them anew', async () => {
    const { alone } = await generate();
    const folder = join(`${db}.checkpoints`, runId);
    renameSync(folder, `${folder}-away`);
    const lost = await cli('generate', 'latest', String(large), '--prompt', 'the of');
    expect(lost.exitCode).toBe(1);
    expect(lost.stderr).toMatch(
      /the weights of candidate 0 are not at .*\.safetensors any more; --retrain trains them anew \(16 steps at most\), to the same values/,
    );
    expect((await cli('pair', 'latest', String(large))).stderr).toContain('any more; --retrain');
    const result = await cli(
      'generate',
      'latest',
      String(large),
      '--prompt',
      'the of',
      '--json',
      '--tokens',
      '24',
      '--retrain',
    );
    expect(JSON.parse(result.stdout).alone.text).toBe(alone.text);
    expect(result.stderr).toContain('training anew: step ');
    expect(readdirSync(folder).length).toBeGreaterThan(0);
  });

  it('takes prompts and drafts that are longer than the context', async () => {
    const prompt = 'the of and '.repeat(8);
    const words = [prompt, '--tokens', '40', '--temperature', '0', '--json', '--compare'];
    for (const draft of [
      ['lookup', '64'],
      ['self:1', '40'],
    ] as const) {
      const named = ['--prompt', ...words, '--draft', draft[0], '--draft-length', draft[1]];
      const { exitCode, stdout } = await cli('generate', 'latest', String(large), ...named);
      expect(exitCode).toBe(0);
      const { alone, drafted } = JSON.parse(stdout);
      expect(drafted.text).toBe(alone.text);
      expect(drafted.draftLength).toBe(Number(draft[1]));
    }
    const long = await cli('generate', 'latest', String(large), '--prompt', 'a', '--draft-length', '65');
    expect([long.exitCode, long.stderr]).toEqual([2, expect.stringContaining('from 1 to 64, not "65"')]);
  });

  it('needs something to begin with', async () => {
    const empty = await cli('generate', 'latest', String(large), '--prompt', '');
    expect(empty).toMatchObject({ exitCode: 1 });
    expect(empty.stderr).toContain('the prompt is empty');
    const alone = await cli('generate', 'latest', String(large), '--prompt', 'a', '--compare');
    expect(alone).toMatchObject({ exitCode: 2 });
    expect(alone.stderr).toContain('--compare needs --draft');
  });
});
