// Measures the search: tsx bench/search/main.ts [section ...] [--seeds n]. Sections: see SECTIONS. Charts go to docs/images/.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Algorithm } from '../../search/index.ts';
import { frontOf, hypervolume } from '../../search/index.ts';
import { HWGPT_BEST_KNOWN, hwgpt } from '../../test/search/problems/hwgpt.ts';
import { hwgptFront } from '../../test/search/problems/hwgpt-front.ts';
import { chartOf } from './chart.ts';
import { measuredTables } from './measured.ts';
import { RUNG_HEADER, rungRow } from './rungs.ts';
import { scaleTable } from './scale.ts';
import { SMALL_BUDGET_HEADER, smallBudgetRow } from './small-budget.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { seeds: { type: 'string', default: '10' } },
});
const nSeeds = Number(values.seeds);

function smallBudget(caseName: string, algorithms: readonly Algorithm[]): void {
  console.log(SMALL_BUDGET_HEADER);
  const rows = algorithms.map((algorithm) => {
    const row = smallBudgetRow({ algorithm, caseName, nSeeds, populationSize: 16, lag: 1, isNoisy: false });
    console.log(row.text);
    return row;
  });
  const file = new URL(`../../docs/images/search-${caseName}.svg`, import.meta.url);
  writeFileSync(file, chartOf(`${caseName}: share of the best hypervolume, %`, rows));
}

function robustness(caseName: string): void {
  console.log(SMALL_BUDGET_HEADER);
  for (const algorithm of ['nsga2', 'guided'] as const) {
    for (const [lag, isNoisy] of [
      [8, false],
      [1, true],
    ] as const) {
      console.log(smallBudgetRow({ algorithm, caseName, nSeeds, populationSize: 16, lag, isNoisy }).text);
    }
  }
}

function rungs(): void {
  console.log(RUNG_HEADER);
  const all = [0, 1, 2, 3];
  for (const difficulty of ['mild', 'hard'] as const) {
    for (const algorithm of ['random', 'nsga2', 'guided'] as const) {
      const isGuided = algorithm === 'guided';
      const ladder = { rungs: isGuided ? [1, 2, 3] : all, eta: isGuided ? 2 : 3 };
      const common = { algorithm, difficulty, nSeeds, ...ladder };
      const full = rungRow({ ...common, ladder: 'full', target: undefined });
      console.log(full.text);
      console.log(rungRow({ ...common, ladder: 'halving', target: full.final }).text);
      if (!isGuided) console.log(rungRow({ ...common, ladder: 'loss-only', target: full.final }).text);
    }
  }
}

/** What each ingredient is worth: the same search without it. */
function ablation(): void {
  const common = { nSeeds, populationSize: 16, lag: 1, isNoisy: false };
  console.log(SMALL_BUDGET_HEADER);
  for (const [algorithm, caseName, ingredients] of [
    ['nsga2', 'knapsack', ['crossover', 'constraint-check']],
    ['nsga2', 'toy', ['adaptive-rates']],
    ['nsga2', 'hwgpt', ['adaptive-rates']],
    ['guided', 'hwgpt', ['spread-start', 'uncertainty', 'climbs']],
  ] as const) {
    console.log(smallBudgetRow({ ...common, algorithm, caseName }).text);
    for (const one of ingredients) {
      console.log(smallBudgetRow({ ...common, algorithm, caseName, without: [one] }).text);
    }
  }
  console.log(`\n${RUNG_HEADER}`);
  const hard = { nSeeds, difficulty: 'hard', ladder: 'halving', target: undefined } as const;
  const wide = { ...hard, algorithm: 'nsga2', rungs: [0, 1, 2, 3], eta: 3 } as const;
  const narrow = { ...hard, algorithm: 'guided', rungs: [1, 2, 3], eta: 2 } as const;
  console.log(rungRow(wide).text);
  console.log(rungRow({ ...wide, without: ['gain-promotion'] }).text);
  console.log(rungRow(narrow).text);
  console.log(rungRow({ ...narrow, without: ['allocation'] }).text);
  console.log(rungRow({ ...narrow, without: ['allocation', 'extrapolation'] }).text);
}

function layerwise(): void {
  const problem = hwgpt();
  console.log('| grid width | members | on the front | hypervolume | share of the best known, % | s |');
  console.log('|---|---|---|---|---|---|');
  for (const gridWidth of [0.01, 0.001, 0.0005, 0.0002]) {
    const start = performance.now();
    const points = hwgptFront(gridWidth).map(({ genes }, candidate) => ({
      candidate,
      ...problem.truth(genes),
    }));
    const front = frontOf(points).map((point) => point.objectives);
    const volume = hypervolume(front, problem.reference);
    const share = ((100 * volume) / HWGPT_BEST_KNOWN).toFixed(2);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(
      `| ${[gridWidth, points.length, front.length, volume.toFixed(5), share, seconds].join(' | ')} |`,
    );
  }
}

const EVOLUTION = ['random', 'local-search', 'regularized-evolution', 'nsga2'] as const;
const SECTIONS: Readonly<Record<string, () => void>> = {
  hwgpt: () => smallBudget('hwgpt', [...EVOLUTION, 'guided']),
  toy: () => smallBudget('toy', [...EVOLUTION, 'guided']),
  mnk: () => smallBudget('mnk', EVOLUTION),
  knapsack: () => smallBudget('knapsack', EVOLUTION),
  'hwgpt-robust': () => robustness('hwgpt'),
  'toy-robust': () => robustness('toy'),
  rungs,
  ablation,
  layerwise,
  measured: measuredTables,
  scale: scaleTable,
};

for (const name of positionals.length > 0 ? positionals : Object.keys(SECTIONS)) {
  const section = SECTIONS[name];
  if (section === undefined) throw new RangeError(`no section ${name}: ${Object.keys(SECTIONS).join(', ')}`);
  console.log(`\n### ${name} (${nSeeds} seeds)\n`);
  section();
}
