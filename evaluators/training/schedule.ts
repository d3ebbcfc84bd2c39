// Learning rate by step. Every rung anneals to its own end, so that the loss measured there is a settled one;
// a candidate that is promoted warms up again from there (warm restarts, Loshchilov and Hutter 2017, eq. 5).

export interface ScheduleSettings {
  readonly learningRate: number;
  readonly warmupSteps: number;
}

/** Where the cosine ends, as a share of the peak rate. */
const FLOOR_RATIO = 0.1;

/** Learning rate of 1-based step `step` within a leg of training from `legStart` (exclusive) to `legEnd` (inclusive). */
export function learningRateAt(
  { learningRate, warmupSteps }: ScheduleSettings,
  step: number,
  legStart: number,
  legEnd: number,
): number {
  const done = step - legStart;
  if (done <= warmupSteps) return (learningRate * done) / warmupSteps;
  const progress = (done - warmupSteps) / Math.max(1, legEnd - legStart - warmupSteps);
  const cosine = (1 + Math.cos(Math.PI * progress)) / 2;
  return learningRate * (FLOOR_RATIO + (1 - FLOOR_RATIO) * cosine);
}
