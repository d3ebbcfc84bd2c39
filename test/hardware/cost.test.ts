import { describe, expect, it } from 'vitest';
import { MODELS } from '../../bench/hardware/models.ts';
import {
  type CostInput,
  estimateCost,
  HardwareError,
  loadAccelerator,
  metricsOf,
  smallestCards,
  uniformDeployment,
} from '../../hardware/index.ts';
import { METRIC_NAMES, METRICS } from '../../space/metrics.ts';
import { costInput, LLAMA_7B, uniformModel } from './shapes.ts';

describe('one estimate', () => {
  it('takes the sizes that encoded blocks were found to have', () => {
    const input = costInput('nvidia-a100-80gb', { weightFormat: 'mxfp4-e2m1', sparsity: 0.5 });
    const layers = input.architecture.layers.length;
    const expected = estimateCost(input);
    const same = estimateCost({ ...input, encodedRatios: Array.from({ length: layers }, () => 1) });
    expect(metricsOf(same)).toEqual(metricsOf(expected));
    const ratios = Array.from({ length: layers }, (_, layer) => (layer === 0 ? 1.25 : 1));
    const found = estimateCost({ ...input, encodedRatios: ratios });
    const inFirst = expected.breakdown
      .filter(({ layer }) => layer === 0)
      .reduce((sum, { weightBytes }) => sum + weightBytes, 0);
    expect(found.weightBytes - expected.weightBytes).toBeCloseTo(0.25 * inFirst, 3);
    expect(found.decodeSecondsPerToken).toBeGreaterThan(expected.decodeSecondsPerToken);
    expect(found.macs).toBe(expected.macs);
    expect(found.breakdown[0]!.weightBytes / expected.breakdown[0]!.weightBytes).toBeCloseTo(1.25, 12);
    // What is known of one model is not taken for another.
    expect(metricsOf(estimateCost(input))).toEqual(metricsOf(expected));
  });

  it('adds up to the sum of its breakdown', () => {
    for (const name of ['qualcomm-ai100-ultra', 'nvidia-a100-80gb', 'nvidia-h100-sxm']) {
      const cost = estimateCost(costInput(name, { weightFormat: 'mxfp6-e3m2' }, { batch: 3 }));
      const total = (pick: (row: (typeof cost.breakdown)[number]) => number) =>
        cost.breakdown.reduce((sum, row) => sum + pick(row), 0);
      // AI 100 adds a time a sequence on top, which belongs to no operation.
      if (name !== 'qualcomm-ai100-ultra') {
        expect(total((row) => row.decodeSeconds)).toBeCloseTo(cost.decodeSecondsPerToken, 12);
      }
      expect(total((row) => row.prefillSeconds)).toBeCloseTo(cost.prefillSeconds, 12);
      expect(total((row) => row.decodeMacs) / cost.macs).toBeCloseTo(1, 12);
      expect(new Set(cost.breakdown.map((row) => row.layer)).size).toBe(33);
    }
  });

  it('follows the additive law of AI 100: bytes over bandwidth plus weights over rate', () => {
    const cost = estimateCost(costInput('qualcomm-ai100-ultra'));
    const weights = 6_738_415_616 - 32_000 * 4096;
    const kvBytes = 2048 * 2 * 32 * 32 * 128 * 2;
    const law = (2 * weights + kvBytes) / 548e9 + weights / 580e9;
    expect(cost.decodeSecondsPerToken / law).toBeLessThan(1.01);
    expect(cost.decodeSecondsPerToken).toBeGreaterThan(law);
  });

  it('is a pure function: a fresh accelerator object gives the same figures', () => {
    const warm = estimateCost(costInput('nvidia-a100-80gb', { weightFormat: 'int4-g32', sparsity: 0.5 }));
    const cold = estimateCost(costInput('nvidia-a100-80gb', { weightFormat: 'int4-g32', sparsity: 0.5 }));
    expect(JSON.stringify(cold)).toBe(JSON.stringify(warm));
  });

  it('does not confuse models that differ in one field', () => {
    const accelerator = loadAccelerator('nvidia-a100-80gb');
    const ask = (over: Partial<CostInput['architecture']>, more: Partial<CostInput> = {}) => {
      const architecture = uniformModel(over, 2);
      const deployment = uniformDeployment(architecture.layers.length);
      const workload = { batch: 1, promptTokens: 64, generatedTokens: 64 };
      return estimateCost({ architecture, deployment, accelerator, workload, ...more });
    };
    const base = ask({});
    expect(ask({ vocabSize: 64_000 }).weightBytes).toBeGreaterThan(base.weightBytes);
    expect(ask({ tieEmbeddings: true }).weightBytes).toBeLessThan(base.weightBytes);
    expect(ask({ headDim: 64 }).weightBytes).toBeLessThan(base.weightBytes);
    expect(ask({}, { workload: { batch: 2, promptTokens: 64, generatedTokens: 64 } }).kvCacheBytes).toBe(
      2 * base.kvCacheBytes,
    );
    expect(ask({}).decodeSecondsPerToken).toBe(base.decodeSecondsPerToken);
  });

  it('prices unlike layers one by one', () => {
    const a = { nHeads: 32, nKvHeads: 8, dFf: 11_008 };
    const b = { nHeads: 16, nKvHeads: 1, dFf: 4096 };
    const skipped = { nHeads: 0, nKvHeads: 0, dFf: 0 };
    const price = (layers: (typeof a)[]) =>
      estimateCost(costInput('nvidia-h100-sxm', {}, {}, uniformModel({ layers })));
    const mixed = price([a, b, a, skipped]).decodeSecondsPerToken;
    const fixed = price([skipped]).decodeSecondsPerToken;
    const alone = (layer: typeof a) => price([layer]).decodeSecondsPerToken - fixed;
    expect(mixed).toBeCloseTo(fixed + 2 * alone(a) + alone(b), 12);
  });

  it('gives tokens of the whole batch over the whole request, prefill included', () => {
    const cost = estimateCost(costInput('nvidia-a100-80gb', {}, { batch: 8, generatedTokens: 100 }));
    expect(cost.requestSeconds).toBeCloseTo(cost.prefillSeconds + 99 * cost.decodeSecondsPerToken, 12);
    expect(cost.tokensPerSecond).toBeCloseTo(800 / cost.requestSeconds, 9);
    expect(cost.timeToFirstTokenSeconds).toBeLessThan(cost.prefillSeconds);
    expect(cost.steadySecondsPerToken).toBeGreaterThan(cost.decodeSecondsPerToken);
  });

  it('says how far to trust it', () => {
    expect(estimateCost(costInput('google-tpu-v5e')).calibration).toContain('uncalibrated');
    expect(estimateCost(costInput('google-tpu-v5e')).expectedError).toEqual({});
    const known = estimateCost(costInput('qualcomm-ai100-ultra'));
    expect(known.calibration).toContain('mean error');
    expect(known.expectedError.decode).toBeLessThan(0.05);
  });

  it('does not vouch for batches beyond the measured ones', () => {
    const batched = estimateCost(costInput('qualcomm-ai100-ultra', {}, { batch: 2 }));
    expect(batched.expectedError).toEqual({});
    expect(batched.calibration).toMatch(/^uncalibrated at batch 2/);
  });

  it('is plain data when copied', () => {
    const cost = estimateCost(costInput('nvidia-a100-80gb'));
    expect(cost.toJSON()).toMatchObject({ fits: true, toFit: [], expectedError: cost.expectedError });
    expect(JSON.parse(JSON.stringify(cost)).breakdown).toHaveLength(cost.breakdown.length);
  });

  it('maps to every metric that needs no training', () => {
    const values = metricsOf(estimateCost(costInput('nvidia-a100-80gb')));
    for (const name of METRIC_NAMES) {
      if (METRICS[name].trained) expect(values[name]).toBeUndefined();
      else expect(values[name], name).toBeGreaterThan(0);
    }
    expect(metricsOf(estimateCost(costInput('nvidia-b200'))).price).toBeUndefined();
  });
});

describe('memory', () => {
  it('opt-13b does not fit AI 100 Standard in FP16 and does in MXFP6', () => {
    const ask = (weightFormat: 'fp16' | 'mxfp6-e3m2') =>
      estimateCost(costInput('qualcomm-ai100-standard', { weightFormat }, {}, MODELS['opt-13b']));
    expect(ask('fp16').fits).toBe(false);
    expect(ask('fp16').toFit.join()).toMatch(/2 cards|weights in fp8/);
    expect(ask('mxfp6-e3m2').fits).toBe(true);
    expect(ask('mxfp6-e3m2').toFit).toEqual([]);
  });

  it('a 70B model in FP32 needs over 280 GB and so several cards', () => {
    const input = costInput(
      'nvidia-a100-80gb',
      { weightFormat: 'fp32' },
      { generatedTokens: 128 },
      MODELS['llama2-70b'],
    );
    const cost = estimateCost(input);
    expect(cost.weightBytes).toBe(4 * 68_976_648_192);
    expect(70e9 * 4).toBe(280e9);
    expect(cost.fits).toBe(false);
    const nCards = smallestCards(input)!;
    expect(nCards).toBeGreaterThanOrEqual(4);
    expect(cost.toFit[0]).toBe(`${nCards} cards of nvidia-a100-80gb`);
    const fitting = estimateCost({ ...input, deployment: { ...input.deployment, nCards } });
    expect(fitting.fits).toBe(true);
    const fewer = estimateCost({ ...input, deployment: { ...input.deployment, nCards: nCards - 1 } });
    expect(fewer.fits).toBe(false);
  });

  it('every piece of advice is true', () => {
    const input = costInput('nvidia-l4', {}, { batch: 64, promptTokens: 2048 });
    expect(estimateCost(input).fits).toBe(false);
    for (const advice of estimateCost(input).toFit) {
      const [, cards] = /^(\d+) cards/.exec(advice) ?? [];
      const [, batch] = /^batch (\d+)/.exec(advice) ?? [];
      const [, format] = /^weights in (\S+)/.exec(advice) ?? [];
      const deployment = cards
        ? { ...input.deployment, nCards: Number(cards) }
        : format
          ? uniformDeployment(32, { weightFormat: format as 'fp8' })
          : input.deployment;
      const workload = batch ? { ...input.workload, batch: Number(batch) } : input.workload;
      expect(estimateCost({ ...input, deployment, workload }).fits, advice).toBe(true);
    }
  });

  it('replicates kv heads when there are fewer than devices', () => {
    const model = (nKvHeads: number) =>
      uniformModel({ layers: Array.from({ length: 4 }, () => ({ nHeads: 32, nKvHeads, dFf: 1024 })) });
    const ask = (nKvHeads: number) =>
      estimateCost(costInput('qualcomm-ai100-ultra', {}, { promptTokens: 4000, batch: 8 }, model(nKvHeads)));
    expect(ask(1).kvBytesPerToken * 4).toBe(ask(4).kvBytesPerToken);
    // Four SoCs: below four kv heads the cards hold and read as much.
    const attention = (nKvHeads: number) =>
      ask(nKvHeads).breakdown.filter((row) => row.operation === 'attention')[0]!.decodeBytes;
    expect(attention(2)).toBe(attention(4));
    expect(attention(1)).toBe(attention(4));
    expect(attention(8)).toBe(2 * attention(4));
    const kvMemory = (nKvHeads: number) =>
      estimateCost(costInput('qualcomm-ai100-ultra', {}, { promptTokens: 8000, batch: 8 }, model(nKvHeads)))
        .memoryBytes - ask(nKvHeads).memoryBytes;
    expect(kvMemory(1) / kvMemory(4)).toBeCloseTo(1, 6);
  });

  it('halves the KV cache in 8 bits, scales included', () => {
    const ask = (kvCacheFormat: 'fp16' | 'fp8' | 'int8' | 'mxint8') =>
      estimateCost(costInput('nvidia-a100-80gb', { kvCacheFormat })).kvBytesPerToken;
    expect(ask('fp16')).toBe(524_288);
    expect(ask('fp8')).toBe(262_144);
    expect(ask('mxint8')).toBe((262_144 * 33) / 32);
    expect(ask('int8')).toBe((262_144 * 130) / 128);
  });
});

describe('static shapes', () => {
  it('touch the whole compiled context, paged kernels only what is there', () => {
    const ask = (name: string, compiledContexts: number[]) =>
      estimateCost({ ...costInput(name, {}, { promptTokens: 64, generatedTokens: 64 }), compiledContexts });
    expect(ask('qualcomm-ai100-ultra', [4096]).decodeSecondsPerToken).toBeGreaterThan(
      ask('qualcomm-ai100-ultra', [128]).decodeSecondsPerToken,
    );
    expect(ask('qualcomm-ai100-ultra', [4096, 256, 64]).decodeSecondsPerToken).toBe(
      ask('qualcomm-ai100-ultra', [256]).decodeSecondsPerToken,
    );
    expect(ask('nvidia-a100-80gb', [4096]).decodeSecondsPerToken).toBe(
      ask('nvidia-a100-80gb', [128]).decodeSecondsPerToken,
    );
    expect(() => ask('qualcomm-ai100-ultra', [100])).toThrow(/no compiled context holds/);
  });
});

describe('input that makes no sense', () => {
  const bad = (change: (input: CostInput) => CostInput): string => {
    try {
      estimateCost(change(costInput('nvidia-a100-80gb')));
    } catch (error) {
      expect(error).toBeInstanceOf(HardwareError);
      return (error as HardwareError).code;
    }
    return 'accepted';
  };
  const layers = (layer: { nHeads: number; nKvHeads: number; dFf: number }) => (input: CostInput) => ({
    ...input,
    architecture: { ...LLAMA_7B, layers: LLAMA_7B.layers.map((old, i) => (i === 7 ? layer : old)) },
  });

  it('is a typed error, also when a similar model was priced before', () => {
    estimateCost(costInput('nvidia-a100-80gb'));
    expect(bad((input) => ({ ...input, architecture: uniformModel({ layers: [] }) }))).toBe(
      'bad-architecture',
    );
    expect(bad(layers({ nHeads: 8, nKvHeads: 16, dFf: 64 }))).toBe('bad-architecture');
    expect(bad(layers({ nHeads: 8, nKvHeads: 3, dFf: 64 }))).toBe('bad-architecture');
    expect(bad(layers({ nHeads: 8, nKvHeads: 0, dFf: 64 }))).toBe('bad-architecture');
    expect(bad(layers({ nHeads: 8, nKvHeads: 8, dFf: -1 }))).toBe('bad-architecture');
    expect(bad(layers({ nHeads: 8.5, nKvHeads: 8.5, dFf: 64 }))).toBe('bad-architecture');
    expect(bad(layers({ nHeads: Number.NaN, nKvHeads: 8, dFf: 64 }))).toBe('bad-architecture');
    expect(bad((input) => ({ ...input, architecture: { ...LLAMA_7B, dModel: 0 } }))).toBe('bad-architecture');
    for (const change of [
      { batch: -1 },
      { batch: 0 },
      { batch: 1.5 },
      { promptTokens: 0 },
      { generatedTokens: -1 },
    ]) {
      expect(bad((input) => ({ ...input, workload: { ...input.workload, ...change } }))).toBe('bad-workload');
    }
    expect(bad((input) => ({ ...input, deployment: uniformDeployment(31) }))).toBe('bad-deployment');
    for (const nCards of [0, 9, 1.5]) {
      expect(bad((input) => ({ ...input, deployment: uniformDeployment(32, { nCards }) }))).toBe(
        'bad-deployment',
      );
    }
    for (const sparsity of [-0.1, 1, 2, Number.NaN]) {
      expect(bad((input) => ({ ...input, deployment: uniformDeployment(32, { sparsity }) }))).toBe(
        'bad-deployment',
      );
    }
    expect(
      bad((input) => ({ ...input, deployment: uniformDeployment(32, { weightFormat: 'fp5' as 'fp8' }) })),
    ).toBe('unsupported-format');
    const ultra = loadAccelerator('qualcomm-ai100-ultra');
    expect(
      bad((input) => ({
        ...input,
        accelerator: ultra,
        deployment: uniformDeployment(32, { kvCacheFormat: 'fp8' }),
      })),
    ).toBe('unsupported-format');
  });
});
