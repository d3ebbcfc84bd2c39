import { describe, expect, it } from 'vitest';
import {
  estimateCost,
  HardwareError,
  loadAccelerator,
  rooflineSvg,
  sensitivity,
  trainingCost,
} from '../../hardware/index.ts';
import { costInput, LLAMA_7B, uniformModel } from './shapes.ts';

describe('sensitivity', () => {
  it('ranks single changes by what they save, and says what each one costs', () => {
    const input = costInput('qualcomm-ai100-ultra', { weightFormat: 'mxfp6-e3m2' });
    const ranked = sensitivity(input);
    for (let i = 1; i < ranked.length; i += 1) {
      expect(ranked[i]!.savedRatio).toBeLessThanOrEqual(ranked[i - 1]!.savedRatio);
    }
    const before = estimateCost(input).decodeSecondsPerToken;
    for (const { after, savedRatio, cost } of ranked) {
      expect(cost.decodeSecondsPerToken).toBe(after);
      expect(savedRatio).toBeCloseTo(1 - after / before, 12);
    }
    const changes = ranked.map((it) => it.change);
    expect(changes).toContain('layer 7: 32 to 16 kv heads');
    expect(changes).toContain('layer 7: mxfp6-e3m2 to mxfp4-e2m1');
    expect(changes).toContain('one more card');
    expect(changes).toContain('KV cache in mxint8');
  });

  it('finds that a kv head below the number of devices saves nothing', () => {
    const layers = [{ nHeads: 32, nKvHeads: 4, dFf: 1024 }];
    const ranked = sensitivity(
      costInput('qualcomm-ai100-ultra', {}, {}, uniformModel({ layers })),
      'memoryBytes',
    );
    const kv = ranked.find((it) => it.change === 'layer 0: 4 to 2 kv heads')!;
    expect(Math.abs(kv.savedRatio)).toBeLessThan(0.01);
  });

  it('offers no change that does not exist', () => {
    const layers = [{ nHeads: 0, nKvHeads: 0, dFf: 0 }];
    const input = costInput(
      'apple-m2-ultra',
      { weightFormat: 'mxfp4-e2m1', sparsity: 0.9, kvCacheFormat: 'int8' },
      {},
      uniformModel({ layers }),
    );
    expect(sensitivity(input)).toEqual([]);
  });
});

describe('the roofline picture', () => {
  it('is an SVG with every operation of both phases', () => {
    const svg = rooflineSvg(costInput('nvidia-a100-80gb'));
    expect(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg"')).toBe(true);
    expect(svg.trimEnd().endsWith('</svg>')).toBe(true);
    for (const name of ['qkv', 'attention', 'feed-forward-in', 'logits']) {
      expect(svg).toContain(`decode ${name}:`);
      expect(svg).toContain(`prefill ${name}:`);
    }
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(svg).toContain('fp16, bf16');
  });

  it('stays inside its frame on every kind of device', () => {
    for (const name of ['qualcomm-ai100-ultra', 'cerebras-cs2', 'intel-xeon-6980p', 'nvidia-b200']) {
      const svg = rooflineSvg(
        costInput(name, { weightFormat: 'mxfp6-e3m2' }, { batch: 1, promptTokens: 16 }),
      );
      for (const [, x, y] of svg.matchAll(/<text x="([^"]+)" y="([^"]+)"/g)) {
        expect(Number(x)).toBeGreaterThanOrEqual(0);
        expect(Number(x)).toBeLessThanOrEqual(760);
        expect(Number(y)).toBeLessThanOrEqual(460);
      }
      for (const [, cx, cy] of svg.matchAll(/<circle cx="([^"]+)" cy="([^"]+)"/g)) {
        expect(Number(cx)).toBeGreaterThanOrEqual(0);
        expect(Number(cx)).toBeLessThanOrEqual(760);
        expect(Number(cy)).toBeGreaterThanOrEqual(0);
        expect(Number(cy)).toBeLessThanOrEqual(460);
      }
    }
  });
});

describe('training cost', () => {
  const ask = (name: string, sparsity = 0, nCards = 1) =>
    trainingCost({
      architecture: LLAMA_7B,
      accelerator: loadAccelerator(name),
      nCards,
      tokens: 1e9,
      sequenceTokens: 4096,
      sparsity,
    });

  it('counts six FLOPs a weight and token, and the attention of causal sequences', () => {
    const weights = 6_738_415_616 - 32_000 * 4096 - 65 * 4096;
    const attention = 32 * 2 * 32 * 128 * (4097 / 2);
    expect(ask('nvidia-h100-sxm').flops / (6e9 * (weights + attention))).toBeCloseTo(1, 12);
    expect(ask('nvidia-h100-sxm').denseFlops).toBe(ask('nvidia-h100-sxm').flops);
  });

  it('credits zeros only where the device skips them', () => {
    expect(ask('nvidia-h100-sxm', 0.8).hours).toBe(ask('nvidia-h100-sxm').hours);
    expect(ask('nvidia-h100-sxm', 0.8).note).toContain('saves no training time');
    const dense = ask('cerebras-cs2');
    const sparse = ask('cerebras-cs2', 0.8);
    expect(sparse.hours / dense.hours).toBeLessThan(0.35);
    // The head and the attention stay dense.
    expect(sparse.hours / dense.hours).toBeGreaterThan(0.2);
    expect(sparse.denseFlops).toBe(dense.denseFlops);
  });

  it('shares the work among cards: less time, the same energy', () => {
    expect(ask('nvidia-h100-sxm', 0, 8).hours * 8).toBeCloseTo(ask('nvidia-h100-sxm').hours, 9);
    expect(ask('nvidia-h100-sxm', 0, 8).joules / ask('nvidia-h100-sxm').joules).toBeCloseTo(1, 12);
    expect(ask('nvidia-h100-sxm', 0, 8).dollars! / ask('nvidia-h100-sxm').dollars!).toBeCloseTo(1, 12);
  });

  it('is refused for inference devices and senseless numbers', () => {
    expect(() => ask('qualcomm-ai100-ultra')).toThrow(/inference device/);
    expect(() => ask('cerebras-cs2', 1)).toThrow(HardwareError);
    expect(() => ask('cerebras-cs2', 0, 0)).toThrow(HardwareError);
  });
});
