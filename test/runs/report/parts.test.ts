import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, formatMetric, formatNumber, formatShare } from '../../../runs/format.ts';
import { courseOf, endingsOf } from '../../../runs/report/course.ts';
import { bitsPerWeight, genesOf } from '../../../runs/report/genes.ts';
import { FEWEST_RESULTS, importanceOf as importancesOf } from '../../../runs/report/importance.ts';
import { highestOf, MOST_POINTS, pointTable, type Standing, shownOf } from '../../../runs/report/points.ts';
import { specYaml } from '../../../runs/report/spec-yaml.ts';
import type { EvaluationResult } from '../../../runs/store/queries.ts';
import { hashOf } from '../../../space/candidate.ts';
import { compileSpace } from '../../../space/compiled-space.ts';
import { parseConstraint } from '../../../space/constraint.ts';
import { alikeLayer, plainDeployment } from '../../../space/deployment.ts';
import { middleCandidate } from '../../../space/extremes.ts';
import { parseSpec, specHash } from '../../../space/load-spec.ts';
import { METRIC_NAMES, METRICS } from '../../../space/metrics.ts';
import { deriveRng } from '../../../space/random.ts';
import { type TeacherSpec, vocabSizeOf } from '../../../space/spec.ts';
import { candidateOf } from '../fake.ts';
import { demoSpec } from './demo.ts';
import { pageFunctions } from './page-functions.ts';

type Columns = Parameters<typeof importancesOf>[0];
const importanceOf = (parameters: Columns, metric: readonly number[]) =>
  importancesOf(parameters, { metric }).metric;

describe('importance', () => {
  const rng = deriveRng(1, 0, 'test');
  const n = 400;
  const strong = Array.from({ length: n }, () => rng.below(4));
  const weak = Array.from({ length: n }, () => rng.uniform());
  const none = Array.from({ length: n }, () => rng.pick(['a', 'b', 'c']));
  const values = strong.map((level, at) => 3 * level + weak[at]! + 0.2 * rng.normal());

  it('puts what explains more first and what explains nothing within chance', () => {
    const found = importanceOf({ none, weak, strong, fixed: strong.map(() => 7) }, values);
    expect(found.map(({ parameter }) => parameter).slice(0, 2)).toEqual(['strong', 'weak']);
    const byName = Object.fromEntries(found.map((each) => [each.parameter, each]));
    expect(byName.strong!.share).toBeGreaterThan(0.95);
    expect(byName.none!.share).toBeLessThan(0.02);
    expect(byName.none!.share).toBeLessThanOrEqual(byName.none!.chance * 1.5);
    expect(byName.fixed).toBeUndefined();
    expect(byName.weak!.nGroups).toBe(6);
  });

  it('gives everything to the only parameter that decides, and nothing to noise on average', () => {
    expect(importanceOf({ strong }, strong)[0]!.share).toBeCloseTo(1, 12);
    const shares = Array.from({ length: 40 }, (_, k) => {
      const noise = deriveRng(k, 0, 'noise');
      return importanceOf(
        { g: Array.from({ length: 60 }, () => noise.below(5)) },
        Array.from({ length: 60 }, () => noise.normal()),
      )[0]!;
    });
    const beyond = shares.filter(({ share, chance }) => share > chance).length;
    expect(beyond).toBeLessThanOrEqual(7);
  });

  it('says nothing of few or equal results', () => {
    expect(importanceOf({ strong }, values.slice(0, FEWEST_RESULTS - 1))).toEqual([]);
    expect(
      importanceOf(
        { strong },
        strong.map(() => 1),
      ),
    ).toEqual([]);
  });
});

const TEACHER: TeacherSpec = {
  source: { kind: 'model', architecture: teacherArchitecture(), steps: 900 },
  crossEntropy: 0.25,
  forwardKl: 0,
  totalVariation: 0.75,
  temperature: 2,
  writtenShare: 0.5,
  writtenTexts: 64,
};

/** With the vocabulary and context of the demo. */
function teacherArchitecture() {
  const { task } = demoSpec();
  const layer = { nHeads: 4, nKvHeads: 2, dFf: 96 };
  return {
    ...candidateOf(96, [layer, { ...layer, dFf: 0 }], 'fp16').architecture,
    vocabSize: vocabSizeOf(task.tokenizer),
    contextLength: task.contextLength,
  };
}

const DENSE = { weightFormat: 'fp16', sparsity: 0 } as const;
const SPARSE = { weightFormat: 'fp16', sparsity: 0.5 } as const;
/** The second has no attention, so its attention is written as stored like its feed-forward. */
const UNLIKE_LAYERS = [
  { nHeads: 2, nKvHeads: 1, dFf: 64 },
  { nHeads: 0, nKvHeads: 0, dFf: 64 },
];

describe('the specification written back', () => {
  const withStorage = demoSpec({
    change: (spec) => ({
      ...spec,
      baseline: {
        architecture: { ...middleCandidate(compileSpace(spec)).architecture, layers: UNLIKE_LAYERS },
        deployment: {
          ...plainDeployment(UNLIKE_LAYERS.length),
          layers: [{ attention: DENSE, feedForward: SPARSE }, alikeLayer(SPARSE)],
          embedding: { weightFormat: 'int8', sparsity: 0.5 },
        },
      },
      deployment: {
        ...spec.deployment,
        weightFormat: { kind: 'alike', choices: ['fp16', 'int8'], nGroups: 3 },
        sparsity: {
          kind: 'by-part',
          attention: { choices: [0], nGroups: 1 },
          feedForward: { choices: [0, 0.5] },
        },
        headSparsity: [0, 0.5],
      },
    }),
  });
  const specs = [
    demoSpec(),
    withStorage,
    demoSpec({
      change: (spec) => ({
        ...spec,
        search: { ...spec.search, sweep: [parseConstraint('memory <= 1 GiB')] },
      }),
    }),
    demoSpec({ change: (spec) => ({ ...spec, objectives: ['loss', 'throughput'], constraints: [] }) }),
    demoSpec({ change: (spec) => ({ ...spec, training: { ...spec.training, teacher: TEACHER } }) }),
    demoSpec({
      change: (spec) => {
        const source = { kind: 'checkpoint', path: 'old/teacher.safetensors' } as const;
        return { ...spec, training: { ...spec.training, teacher: { ...TEACHER, source } } };
      },
    }),
  ];
  it('reads as an equal one, whatever it holds', () => {
    for (const spec of specs) expect(specHash(parseSpec(specYaml(spec), 'space.yaml'))).toBe(specHash(spec));
    fc.assert(
      fc.property(
        fc
          .string({ minLength: 1, maxLength: 60, unit: 'binary' })
          .filter((text) => Buffer.from(text).toString() === text),
        fc.nat(),
        (name, seed) => {
          const spec = { ...specs[0]!, name, seed };
          expect(parseSpec(specYaml(spec), 'space.yaml')).toEqual(spec);
        },
      ),
    );
  });
});

describe('numbers on the page', () => {
  const page = pageFunctions();
  const magnitudes = fc
    .tuple(fc.double({ min: -0.999, max: 1, noNaN: true }), fc.integer({ min: -12, max: 15 }))
    .map(([mantissa, exponent]) => mantissa * 10 ** exponent);
  it('read as on the terminal', () => {
    fc.assert(
      fc.property(magnitudes, fc.constantFrom(...METRIC_NAMES), (value, metric) => {
        expect(page.formatUnit(METRICS[metric].unit, value)).toBe(formatMetric(METRICS, metric, value));
        expect(page.formatNumber(value)).toBe(formatNumber(value));
        expect(page.formatShare(value)).toBe(formatShare(value));
        expect(page.formatDuration(Math.abs(value))).toBe(formatDuration(Math.abs(value)));
      }),
      { numRuns: 2000 },
    );
  });

  it('stand on axes in a unit that keeps them short', () => {
    expect(page.axisUnit('bytes', [1, 3 * 2 ** 30])).toEqual({ factor: 2 ** 30, suffix: 'GiB' });
    expect(page.axisUnit('seconds', [0.002, 0.5])).toEqual({ factor: 1e-3, suffix: 'ms' });
    expect(page.axisUnit('seconds', [])).toEqual({ factor: 1e-9, suffix: 'ns' });
  });
});

const evaluation = (number: number, more: Partial<EvaluationResult> = {}): EvaluationResult => ({
  number,
  candidate: number,
  rung: 0,
  state: 'ok',
  architectureHash: `a${number}`,
  violations: [0],
  values: { loss: 1, memory: 5 },
  feasible: true,
  finishedAt: 0,
  tokens: 100,
  ...more,
});

describe('the course of a run', () => {
  it('counts the tokens of a shared training once', () => {
    const evaluations = [
      evaluation(0),
      evaluation(1, { architectureHash: 'a0' }),
      evaluation(2, { rung: 1, architectureHash: 'a0' }),
      evaluation(3),
    ];
    const fronts = [2, 4].map((nTold, at) => ({ generation: at + 1, nTold, rung: 0, hypervolume: 0.5 }));
    expect(courseOf(fronts, evaluations).map(({ tokens }) => tokens)).toEqual([100, 300]);
  });

  it('lists endings with the most frequent first and sums up the rare ones', () => {
    const failed = (number: number, reason: string) =>
      evaluation(number, { state: 'failed', reason, values: {} });
    const many = Array.from({ length: 60 }, (_, at) => failed(at, at < 5 ? 'same' : `reason ${at}`));
    const endings = endingsOf(
      [...many, evaluation(60, { feasible: false, violations: [0.5] })],
      ['memory <= 1 B'],
    );
    expect(endings[0]).toEqual({ state: 'failed', reason: 'same', count: 5, example: 0 });
    expect(endings).toHaveLength(41);
    expect(endings.at(-1)!.reason).toBe('17 rarer reasons');
    expect(endings.reduce((sum, { count }) => sum + count, 0)).toBe(61);
    const broken = endingsOf([evaluation(0, { feasible: false, violations: [0.5] })], ['memory <= 1 B']);
    expect(broken[0]!.reason).toBe('trained, but breaks memory <= 1 B');
  });
});

describe('points', () => {
  const standing = (number: number, more: Partial<EvaluationResult> = {}): Standing => {
    const { architecture, deployment } = candidateOf(
      64,
      [{ nHeads: 2, nKvHeads: 1, dFf: number % 3 === 0 ? 64 : 128 }],
      'fp16',
    );
    const candidate = {
      number,
      key: hashOf(number),
      architectureHash: 'a',
      architecture,
      deployment,
      origin: 'sample',
      parents: [],
      deployedCosts: {},
      trainedCosts: {},
    };
    return { candidate, evaluation: evaluation(number, more) };
  };

  it('thin very large runs but never the front', () => {
    const many = Array.from({ length: MOST_POINTS + 5000 }, (_, candidate) => ({ candidate }));
    const front = new Set([7, 20_001, 24_999]);
    const shown = shownOf(many, front).map(({ candidate }) => candidate);
    expect(shown).toHaveLength(MOST_POINTS + front.size);
    expect(shown.slice(0, 3)).toEqual([...front]);
    expect(new Set(shown).size).toBe(shown.length);
    const table = pointTable([standing(7), standing(3)], many.length, front, 0, METRIC_NAMES);
    expect(table).toMatchObject({ nEvaluated: many.length, candidate: [7, 3], standing: [0, 1] });
  });

  it('say where each candidate stands, at its highest rung', () => {
    const all = [
      standing(0),
      standing(1, { rung: 1 }),
      standing(2, { rung: 1, feasible: false }),
      standing(3, { rung: 1 }),
    ];
    expect(pointTable(all, 4, new Set([3]), 1, METRIC_NAMES).standing).toEqual([2, 1, 3, 0]);
    const rows = [
      evaluation(0),
      evaluation(4, { candidate: 0, rung: 1 }),
      evaluation(5, { candidate: 0, rung: 2, state: 'failed' }),
    ];
    expect(highestOf(rows).map(({ number }) => number)).toEqual([4]);
  });

  it('keep only parameters that vary', () => {
    const { genes } = pointTable(
      [0, 1, 2, 3].map((number) => standing(number)),
      4,
      new Set(),
      0,
      METRIC_NAMES,
    );
    expect(genes).toEqual({ dFf: [64, 128, 128, 64] });
  });

  it('count stored bits, scales and sparse indices included', () => {
    expect(bitsPerWeight({ weightFormat: 'fp16', sparsity: 0 })).toBe(16);
    expect(bitsPerWeight({ weightFormat: 'mxfp4-e2m1', sparsity: 0 })).toBe(4.25);
    expect(bitsPerWeight({ weightFormat: 'fp16', sparsity: 0.8 })).toBeLessThan(5);
    expect(
      genesOf(
        candidateOf(
          64,
          [
            { nHeads: 4, nKvHeads: 1, dFf: 0 },
            { nHeads: 2, nKvHeads: 2, dFf: 64 },
          ],
          'int8',
        ),
      ),
    ).toMatchObject({ depth: 2, heads: 3, kvHeads: 1.5, dFf: 32 });
  });
});
