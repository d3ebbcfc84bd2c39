// One seeded run of a search on a closed-form problem, as hypervolume over evaluations.
import type { Algorithm, Ingredient } from '../../search/index.ts';
import { createSearch, frontOf, hypervolume } from '../../search/index.ts';
import { deriveRng } from '../../space/random.ts';
import { drive } from '../../test/search/drive.ts';
import type { TestProblem } from '../../test/search/problems/genes.ts';

export interface TraceOptions {
  readonly algorithm: Algorithm;
  readonly problem: TestProblem;
  readonly seed: number;
  readonly nCandidates: number;
  readonly populationSize: number;
  readonly lag: number;
  /** Standard deviation of the noise on the first objective, as the search sees it. */
  readonly noise: number;
  readonly without?: readonly Ingredient[];
}

export interface Trace {
  /** Exact hypervolume of the true values after 1, 2, ... evaluations. */
  readonly volumes: readonly number[];
  readonly nDuplicates: number;
  /** Processor time of the search and the closed-form problem. */
  readonly seconds: number;
}

export function traceOf(o: TraceOptions): Trace {
  const settings = {
    seed: o.seed,
    nCandidates: o.nCandidates,
    populationSize: o.populationSize,
    nRungs: 1,
    eta: 3,
    without: o.without ?? [],
  };
  const start = process.cpuUsage();
  const search = createSearch(o.problem, o.algorithm, settings);
  const asks = drive(
    search,
    (ask) => {
      const { objectives, violations } = o.problem.truth(ask.genome);
      if (o.noise === 0) return { objectives, violations };
      const noise = o.noise * deriveRng(o.seed, ask.number, 'noise').normal();
      return { objectives: [objectives[0]! + noise, ...objectives.slice(1)], violations };
    },
    { lag: o.lag, durationSeed: o.seed },
  );
  const spent = process.cpuUsage(start);
  const seconds = (spent.user + spent.system) / 1e6;
  let front: { candidate: number; objectives: number[]; violations: number[] }[] = [];
  const volumes = asks.map((ask) => {
    const point = { candidate: ask.candidate, ...o.problem.truth(ask.genome) };
    const next = frontOf([...front, point]);
    front = next;
    return hypervolume(
      next.map((one) => one.objectives),
      o.problem.reference,
    );
  });
  return { volumes, nDuplicates: asks.length - new Set(asks.map((ask) => ask.key)).size, seconds };
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

/** Half the width of the 95 % confidence interval of the mean (Student's t). */
export function halfWidthOf(values: readonly number[]): number {
  const n = values.length;
  if (n < 2) return 0;
  const mean = meanOf(values);
  const t = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23][Math.min(n - 2, 9)]!;
  return t * Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1) / n);
}
