import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CostInput, estimateCost, loadAccelerator } from '../../hardware/index.ts';
import { mapStorage } from '../../space/deployment.ts';
import { WEIGHT_FORMATS } from '../../space/number-formats.ts';

const ACCELERATORS = [
  'qualcomm-ai100-standard',
  'qualcomm-ai100-ultra',
  'nvidia-a100-80gb',
  'nvidia-h100-sxm',
  'nvidia-b200',
  'intel-xeon-6980p',
  'cerebras-cs2',
].map(loadAccelerator);

const layer = fc
  .record({
    groups: fc.integer({ min: 0, max: 6 }),
    nKvHeads: fc.integer({ min: 1, max: 8 }),
    dFf: fc.nat(200),
  })
  .map(({ groups, nKvHeads, dFf }) => ({
    nHeads: groups * nKvHeads,
    nKvHeads: groups === 0 ? 0 : nKvHeads,
    dFf: dFf * 64,
  }));

const storage = fc.record({
  weightFormat: fc.constantFrom(...WEIGHT_FORMATS),
  sparsity: fc.constantFrom(0, 0.5, 0.8),
});

const inputs: fc.Arbitrary<CostInput> = fc
  .record({
    accelerator: fc.constantFrom(...ACCELERATORS),
    layers: fc.array(layer, { minLength: 1, maxLength: 6 }),
    attention: storage,
    feedForward: storage,
    embedding: storage,
    dModel: fc.integer({ min: 1, max: 32 }).map((n) => n * 128),
    workload: fc.record({
      batch: fc.integer({ min: 1, max: 64 }),
      promptTokens: fc.integer({ min: 1, max: 3000 }),
      generatedTokens: fc.integer({ min: 0, max: 2000 }),
    }),
  })
  .map(({ accelerator, layers, attention, feedForward, embedding, dModel, workload }) => ({
    accelerator,
    architecture: {
      dModel,
      headDim: 64,
      vocabSize: 32_000,
      contextLength: 8192,
      tieEmbeddings: false,
      ropeTheta: 10_000,
      layers,
    },
    deployment: {
      layers: layers.map(() => ({ attention, feedForward })),
      embedding,
      kvCacheFormat: 'fp16' as const,
      nCards: 1,
    },
    workload,
  }));

/** Costs that never fall when there is more to do. */
const COSTS = [
  'parameters',
  'macs',
  'weightBytes',
  'kvCacheBytes',
  'memoryBytes',
  'prefillSeconds',
  'timeToFirstTokenSeconds',
  'decodeSecondsPerToken',
  'requestSeconds',
] as const;

function neverCheaper(small: CostInput, large: CostInput): void {
  const before = estimateCost(small);
  const after = estimateCost(large);
  for (const name of COSTS) {
    expect(after[name], `${name} on ${small.accelerator.name}`).toBeGreaterThanOrEqual(
      before[name] * (1 - 1e-12),
    );
  }
}

const withArchitecture = (input: CostInput, change: Partial<CostInput['architecture']>): CostInput => ({
  ...input,
  architecture: { ...input.architecture, ...change },
});

describe('more work never costs less', () => {
  it('shards are matrices of their own, with their own scales and tables', () => {
    const ultra = loadAccelerator('qualcomm-ai100-ultra');
    const outer = { weightFormat: 'fp32', sparsity: 0 } as const;
    const input = (weightFormat: 'codebook-8x2' | 'int4-g128', nHeads: number): CostInput => ({
      accelerator: ultra,
      architecture: {
        dModel: 128,
        headDim: 64,
        vocabSize: 32_000,
        contextLength: 8192,
        tieEmbeddings: false,
        ropeTheta: 10_000,
        layers: [{ nHeads, nKvHeads: 1, dFf: 0 }],
      },
      deployment: {
        layers: [{ attention: { weightFormat, sparsity: 0 }, feedForward: outer }],
        embedding: outer,
        kvCacheFormat: 'fp16',
        nCards: 1,
      },
      workload: { batch: 1, promptTokens: 1, generatedTokens: 0 },
    });
    // One head to a device in both: the fullest device holds the same.
    for (const format of ['codebook-8x2', 'int4-g128'] as const) {
      expect(estimateCost(input(format, 2)).memoryBytes, format).toBe(
        estimateCost(input(format, 1)).memoryBytes,
      );
    }
  });

  it('wider feed-forward, more kv heads, more heads', () => {
    fc.assert(
      fc.property(inputs, fc.nat(5), fc.integer({ min: 1, max: 4 }), (input, pick, times) => {
        const { layers } = input.architecture;
        const at = pick % layers.length;
        const change = (next: (old: (typeof layers)[number]) => (typeof layers)[number]) =>
          withArchitecture(input, { layers: layers.map((old, i) => (i === at ? next(old) : old)) });
        neverCheaper(
          input,
          change((old) => ({ ...old, dFf: old.dFf + 64 * times })),
        );
        neverCheaper(
          input,
          change((old) => ({ ...old, nHeads: old.nHeads * times })),
        );
        neverCheaper(
          input,
          change((old) => ({ ...old, nKvHeads: old.nHeads })),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('one more layer, a wider model, a larger vocabulary', () => {
    fc.assert(
      fc.property(inputs, layer, (input, extra) => {
        const { architecture, deployment } = input;
        const more = withArchitecture(input, { layers: [...architecture.layers, extra] });
        neverCheaper(input, {
          ...more,
          deployment: { ...deployment, layers: [...deployment.layers, deployment.layers[0]!] },
        });
        neverCheaper(input, withArchitecture(input, { dModel: architecture.dModel + 128 }));
        neverCheaper(input, withArchitecture(input, { vocabSize: architecture.vocabSize + 1000 }));
      }),
      { numRuns: 60 },
    );
  });

  it('larger batch, longer prompt, longer answer', () => {
    fc.assert(
      fc.property(
        inputs,
        fc.constantFrom('batch', 'promptTokens', 'generatedTokens'),
        fc.integer({ min: 1, max: 300 }),
        (input, name, more) => {
          neverCheaper(input, {
            ...input,
            workload: { ...input.workload, [name]: input.workload[name] + more },
          });
        },
      ),
      { numRuns: 100 },
    );
  });

  it('sparser weights are never larger, and never slower to read among sparse ones', () => {
    fc.assert(
      fc.property(inputs, fc.double({ min: 0.05, max: 0.95, noNaN: true }), (input, sparsity) => {
        const at = (share: number): CostInput => ({
          ...input,
          deployment: {
            ...input.deployment,
            ...mapStorage(input.deployment, (old) => ({ ...old, sparsity: share })),
          },
        });
        expect(estimateCost(at(sparsity)).weightBytes).toBeLessThanOrEqual(
          estimateCost(at(0)).weightBytes + 1e-6,
        );
        neverCheaper(at(sparsity), at(sparsity * 0.9));
      }),
      { numRuns: 60 },
    );
  });

  it('is never faster than memory and arithmetic at their peaks', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const cost = estimateCost(input);
        const { bandwidthBytesPerSecond, peakFlopsPerSecond } = input.accelerator;
        const n = input.accelerator.devicesPerCard;
        for (const row of cost.breakdown) {
          expect(row.decodeSeconds).toBeGreaterThanOrEqual(
            (row.decodeBytes / bandwidthBytesPerSecond) * (1 - 1e-9),
          );
        }
        const peak = Math.max(...Object.values(peakFlopsPerSecond));
        const zeros = input.accelerator.sparse.skipsZeros ? 1 - 0.8 : 1;
        expect(cost.decodeSecondsPerToken).toBeGreaterThanOrEqual(
          ((2 * cost.macs * zeros) / (n * peak)) * 0.999,
        );
      }),
      { numRuns: 60 },
    );
  });
});
