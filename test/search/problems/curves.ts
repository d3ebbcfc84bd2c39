// Learning curves for the toy space: what its loss looks like before training has ended.
import type { Genes } from './genes.ts';
import { rug, type TestProblem } from './genes.ts';

/** Epochs trained at each rung. */
export const RUNG_EPOCHS = [1, 3, 9, 27] as const;

/** `mild`: early ranks nearly hold. `hard`: large models learn later, and each in its own way. */
export type Difficulty = 'mild' | 'hard';

/** Objectives after the rung's epochs: the first is higher the shorter the training, the others never change. */
export function objectivesAtRung(
  problem: TestProblem,
  genes: Genes,
  rung: number,
  difficulty: Difficulty,
): number[] {
  const [loss, latency, memory] = problem.truth(genes).objectives;
  const missing = Math.sqrt(RUNG_EPOCHS[3] / RUNG_EPOCHS[rung]!) - 1;
  const own = rug([...genes, 7]);
  const slowness = difficulty === 'mild' ? 0.1 + 0.028 * own : 0.22 + 0.085 * Math.log(latency!) + 0.09 * own;
  return [loss! + Math.max(0.005, slowness) * missing, latency!, memory!];
}
