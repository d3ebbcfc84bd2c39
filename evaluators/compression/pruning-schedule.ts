// Gradual pruning (Zhu and Gupta 2017, eq. 1).

export interface PruningSchedule {
  readonly initialSparsity: number;
  readonly finalSparsity: number;
  /** First step that prunes (from 1), and the last; steps between them, `everySteps` apart, prune too. */
  readonly firstStep: number;
  readonly lastStep: number;
  readonly everySteps: number;
}

/**
 * Sparsity that holds from `step` on: s_f + (s_i - s_f) (1 - (t - t_0) / (n dt))^3 at the last pruning step t <= step,
 * `undefined` before the first one.
 */
export function scheduledSparsity(schedule: PruningSchedule, step: number): number | undefined {
  const { initialSparsity, finalSparsity, firstStep, lastStep, everySteps } = schedule;
  if (step < firstStep) return undefined;
  if (step >= lastStep) return finalSparsity;
  const pruned = Math.floor((step - firstStep) / everySteps) * everySteps;
  const left = 1 - pruned / (lastStep - firstStep);
  return finalSparsity + (initialSparsity - finalSparsity) * left ** 3;
}

/** True at steps that choose a new mask. */
export function isPruningStep({ firstStep, lastStep, everySteps }: PruningSchedule, step: number): boolean {
  return step === lastStep || (step >= firstStep && step < lastStep && (step - firstStep) % everySteps === 0);
}
