// Hypervolume after some hundred evaluations, the regime of architecture search.
import type { Algorithm, Ingredient } from '../../search/index.ts';
import { knapsack, mnk } from '../../test/search/problems/bits.ts';
import type { TestProblem } from '../../test/search/problems/genes.ts';
import { HWGPT_BEST_KNOWN, hwgpt } from '../../test/search/problems/hwgpt.ts';
import { TOY_NAS_EXACT, toyNas } from '../../test/search/problems/toy-nas.ts';
import { halfWidthOf, meanOf, type Trace, traceOf } from './trace.ts';

const MARKS = [25, 50, 100, 200, 400] as const;

interface Case {
  readonly problem: TestProblem;
  /** The hypervolume that shares are of. */
  readonly best: number;
  /** The share that generational NSGA-II (population 50) has after 400 evaluations. */
  readonly level: number;
  readonly noise: number;
}

const CASES: Readonly<Record<string, Case>> = {
  hwgpt: { problem: hwgpt(), best: HWGPT_BEST_KNOWN, level: 0.8237, noise: 0.01 },
  toy: { problem: toyNas(), best: TOY_NAS_EXACT, level: 0.909, noise: 0.02 },
  mnk: { problem: mnk(2), best: 0.5859637182262112, level: 0.8798, noise: 0 },
  knapsack: { problem: knapsack(true), best: 17405333, level: 0.6343, noise: 0 },
};

export interface Curve {
  readonly label: string;
  /** Share of the best hypervolume after 1, 2, ... evaluations, in percent, and half its 95 % interval. */
  readonly mean: readonly number[];
  readonly halfWidth: readonly number[];
}

export interface SmallBudgetRow extends Curve {
  readonly text: string;
}

export interface RowOptions {
  readonly algorithm: Algorithm;
  readonly caseName: keyof typeof CASES;
  readonly nSeeds: number;
  readonly populationSize: number;
  readonly lag: number;
  readonly isNoisy: boolean;
  readonly without?: readonly Ingredient[];
}

/** One row of the table, averaged over seeds 1, 2, ... */
export function smallBudgetRow(o: RowOptions): SmallBudgetRow {
  const { problem, best, level, noise } = CASES[o.caseName]!;
  const traces: Trace[] = Array.from({ length: o.nSeeds }, (_, k) =>
    traceOf({
      algorithm: o.algorithm,
      problem,
      seed: k + 1,
      nCandidates: MARKS.at(-1)!,
      populationSize: o.populationSize,
      lag: o.lag,
      ...(o.without === undefined ? {} : { without: o.without }),
      noise: o.isNoisy ? noise : 0,
    }),
  );
  const at = (k: number) => traces.map((trace) => (100 * trace.volumes[k]!) / best);
  const mean = traces[0]!.volumes.map((_, k) => meanOf(at(k)));
  const halfWidth = traces[0]!.volumes.map((_, k) => halfWidthOf(at(k)));
  const need = mean.findIndex((share) => share >= 100 * level) + 1;
  const label = `${o.algorithm}${o.lag > 1 ? `, ${o.lag} in flight` : ''}${o.isNoisy ? ', noise' : ''}${o.without ? `, without ${o.without.join()}` : ''}`;
  const cells = [
    problem.name,
    label,
    ...MARKS.map((mark) => mean[mark - 1]!.toFixed(1)),
    `± ${halfWidth[MARKS.at(-1)! - 1]!.toFixed(1)}`,
    need === 0 ? '> 400' : String(need),
    String(traces.reduce((sum, trace) => sum + trace.nDuplicates, 0)),
    meanOf(traces.map((trace) => trace.seconds)).toFixed(1),
  ];
  return { label, mean, halfWidth, text: `| ${cells.join(' | ')} |` };
}

export const SMALL_BUDGET_HEADER = [
  `| problem | search | ${MARKS.join(' | ')} | 95 % at 400 | evaluations needed | duplicates | CPU s |`,
  `|---|---|${MARKS.map(() => '---').join('|')}|---|---|---|---|`,
].join('\n');
