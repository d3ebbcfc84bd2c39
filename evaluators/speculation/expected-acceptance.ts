// How much of a draft is expected to be accepted before the pair was measured: a fixed law of sizes, so that candidates
// with drafts can be priced before anything is trained. Its constants are the pairs of docs/speculation.md.

/** Acceptance of a draft of a tenth of the target's size, and how its logit rises for every factor e in size. */
const AT_A_TENTH = 0.677;
const SLOPE = 0.46;
/** What aligning the draft adds to the logit. */
const ALIGNED = 0.27;
/** Half of the target's layers, untrained for it, and how the logit rises for every factor e in their number. */
const AT_HALF_DEPTH = 0.519;
const DEPTH_SLOPE = 0.27;

const logit = (p: number): number => Math.log(p / (1 - p));
const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

/** A draft model with `sizeRatio` times the target's parameters. */
export function expectedModelAcceptance(sizeRatio: number, isAligned: boolean): number {
  return logistic(logit(AT_A_TENTH) + SLOPE * Math.log(10 * sizeRatio) + (isAligned ? ALIGNED : 0));
}

/** The first layers of the target, `depthRatio` of all that it has. */
export function expectedSelfAcceptance(depthRatio: number): number {
  return logistic(logit(AT_HALF_DEPTH) + DEPTH_SLOPE * Math.log(2 * depthRatio));
}

/**
 * Prompt look-up: share of the rounds in which it finds anything, and acceptance of what it finds. The target's greedy
 * text repeats itself, its sampled text does not; between the two temperatures both are taken to change evenly.
 */
export function expectedLookup(temperature: number): {
  readonly proposalRatio: number;
  readonly acceptance: number;
} {
  const share = Math.min(1, temperature);
  return { proposalRatio: 0.38 - 0.36 * share, acceptance: 0.89 - 0.71 * share };
}
