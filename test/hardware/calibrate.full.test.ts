import { describe, expect, it } from 'vitest';
import { hwgptFit } from '../../bench/hardware/hwgpt-rows.ts';

describe('HW-GPT-Bench, calibrated on 100 architectures', () => {
  it.each(['h100', 'a6000'] as const)('predicts the other 1,400 on %s within 3 %%', (device) => {
    const result = hwgptFit(device);
    expect(result.meanError).toBeLessThan(0.03);
    for (const [width, rank] of Object.entries(result.rankByWidth)) {
      expect(rank, `width ${width}`).toBeGreaterThan(0.95);
    }
  });
});
