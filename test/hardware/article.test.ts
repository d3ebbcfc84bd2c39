import { describe, expect, it } from 'vitest';
import { articleCases } from '../../bench/hardware/article.ts';

describe("the founding article's claims", () => {
  const cases = articleCases();

  it('are reached under stated or solved-for assumptions, but for the one that random zeros rule out', () => {
    const missed = cases.filter((it) => !it.isReached);
    expect(missed.map((it) => it.claim)).toEqual(['4-bit delta CSC at 80 %, random zeros']);
    expect(missed[0]!.found).toBeCloseTo(3.884, 2);
  });

  it('solve for acceptances that a draft can have', () => {
    for (const { given } of cases) {
      const acceptance = /solved: acceptance (\d\.\d+)/.exec(given)?.[1];
      if (acceptance !== undefined) {
        expect(Number(acceptance)).toBeGreaterThan(0.4);
        expect(Number(acceptance)).toBeLessThan(1);
      }
    }
  });

  it('stay below the naive product wherever techniques are joined', () => {
    const joined = cases.filter((it) => it.naiveProduct !== undefined);
    expect(joined.length).toBeGreaterThanOrEqual(4);
    for (const it of joined) expect(it.found).toBeLessThan(it.naiveProduct!);
  });
});
