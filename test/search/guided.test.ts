import { describe, expect, it } from 'vitest';
import { createSearch, frontOf, hypervolume } from '../../search/index.ts';
import type { Ask, SearchSettings } from '../../search/port.ts';
import { type DriveOptions, drive } from './drive.ts';
import { knapsack } from './problems/bits.ts';
import { objectivesAtRung } from './problems/curves.ts';
import { type Genes, geneProblem, type TestProblem } from './problems/genes.ts';
import { HWGPT_NSGA2_P50_AT_400, hwgpt } from './problems/hwgpt.ts';
import { toyNas } from './problems/toy-nas.ts';

const settings = (changes: Partial<SearchSettings> = {}): SearchSettings => ({
  seed: 1,
  nCandidates: 45,
  populationSize: 16,
  nRungs: 1,
  eta: 3,
  ...changes,
});
const run = (problem: TestProblem, s: SearchSettings, options: DriveOptions = {}) => {
  const search = createSearch(problem, 'guided', s);
  return { search, asks: drive(search, (ask) => problem.truth(ask.genome), options) };
};
const signature = (asks: readonly Ask<Genes>[]) =>
  asks.map((ask) => `${ask.number}:${ask.rung}:${ask.origin}:${ask.key}`);
const volumeOf = (problem: TestProblem, asks: readonly Ask<Genes>[]) =>
  hypervolume(
    frontOf(asks.map((ask) => ({ candidate: ask.candidate, ...problem.truth(ask.genome) }))).map(
      (point) => point.objectives,
    ),
    problem.reference,
  );

describe('guided', () => {
  it('reaches in 45 evaluations what generational NSGA-II has after 400', () => {
    const problem = hwgpt();
    const volumes = [1, 2].map((seed) => volumeOf(problem, run(problem, settings({ seed })).asks));
    expect(Math.min(...volumes)).toBeGreaterThan(HWGPT_NSGA2_P50_AT_400);
  });

  it('asks the same with any number of workers and any order of finishing, rungs included', () => {
    const problem = toyNas();
    const s = settings({ nRungs: 2, nCandidates: 36 });
    const alone = signature(run(problem, s, { lag: 8, nWorkers: 1 }).asks);
    expect(signature(run(problem, s, { lag: 8, nWorkers: 8, durationSeed: 5 }).asks)).toEqual(alone);
    expect(new Set(alone).size).toBe(alone.length);
  });

  it('reports the error of its forecasts, which rank well in the end', () => {
    const { search } = run(hwgpt(), settings());
    const reports = search.surrogateReports();
    expect(reports.length).toBeGreaterThan(3);
    expect(reports.at(-1)!.nCompared).toBeGreaterThan(10);
    expect(reports.at(-1)!.kendallTau).toBeGreaterThan(0.7);
    expect(reports.at(-1)!.rootMeanSquareError).toBeLessThan(reports[2]!.rootMeanSquareError);
  });

  it('never asks what cheap constraints rule out', () => {
    const problem = toyNas();
    const { asks } = run(problem, settings());
    expect(asks).toHaveLength(45);
    expect(asks.filter((ask) => problem.truth(ask.genome).violations.some((v) => v > 0))).toEqual([]);
  });

  it.each([1, 2])('learns a limit on the loss that only training tells, on %d rungs', (nRungs) => {
    const problem = toyNas();
    const search = createSearch(problem, 'guided', settings({ nRungs }));
    const asks = drive(search, (ask) => {
      const [loss, latency, memory] = objectivesAtRung(problem, ask.genome, 4 - nRungs + ask.rung, 'mild');
      return {
        objectives: [loss!, latency!, memory!],
        violations: [Math.max(0, loss! / (nRungs === 2 && ask.rung === 0 ? 3.2 : 3.1) - 1)],
      };
    });
    const late = asks.filter((ask) => ask.rung === 0).slice(-20);
    const broken = late.filter((ask) => problem.truth(ask.genome).objectives[0]! > 3.12);
    expect(broken.length).toBeLessThanOrEqual(8);
  });

  it('goes on as plain evolution without features', () => {
    const problem = knapsack(true);
    const { search, asks } = run(problem, settings());
    expect(asks).toHaveLength(45);
    expect(search.surrogateReports()).toEqual([]);
  });

  it('survives failures, and a loss that is the same everywhere', () => {
    const flat = geneProblem({
      name: 'flat',
      cardinality: [6, 6, 6],
      reference: [2, 12],
      isCheap: [false, true],
      features: (genes) => genes,
      truth: (genes) => ({ objectives: [1, genes.reduce((sum, gene) => sum + gene, 0)], violations: [] }),
    });
    const search = createSearch(flat, 'guided', settings());
    const asks = drive(search, (ask) => (ask.number % 3 === 0 ? 'failed' : flat.truth(ask.genome)), {
      lag: 4,
    });
    expect(asks).toHaveLength(45);
  });

  it('asks every member of a small space once and ends', () => {
    const small = geneProblem({
      name: 'small',
      cardinality: [4, 5],
      reference: [9, 9],
      isCheap: [false, true],
      features: (genes) => genes,
      truth: ([a, b]) => ({ objectives: [a! * b!, 4 - b!], violations: [] }),
    });
    const { asks } = run(small, settings());
    expect(new Set(asks.map((ask) => ask.key)).size).toBe(20);
    expect(asks).toHaveLength(20);
  });
});
