import { describe, expect, it } from 'vitest';
import { kendallTau, reportOf } from '../../search/forecasts.ts';
import { fitSurrogate, type Observation } from '../../search/surrogate.ts';
import { deriveRng, type Rng } from '../../space/random.ts';

const row = (rng: Rng) => Array.from({ length: 20 }, () => rng.uniform());
/** Two features matter much, the others little. */
const smooth = (x: readonly number[]) =>
  3 * x[0]! + Math.sin(4 * x[1]!) + x.slice(2).reduce((sum, value, k) => sum + 0.02 * (k % 3) * value, 0);
const errorOf = (n: number, noise: number) => {
  const rng = deriveRng(1, n, 'surrogate');
  const observations: Observation[] = Array.from({ length: n }, () => {
    const features = row(rng);
    return { features, rung: 0, value: smooth(features) + noise * rng.normal() };
  });
  const surrogate = fitSurrogate(observations, 1, 4)!;
  const tests = Array.from({ length: 200 }, () => row(rng));
  const errors = tests.map((x) => surrogate.predict(x, 0).mean - smooth(x));
  const within = tests.filter((x, k) => Math.abs(errors[k]!) <= 2 * surrogate.predict(x, 0).deviation);
  return {
    rms: Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / 200),
    coverage: within.length / 200,
    surrogate,
    observations,
  };
};

describe('fitSurrogate', () => {
  it('learns a smooth function better with more results, and knows its error', () => {
    const few = errorOf(15, 0);
    const many = errorOf(120, 0);
    expect(few.rms).toBeLessThan(0.7);
    expect(many.rms).toBeLessThan(0.2);
    expect(many.coverage).toBeGreaterThan(0.8);
  });

  it('passes near noiseless results, and finds the function behind noisy ones', () => {
    const exact = errorOf(60, 0);
    for (const { features, value } of exact.observations) {
      expect(Math.abs(exact.surrogate.mean(features, 0) - value)).toBeLessThan(0.1);
    }
    const noisy = errorOf(120, 0.2);
    expect(noisy.rms).toBeLessThan(0.26);
  });

  it('learns the top rung from many low results and a few high ones', () => {
    const rng = deriveRng(2, 0, 'rungs');
    const low: Observation[] = Array.from({ length: 80 }, () => {
      const features = row(rng);
      return { features, rung: 0, value: smooth(features) + 1 + features[0]! };
    });
    const high = low.slice(0, 8).map(({ features }) => ({ features, rung: 1, value: smooth(features) }));
    const rms = (surrogate: NonNullable<ReturnType<typeof fitSurrogate>>) => {
      const tests = Array.from({ length: 100 }, () => row(rng));
      return Math.sqrt(
        tests.reduce((sum, x) => sum + (surrogate.mean(x, 1) - smooth(x)) ** 2, 0) / tests.length,
      );
    };
    const both = rms(fitSurrogate([...low, ...high], 2, 4)!);
    const alone = rms(fitSurrogate(high, 2, 4)!);
    expect(both).toBeLessThan(0.45);
    expect(both).toBeLessThan(0.9 * alone);
  });

  it('learns the top rung from results with a head start, which lag by how bad their start was', () => {
    const rng = deriveRng(3, 0, 'head starts');
    const heirs: Observation[] = Array.from({ length: 60 }, () => {
      const features = row(rng);
      const startValue = smooth(features) + 4 * rng.uniform();
      const value = smooth(features) - 1 + 0.4 * (startValue - smooth(features));
      return { features, rung: 0, startValue, value };
    });
    const plain = Array.from({ length: 10 }, () => {
      const features = row(rng);
      return { features, rung: 0, value: smooth(features) + 2 };
    });
    const high = Array.from({ length: 6 }, () => {
      const features = row(rng);
      return { features, rung: 1, value: smooth(features) };
    });
    const rms = (observations: readonly Observation[]) => {
      const surrogate = fitSurrogate(observations, 2, 5)!;
      const tests = Array.from({ length: 100 }, () => row(rng));
      return Math.sqrt(
        tests.reduce((sum, x) => sum + (surrogate.mean(x, 1) - smooth(x)) ** 2, 0) / tests.length,
      );
    };
    const withoutStarts = heirs.map(({ features, rung, value }) => ({ features, rung, value }));
    const informed = rms([...heirs, ...plain, ...high]);
    expect(informed).toBeLessThan(0.4 * rms([...withoutStarts, ...plain, ...high]));
    expect(informed).toBeLessThan(0.8 * rms([...plain, ...high]));
  });

  it('foretells the last result of a candidate from two early ones, which share a curve of its own', () => {
    const rng = deriveRng(4, 0, 'curves');
    const members = Array.from({ length: 40 }, (_, candidate) => {
      const features = row(rng);
      const top = smooth(features) + 0.1 * rng.normal();
      const height = 1 + 0.4 * rng.normal();
      return { candidate, features, top, early: [top + 2 * height, top + height] };
    });
    const observationsOf = (nEarly: number) =>
      members.flatMap(({ candidate, features, top, early }) => [
        ...early
          .slice(0, candidate < 20 ? 2 : nEarly)
          .map((value, rung) => ({ candidate, features, rung, value })),
        ...(candidate < 20 ? [{ candidate, features, rung: 2, value: top }] : []),
      ]);
    const rms = (nEarly: number) => {
      const surrogate = fitSurrogate(observationsOf(nEarly), 3, 5)!;
      const errors = members
        .slice(20)
        .map(({ candidate, features, top }) => surrogate.mean(features, 2, candidate) - top);
      return Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / errors.length);
    };
    expect(rms(2)).toBeLessThan(0.03);
    expect(rms(1)).toBeGreaterThan(0.1);
  });

  it('foresees how sure a further result will make it', () => {
    const rng = deriveRng(5, 0, 'foresight');
    const observations: Observation[] = Array.from({ length: 30 }, (_, candidate) => {
      const features = row(rng);
      const rung = candidate % 3 === 0 ? 1 : 0;
      return { candidate, features, rung, value: smooth(features) + (1 - rung) * (1 + 0.2 * rng.normal()) };
    });
    const features = row(rng);
    const before = fitSurrogate(observations, 2, 4)!;
    const { deviation, deviationAfter } = before.foresee(features, 0, 30);
    expect(deviationAfter).toBeLessThan(deviation);
    expect(before.foresee(features, 1, 30).deviationAfter).toBeLessThan(deviationAfter);
  });

  it('declines too few results, and takes constant values and features', () => {
    expect(fitSurrogate([{ features: [1], rung: 0, value: 1 }], 1, 1)).toBeUndefined();
    const flat = Array.from({ length: 5 }, () => ({ features: [1, 2], rung: 0, value: 7 }));
    expect(fitSurrogate(flat, 1, 1)!.predict([1, 2], 0).mean).toBeCloseTo(7, 6);
  });
});

describe('reports', () => {
  it('computes Kendall’s tau-b', () => {
    expect(kendallTau([1, 2, 3, 4], [1, 2, 3, 4])).toBe(1);
    expect(kendallTau([1, 2, 3, 4], [4, 3, 2, 1])).toBe(-1);
    expect(kendallTau([1, 2, 3, 4], [1, 3, 2, 4])).toBeCloseTo(4 / 6, 12);
    expect(kendallTau([1, 1, 2], [1, 2, 3])).toBeCloseTo(2 / Math.sqrt(6), 12);
    expect(kendallTau([1, 1], [1, 2])).toBe(0);
  });

  it('compares the latest forecasts with what came', () => {
    const comparisons = [1, 2, 3].map((value) => ({
      forecast: { mean: value + 0.3, deviation: 0.1 * value },
      value,
    }));
    const report = reportOf(comparisons, { nCandidates: 3, nObservations: 3 });
    expect(report).toMatchObject({ nCompared: 3, kendallTau: 1 });
    expect(report.rootMeanSquareError).toBeCloseTo(0.3, 12);
    expect(report.coverage).toBeCloseTo(2 / 3, 12);
  });
});
