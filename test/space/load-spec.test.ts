import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../space/candidate.ts';
import { compileSpace } from '../../space/compiled-space.ts';
import { countMembers } from '../../space/count.ts';
import { alikeLayer } from '../../space/deployment.ts';
import { containsCandidate } from '../../space/genome.ts';
import { allKeyPaths } from '../../space/json-schema.ts';
import { loadSpec, parseSpec, specHash } from '../../space/load-spec.ts';
import { SpecError } from '../../space/spec-error.ts';

const root = new URL('../../', import.meta.url);
const MINIMAL = readFileSync(new URL('examples/minimal.yaml', root), 'utf8');

function issuesOf(text: string): readonly string[] {
  try {
    parseSpec(text, 'f.yaml');
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(SpecError);
    return (error as SpecError).message.split('\n');
  }
}

describe('shipped examples', () => {
  const examples = readdirSync(new URL('examples/', root)).filter((name) => name.endsWith('.yaml'));
  test.each(examples)('%s is valid, has more than one member and points editors at the schema', (name) => {
    const file = new URL(`examples/${name}`, root);
    const spec = loadSpec(file.pathname);
    expect(countMembers(compileSpace(spec))).toBeGreaterThan(1n);
    expect(readFileSync(file, 'utf8')).toContain(
      '# yaml-language-server: $schema=../schema/space.schema.json',
    );
    // What is stored comes back whole: no undefined, NaN or other thing that JSON drops.
    expect(JSON.parse(canonicalJson(spec))).toEqual(spec);
  });

  test('every key of the file is used by an example', () => {
    const text = examples.map((name) => readFileSync(new URL(`examples/${name}`, root), 'utf8')).join('\n');
    const words = new Set(text.match(/\w+/g));
    const unused = allKeyPaths().filter((path) => !words.has(path.split('.').at(-1)!));
    // Left to the documentation: settings that nobody should start with.
    expect(unused).toEqual([
      'space.ropeTheta',
      'training.weightDecay',
      'training.beta1',
      'training.beta2',
      'training.epsilon',
      'training.gradientClip',
      'training.evaluationTokens',
      'engine',
      'engine.provider',
      'engine.threads',
      'workers',
      'workers.maxThreads',
    ]);
  });
});

describe('normalisation', () => {
  test('the fewest keys: every default is filled in', () => {
    const { task, deployment, workload, search, training, compression, ...rest } = parseSpec(
      MINIMAL,
      'runs/first.yaml',
    );
    expect(rest).toEqual({
      specVersion: 1,
      name: 'first',
      seed: 1,
      space: {
        dModel: [64, 128],
        headDim: [16],
        tieEmbeddings: [true],
        depth: [2, 3, 4],
        ropeTheta: 10_000,
        layers: { nHeads: [2, 4, 8], nKvHeads: [1, 2, 4], dFf: [128, 192, 256, 320, 384] },
      },
      accelerator: 'nvidia-a100-80gb',
      objectives: ['loss', 'decodeLatency'],
      constraints: [],
      engine: { name: 'onnx', provider: 'cpu', threads: 1 },
      workers: {},
    });
    expect(task).toEqual({
      corpus: 'sotu',
      validationShare: 0.05,
      tokenizer: { kind: 'bytes' },
      contextLength: 128,
    });
    expect(deployment).toEqual({
      weightFormat: { kind: 'alike', choices: ['fp16'], nGroups: 1 },
      sparsity: { kind: 'alike', choices: [0], nGroups: 1 },
      headFormat: ['fp16'],
      headSparsity: [0],
      kvCacheFormat: ['fp16'],
      cards: [1],
    });
    expect(workload).toEqual({ batch: 1, promptTokens: 96, generatedTokens: 32 });
    expect(search).toEqual({
      algorithm: 'guided',
      candidates: 32,
      population: 8,
      eta: 3,
      lag: 8,
      deploymentsPerArchitecture: 2,
    });
    expect(compression).toEqual({
      method: 'magnitude',
      split: 'uniform',
      schedule: 'one-shot',
      calibrationWindows: 64,
      recoverySteps: 0,
      recoveryLearningRate: 0.001,
    });
    expect(training).toMatchObject({ rungs: [150, 450], batch: 8, beta2: 0.95, gradientClip: 1 });
  });

  test('choices are sorted, so that the same space has the same hash however it is written', () => {
    const extra = '\ndeployment: {weightFormat: [fp16, mxfp4-e2m1], sparsity: [0, 0.8]}\n';
    const other = '\ndeployment: {sparsity: {choices: [0.8, 0]}, weightFormat: [mxfp4-e2m1, fp16]}\n';
    const reordered = MINIMAL.replace('[64, 128]', '[128, 64]').replace('[2, 3, 4]', '{min: 2, max: 4}');
    const hash = specHash(parseSpec(MINIMAL + extra, 'a.yaml'));
    expect(specHash(parseSpec(reordered + other, 'a.yaml'))).toBe(hash);
    expect(specHash(parseSpec(`${MINIMAL}${extra}workers: {maxThreads: 7}\n`, 'a.yaml'))).toBe(hash);
    expect(specHash(parseSpec(`${MINIMAL}${extra}engine: {name: onnx}\n`, 'a.yaml'))).toBe(hash);
    for (const decisive of ['seed: 2', 'engine: {name: wasm}', 'engine: {threads: 3}']) {
      expect(specHash(parseSpec(`${MINIMAL}${extra}${decisive}\n`, 'a.yaml'))).not.toBe(hash);
    }
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
  });

  test('a baseline becomes a candidate; layers by list or by repetition are the same', () => {
    const layer = '{nHeads: 4, nKvHeads: 2, dFf: 128}';
    const short = `baseline: {dModel: 128, headDim: 16, layer: ${layer}, depth: 2, weightFormat: mxint8, cards: 2}`;
    const long = `baseline: {dModel: 128, headDim: 16, layers: [${layer}, ${layer}], weightFormat: mxint8, cards: 2}`;
    const spec = parseSpec(`${MINIMAL}\n${short}\nconstraints: [loss <= 1.02 * baseline]`, 'a.yaml');
    expect(spec.baseline).toEqual(parseSpec(`${MINIMAL}\n${long}`, 'a.yaml').baseline);
    expect(spec.baseline!.architecture).toMatchObject({
      vocabSize: 256,
      contextLength: 128,
      tieEmbeddings: true,
    });
    expect(spec.baseline!.deployment.layers).toEqual([
      alikeLayer({ weightFormat: 'mxint8', sparsity: 0 }),
      alikeLayer({ weightFormat: 'mxint8', sparsity: 0 }),
    ]);
    expect(containsCandidate(compileSpace(spec), spec.baseline!)).toBe(false);
    expect(spec.constraints[0]!.bound).toEqual({ kind: 'relative', factor: 1.02, reference: 'baseline' });
  });

  test('aliases, block style and comments are ordinary YAML', () => {
    const text = MINIMAL.replace('[2, 4, 8]', '&few [2, 4, 8]').replace('[1, 2, 4]', '*few');
    expect(parseSpec(text, 'a.yaml').space.layers.nKvHeads).toEqual([2, 4, 8]);
    expect(parseSpec(text.replaceAll('\n', '\r\n'), 'a.yaml').space.layers.nKvHeads).toEqual([2, 4, 8]);
    expect(parseSpec(`\uFEFF${text}`, 'a.yaml').space.layers.nKvHeads).toEqual([2, 4, 8]);
  });
});

describe('mistakes', () => {
  test('all of a kind are reported at once, in the order of the file', () => {
    const text = MINIMAL.replace('dModel: [64, 128]', 'dModel: [64, x]')
      .replace('depth:', 'depht:')
      .replace('specVersion: 1', 'specVersion: one');
    expect(issuesOf(text)).toEqual([
      'f.yaml:3:14 specVersion: expected 1, found "one"',
      'f.yaml:7:16 space.dModel.1: expected a number, found "x"',
      'f.yaml:9:3 space.depht: unknown key "depht" (did you mean "depth"?)',
    ]);
  });

  test('the column inside a constraint, quoted or not', () => {
    const issues = issuesOf(`${MINIMAL}constraints:\n  - memory <= 1 GX\n  - "loss << 2"\n  - 'los < 2'\n`);
    expect(issues.map((issue) => issue.split(' ')[0])).toEqual([
      'f.yaml:16:17',
      'f.yaml:17:12',
      'f.yaml:18:6',
    ]);
  });

  test('a key below an alias is placed where it is written', () => {
    const text = `${MINIMAL}search: &s {candidats: 9}\ntraining: *s\n`;
    expect(issuesOf(text)).toEqual([
      'f.yaml:15:13 search.candidats: unknown key "candidats" (did you mean "candidates"?)',
      'f.yaml:15:13 training.candidats: unknown key "candidats"; known are rungs, batch, learningRate, warmupSteps, ' +
        'weightDecay, beta1, beta2, epsilon, gradientClip, evaluationTokens, timeoutSeconds, inheritance, teacher',
    ]);
  });

  test('too many choices, too large a file, a file that is not there', () => {
    const many = MINIMAL.replace('{min: 128, max: 384, step: 64}', '{min: 1, max: 100000}');
    expect(issuesOf(many)[0]).toContain('100000 choices; at most 4096 allowed');
    expect(issuesOf(`${MINIMAL}#${'x'.repeat(1_000_000)}`)).toEqual(['f.yaml:1:1: larger than 1 MB']);
    expect(() => loadSpec('nowhere.yaml')).toThrow('nowhere.yaml:1:1: no such file');
    expect(() => loadSpec('.')).toThrow('.:1:1: cannot be read (EISDIR)');
  });

  test('constraints on the same side do not contradict, equal limits only where one is strict', () => {
    const check = (lines: string) => issuesOf(`${MINIMAL}constraints: [${lines}]\n`).length;
    expect(check('memory <= 1 GB, memory <= 2 GB')).toBe(0);
    expect(check('memory >= 1 GB, memory <= 1 GB')).toBe(0);
    expect(check('memory > 1 GB, memory <= 1 GB')).toBe(1);
    expect(check('memory <= 0 GB')).toBe(1);
  });

  test('any text gives a spec or a SpecError of whole lines with places inside the file', () => {
    const pieces = fc.constantFrom(
      ...MINIMAL.split(/(?<=\n)/),
      ': ',
      '- ',
      '[',
      '}',
      '&a ',
      '*a',
      '!x ',
      '\t',
      '0x',
      '"',
      "'",
    );
    const mutated = fc
      .array(fc.tuple(fc.nat({ max: MINIMAL.length }), fc.nat({ max: 12 }), fc.string({ maxLength: 4 })), {
        maxLength: 3,
      })
      .map((cuts) =>
        cuts.reduce((text, [at, n, put]) => text.slice(0, at) + put + text.slice(at + n), MINIMAL),
      );
    const texts = fc.oneof(
      mutated,
      fc.array(pieces, { maxLength: 20 }).map((list) => list.join('')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        for (const issue of issuesOf(text)) {
          const [, line, column] = /^f\.yaml:(\d+):(\d+)[: ]/.exec(issue)!;
          expect(Number(line)).toBeLessThanOrEqual(text.split('\n').length);
          expect(Number(column)).toBeGreaterThanOrEqual(1);
        }
      }),
      { numRuns: 400 },
    );
  });
});

test('an exhaustive search has all members as its candidates', () => {
  const spec = parseSpec(
    `${MINIMAL}search: {algorithm: exhaustive}\n`.replace(/depth: .*/, 'depth: 2'),
    'f.yaml',
  );
  expect(BigInt(spec.search.candidates)).toBe(countMembers(compileSpace(spec)));
});
