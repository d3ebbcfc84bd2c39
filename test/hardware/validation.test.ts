import { describe, expect, it } from 'vitest';
import { ai100Rows, llmViewerRows, predictRows } from '../../bench/hardware/measured-rows.ts';
import { meanAbsolute, medianAbsolute, rankCorrelation } from '../../bench/hardware/statistics.ts';
import { meetsTargets, validate, validationSets } from '../../bench/hardware/validation-sets.ts';
import { loadAccelerator } from '../../hardware/index.ts';

describe('measured rows', () => {
  it.each(validationSets())('$name: within its target', (set) => {
    const result = validate(set);
    expect(
      meetsTargets(result),
      `mean ${result.mean.toFixed(3)}, median ${result.median.toFixed(3)}, rank ${result.rank.toFixed(3)}`,
    ).toBe(true);
    expect(result.mean).toBeLessThan(result.idealMean);
  });

  it('MXFP6 on AI 100 is 1.55 to 1.85 times FP16, as measured', () => {
    for (const card of ['AI100-Std', 'AI100-Ultra'] as const) {
      const rows = predictRows(ai100Rows(card));
      for (const { row, predicted } of rows.filter(({ row: it }) => it.id.endsWith('FP16'))) {
        const small = rows.find((other) => other.row.id === row.id.replace('FP16', 'MXFP6'))!;
        expect(small.predicted / predicted, row.id).toBeGreaterThan(1.55);
        expect(small.predicted / predicted, row.id).toBeLessThan(1.85);
      }
    }
  });

  it('beat LLM-Viewer on every row of its own issue', () => {
    for (const { row, error } of predictRows(llmViewerRows())) {
      const { peer } = row as ReturnType<typeof llmViewerRows>[number];
      expect(Math.abs(error), row.id).toBeLessThan(Math.abs(peer / row.measured - 1));
    }
  });

  it('agree with the errors that the accelerator files state', () => {
    const stated = (name: string, figure: string) =>
      loadAccelerator(name).validation.find((record) => record.figure === figure)!;
    const sets = new Map(validationSets().map((set) => [set.name, set]));
    const measured = (name: string) => validate(sets.get(name)!).mean;
    const standard = stated('qualcomm-ai100-standard', 'decode');
    expect(measured('AI 100 Standard decode')).toBeCloseTo(standard.errorRatio, 2);
    expect(sets.get('AI 100 Standard decode')!.rows).toHaveLength(standard.rows);
    const serving = stated('nvidia-h100-sxm', 'decode');
    expect(measured('H100 serving, half that was held out')).toBeCloseTo(serving.errorRatio, 2);
    expect(measured('A100 unloaded first token')).toBeCloseTo(
      stated('nvidia-a100-80gb', 'prefill').errorRatio,
      2,
    );
    expect(measured('L40S unloaded first token')).toBeCloseTo(stated('nvidia-l40s', 'prefill').errorRatio, 2);
    expect(measured('M2 Ultra llama.cpp decode')).toBeCloseTo(
      stated('apple-m2-ultra', 'decode').errorRatio,
      2,
    );
  });
});

describe('statistics', () => {
  it('are what they are called', () => {
    expect(meanAbsolute([1, -3])).toBe(2);
    expect(medianAbsolute([1, -3, 10])).toBe(3);
    expect(medianAbsolute([1, -3, 10, 4])).toBe(3.5);
    expect(rankCorrelation([1, 2, 3], [10, 20, 30])).toBe(1);
    expect(rankCorrelation([1, 2, 3], [3, 2, 1])).toBe(-1);
    expect(rankCorrelation([1, 1, 2, 3], [5, 5, 6, 7])).toBeCloseTo(1, 12);
  });
});
