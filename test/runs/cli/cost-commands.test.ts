import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  estimateCost,
  estimateSpeculation,
  listAccelerators,
  loadAccelerator,
  modelFromHuggingFace,
  uniformDeployment,
} from '../../../hardware/index.ts';
import { commandLine } from './command-line.ts';

const LLAMA_7B = {
  model_type: 'llama',
  hidden_size: 4096,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  intermediate_size: 11_008,
  vocab_size: 32_000,
};
const DRAFT = {
  ...LLAMA_7B,
  hidden_size: 1024,
  num_hidden_layers: 4,
  num_attention_heads: 8,
  intermediate_size: 2816,
};
const LLAMA_70B = {
  ...LLAMA_7B,
  hidden_size: 8192,
  num_hidden_layers: 80,
  num_attention_heads: 64,
  num_key_value_heads: 8,
  intermediate_size: 28_672,
};

const LLAMA_13B = {
  ...LLAMA_7B,
  hidden_size: 5120,
  num_hidden_layers: 40,
  num_attention_heads: 40,
  intermediate_size: 13_824,
};

const folder = mkdtempSync(join(tmpdir(), 'paretoformer-'));
function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}
const llama = file('llama.json', LLAMA_7B);
const draft = file('draft.json', DRAFT);
const medium = file('medium.json', LLAMA_13B);
const large = file('large.json', LLAMA_70B);
const ULTRA = ['--accelerator', 'qualcomm-ai100-ultra'];

const json = async (...argv: string[]) => {
  const { exitCode, stdout, stderr } = await commandLine(...argv, '--json');
  expect([exitCode, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
};
const text = async (...argv: string[]) => {
  const { exitCode, stdout, stderr } = await commandLine(...argv);
  expect([exitCode, stderr]).toEqual([0, '']);
  return stdout;
};

describe('estimate', () => {
  it('gives the figures of the function, under their names', async () => {
    const options = ['--weights', 'mxfp6-e2m3', '--kv', 'mxint8', '--cards', '2', '--sparsity', '80%'];
    const workload = ['--batch', '3', '--prompt', '500', '--generate', '100'];
    const found = await json('estimate', '--config', llama, ...ULTRA, ...options, ...workload);
    const architecture = modelFromHuggingFace(LLAMA_7B);
    const cost = estimateCost({
      architecture,
      deployment: uniformDeployment(32, {
        weightFormat: 'mxfp6-e2m3',
        kvCacheFormat: 'mxint8',
        nCards: 2,
        sparsity: 0.8,
      }),
      accelerator: loadAccelerator('qualcomm-ai100-ultra'),
      workload: { batch: 3, promptTokens: 500, generatedTokens: 100 },
    });
    for (const name of [
      'parameters',
      'weightBytes',
      'kvBytesPerToken',
      'memoryBytesPerCard',
      'fits',
      'prefillSeconds',
      'decodeSecondsPerToken',
      'tokensPerSecond',
      'energyJoulesPerToken',
      'expectedError',
    ] as const) {
      expect(found[name], name).toEqual(cost[name]);
    }
    expect(found.parameters).toBe(6_738_415_616);
    expect(found.tokensPerSecond).toBeCloseTo(300 / found.requestSeconds, 9);
  });

  it('says what to expect of each figure, and where nothing is known', async () => {
    const lines = (await text('estimate', llama, ...ULTRA)).split('\n');
    const lineOf = (figure: string) => lines.find((line) => line.startsWith(figure));
    expect(lineOf('parameters')).toMatch(/6\.74 G {2}exact$/);
    expect(lineOf('decode step')).toMatch(/ms {2}\+-1\.2 %$/);
    expect(lineOf('prefill')).toMatch(/ms {2}uncalibrated$/);
    expect(lineOf('energy a token')).toMatch(/J {2}uncalibrated$/);
    for (const line of lines.slice(1)) expect(line.length, line).toBeLessThanOrEqual(80);
    const batched = await json('estimate', llama, ...ULTRA, '--batch', '8');
    expect(batched.expectedError).toEqual({});
    expect(batched.calibration).toMatch(/^uncalibrated at batch 8: .* up to batch 1$/);
    expect((await json('estimate', llama, '--accelerator', 'nvidia-t4')).calibration).toMatch(
      /^uncalibrated: /,
    );
  });

  it('names the smallest number of cards that holds a model', async () => {
    const argv = ['estimate', large, '--weights', 'fp32', '--accelerator', 'nvidia-a100-80gb'];
    const found = await json(...argv);
    expect(found).toMatchObject({ fits: false, smallestCards: 5 });
    expect((await json(...argv, '--cards', '5')).fits).toBe(true);
    expect((await json(...argv, '--cards', '4')).fits).toBe(false);
    expect(await text(...argv)).toContain('does not fit: the smallest number of cards that holds it is 5;');
  });

  it('prices a draft and its target together', async () => {
    const argv = ['estimate', llama, ...ULTRA, '--weights', 'mxfp6-e2m3'];
    const alone = await json(...argv);
    const found = await json(...argv, '--draft', draft, '--acceptance', '0.7');
    const joint = estimateSpeculation({
      target: {
        architecture: modelFromHuggingFace(LLAMA_7B),
        deployment: uniformDeployment(32, { weightFormat: 'mxfp6-e2m3' }),
        accelerator: loadAccelerator('qualcomm-ai100-ultra'),
        workload: { batch: 1, promptTokens: 1024, generatedTokens: 256 },
      },
      draft: {
        architecture: modelFromHuggingFace(DRAFT),
        deployment: uniformDeployment(4, { weightFormat: 'mxfp6-e2m3' }),
      },
      acceptance: 0.7,
    });
    expect(found.decodeSecondsPerToken).toBe(joint.decodeSecondsPerToken);
    expect(found.tokensPerSecond).toBe(joint.tokensPerSecond);
    expect(found.speculation.speedup).toBeGreaterThan(1.3);
    expect(found.speculation.targetAlone.decodeSecondsPerToken).toBe(alone.decodeSecondsPerToken);
    expect(found.memoryBytesPerCard).toBeGreaterThan(alone.memoryBytesPerCard);
    expect(found.energyJoulesPerToken).toBeLessThan(alone.energyJoulesPerToken);
    const fixed = await json(...argv, '--draft', draft, '--acceptance', '70%', '--draft-length', '7');
    expect(fixed.speculation.draftLength).toBe(7);
    expect(fixed.decodeSecondsPerToken).toBeGreaterThan(found.decodeSecondsPerToken);
    const hopeless = await text(...argv, '--draft', draft, '--acceptance', '0');
    expect(hopeless).toContain('best not used');
  });

  it('ranks what a change saves', async () => {
    const { sensitivity } = await json('estimate', llama, ...ULTRA, '--sensitivity', 'memoryBytes');
    const saved = sensitivity.changes.map(({ savedRatio }: { savedRatio: number }) => savedRatio);
    expect(saved.length).toBeGreaterThan(100);
    expect(saved).toEqual(saved.toSorted((a: number, b: number) => b - a));
    const shown = await text('estimate', llama, ...ULTRA, '--sensitivity');
    expect(shown).toMatch(/^each of 32 layers \(0 to 31\): 32 to 16 kv heads +\d/m);
  });

  it('draws a roofline', async () => {
    const svg = join(folder, 'roofline.svg');
    const result = await commandLine('estimate', llama, ...ULTRA, '--roofline', svg, '--json');
    expect(result).toMatchObject({ exitCode: 0, stderr: `roofline: ${svg}\n` });
    expect(readFileSync(svg, 'utf8')).toMatch(/^<svg [\s\S]*feed-forward-in[\s\S]*<\/svg>\n$/);
  });

  it.each([
    [
      ['--batch', '-1'],
      "option '--batch <n>' argument '-1' is invalid. Expected a whole number of at least 1",
    ],
    [['--cards', '0'], 'Expected a whole number of at least 1'],
    [['--cards', '99'], /nCards must be 1 to \d+ on qualcomm-ai100-ultra, not 99/],
    [['--sparsity', '1'], '--sparsity is a share from 0 to below 1'],
    [['--weights', 'mxfp5'], '--weights: unknown value "mxfp5"'],
    [['--kv', 'fp8'], 'qualcomm-ai100-ultra has no fp8 KV cache; it has fp16, mxint8'],
    [['--draft', draft], '--draft needs --acceptance'],
    [['--acceptance', '0.7'], 'need --draft FILE'],
    [['--draft', draft, '--acceptance', '1.2'], '--acceptance is a share from 0 to 1, not "1.2"'],
    [['--sensitivity', 'memory'], '--sensitivity: unknown value "memory" (did you mean "memoryBytes"?)'],
    [
      ['--roofline', '/nowhere/at/all.svg'],
      '/nowhere/at/all.svg cannot be written: there is no folder /nowhere/at',
    ],
  ])('refuses %j in one line', async (argv, message) => {
    const result = await commandLine('estimate', llama, ...ULTRA, ...argv);
    expect(result.exitCode).toBeGreaterThan(0);
    expect(result.stdout).toBe('');
    expect(result.stderr).toMatch(message);
    expect(result.stderr.trimEnd()).not.toContain('\n');
  });

  it.each([
    [{ num_hidden_layers: 0 }, /a model has 1 to 10000 layers, not 0/],
    [{ num_hidden_layers: 2.5 }, /must be a whole number, not 2.5/],
    [{ num_key_value_heads: 64 }, /64 kv heads do not divide 32 heads/],
    [{ vocab_size: -5 }, /vocab_size must be a number, not -5/],
    [{ vocab_size: 31_000 }, /draft and target must share the vocabulary/],
  ])('refuses a draft with %j', async (change, message) => {
    const path = file('bad-draft.json', { ...LLAMA_7B, ...change });
    const result = await commandLine('estimate', llama, ...ULTRA, '--draft', path, '--acceptance', '0.5');
    expect(result).toMatchObject({ exitCode: 2, stdout: '' });
    expect(result.stderr).toMatch(message);
  });
});

describe('hardware', () => {
  it('lists the catalogue', async () => {
    const all = await json('hardware', 'list');
    expect(all.map(({ name }: { name: string }) => name)).toEqual(listAccelerators());
    const shown = (await text('hardware', 'list')).trimEnd().split('\n');
    expect(shown.find((line) => line.startsWith('nvidia-t4'))).toMatch(/16\.0 GB .* uncalibrated$/);
    expect(shown.find((line) => line.startsWith('qualcomm-ai100-ultra'))).toMatch(
      /548 GB\/s .* decode \+-1\.2 %$/,
    );
    for (const line of shown.slice(0, -1)) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('shows every figure with its status and source', async () => {
    for (const name of ['nvidia-h100-sxm', 'cerebras-cs2']) {
      const shown = await text('hardware', 'show', name);
      const { provenance, validation } = loadAccelerator(name);
      for (const { source } of provenance) expect(shown).toContain(`] ${source}\n`.trimEnd());
      expect(shown.match(/(published|measured|fitted|assumed) +\[\d+\]$/gm)).toHaveLength(provenance.length);
      expect(shown.includes('uncalibrated')).toBe(validation.length === 0);
    }
    expect((await json('hardware', 'show', 'nvidia-l4')).card.memory).toMatchObject({
      value: 24,
      unit: 'GB',
    });
    const unknown = await commandLine('hardware', 'show', 'h100');
    expect(unknown).toMatchObject({ exitCode: 2, stdout: '' });
    expect(unknown.stderr).toContain('(did you mean nvidia-h100-pcie or nvidia-h100-sxm?)');
  });

  it('compares two on one model, in 80 columns', async () => {
    const argv = ['hardware', 'compare', 'nvidia-h100-sxm', 'qualcomm-ai100-standard', '--model', medium];
    const found = await json(...argv, '--weights', 'fp16');
    expect(found.a.accelerator.name).toBe('nvidia-h100-sxm');
    expect(found.b.decodeSecondsPerToken).toBeGreaterThan(found.a.decodeSecondsPerToken);
    expect(found.b).toMatchObject({ fits: false, smallestCards: 2 });
    const shown = await text(...argv);
    expect(shown).toMatch(/^decode step .* \+-11\.4 % .* \+-12\.1 % +x\d/m);
    expect(shown).toContain('qualcomm-ai100-standard: DOES NOT FIT; 2 cards hold it');
    for (const line of shown.split('\n').slice(1)) expect(line.length, line).toBeLessThanOrEqual(80);
  });
});

/** Decode steps that a device with half the bandwidth efficiency of an L40S would show. */
function measuredRows(): string {
  const accelerator = structuredClone(loadAccelerator('nvidia-l40s'));
  const slower = { ...accelerator, bandwidthBytesPerSecond: accelerator.bandwidthBytesPerSecond / 2 };
  const rows = [LLAMA_7B, DRAFT].flatMap((config, i) =>
    [1, 2, 4].map((batch) => {
      const architecture = modelFromHuggingFace(config);
      const { decodeSecondsPerToken } = estimateCost({
        architecture,
        deployment: uniformDeployment(architecture.layers.length),
        accelerator: slower,
        workload: { batch, promptTokens: 128, generatedTokens: 128 },
      });
      return `${i === 0 ? 'llama' : 'draft'}.json,${batch},128,128,decodeSecondsPerToken,${decodeSecondsPerToken}`;
    }),
  );
  return ['config,batch,prompt,generate,metric,value', ...rows].join('\n');
}

describe('calibrate', () => {
  const L40S = ['--accelerator', 'nvidia-l40s'];

  it('fits rows, says how well, and writes a file that works like a name', async () => {
    const rows = file('rows.csv', measuredRows());
    const out = join(folder, 'my-l40s.yaml');
    const found = await json('calibrate', ...L40S, rows, '--out', out, '--source', 'bench 1.2, 2026-01');
    expect(found).toMatchObject({ file: out, name: 'my-l40s', nRows: 6, nFolds: 2 });
    expect(found.errorFitted).toBeLessThan(0.2 * found.errorBefore);
    expect(found.coefficients[0].path).toBe('kernels.half.bandwidthEfficiency');
    const mine = loadAccelerator(out);
    const moved = mine.provenance.find(({ path }) => path === 'kernels.half.bandwidthEfficiency')!;
    expect(moved).toMatchObject({ status: 'fitted', source: 'fitted to 6 rows: bench 1.2, 2026-01' });
    const [record] = mine.validation;
    expect(record).toMatchObject({ figure: 'decode', rows: 6, maxBatch: 4 });
    expect(record!.errorRatio).toBeCloseTo(found.errorLeftOut, 3);
    const slow = await json('estimate', llama, '--accelerator', out);
    const shipped = await json('estimate', llama, ...L40S);
    expect(slow.decodeSecondsPerToken / shipped.decodeSecondsPerToken).toBeGreaterThan(1.6);
    expect(slow.expectedError.decode).toBeCloseTo(found.errorLeftOut, 3);
  });

  it('never writes over a file unasked', async () => {
    const rows = file('rows.csv', measuredRows());
    const out = file('taken.yaml', 'mine');
    const refused = await commandLine('calibrate', ...L40S, rows, '--out', out);
    expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
    expect(refused.stderr).toContain(`${out} is there already; --force replaces it`);
    expect(readFileSync(out, 'utf8')).toBe('mine');
    expect(await text('calibrate', ...L40S, rows, '--out', out, '--force')).toMatch(/left out: [\d.]+ %/);
    expect(loadAccelerator(out).name).toBe('taken');
  });

  it.each([
    [
      'config,batch,prompt,generate,metric,value\nllama.json,-1,128,128,decodeSecondsPerToken,1',
      'line 2: batch must be',
    ],
    ['config,prompt,metric,value\nllama.json,128,decodeSecondsPerTokn,1', 'line 2: unknown metric'],
    [
      'config,prompt,metric,value\n# note\nllama.json,128,prefillSeconds,fast',
      'line 3: value must be a number',
    ],
    ['config,prompt,metric,value\nnowhere.json,128,prefillSeconds,1', 'nowhere.json: no such file'],
    ['config,prompt,metric,valeu', 'line 1: unknown column "valeu" (did you mean "value"?)'],
    ['config,prompt,metric,value\nllama.json,128,prefillSeconds,1', '1 row is too few to fit'],
    ['config,prompt,kv,metric,value\nllama.json,128,fp4,prefillSeconds,1', 'line 2: unknown kv "fp4"'],
  ])('names the line that is wrong: %j', async (content, message) => {
    const padding = 'llama.json,1,128,128,decodeSecondsPerToken,1\n'.repeat(4);
    const lines = content.startsWith('config,batch') ? `${content}\n${padding}` : content;
    const rows = file('wrong.csv', lines);
    const out = join(folder, 'never.yaml');
    const result = await commandLine('calibrate', ...L40S, rows, '--out', out);
    expect(result).toMatchObject({ exitCode: 2, stdout: '' });
    expect(result.stderr).toContain(`paretoformer: ${rows}: `);
    expect(result.stderr).toContain(message);
    expect(existsSync(out)).toBe(false);
  });

  it('says what it needs', async () => {
    expect((await commandLine('calibrate', 'rows.csv')).stderr).toMatch(
      /required option '--accelerator <name>'/,
    );
    const missing = await commandLine('calibrate', ...L40S, join(folder, 'none.csv'));
    expect(missing).toMatchObject({ exitCode: 2 });
    expect(missing.stderr).toMatch(/none\.csv: no such file/);
    const help = await commandLine('calibrate', '--help');
    expect(help.stdout).toContain('timeToFirstTokenSeconds');
  });
});
