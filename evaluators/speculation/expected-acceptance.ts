// How much of a draft is expected to be accepted before the pair was measured: a fixed law of sizes, so that candidates
// with drafts can be priced before anything is trained. Its constants come from the pairs of docs/speculation.md.

/** Acceptance of a draft of a tenth of the target's size, and how its logit rises for every factor e in size. */
const AT_A_TENTH = 0.673;
export const SIZE_SLOPE = 0.42;
/** What aligning the draft adds to the logit. */
const ALIGNED = 0.27;
/** Half of the target's layers, untrained for it, and how the logit rises for every factor e in their number. */
const AT_HALF_DEPTH = 0.496;
const DEPTH_SLOPE = 0.22;

const logit = (p: number): number => Math.log(p / (1 - p));
const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

/** A draft model with `sizeRatio` times the target's parameters. */
export function expectedModelAcceptance(sizeRatio: number, isAligned: boolean): number {
  return logistic(logit(AT_A_TENTH) + SIZE_SLOPE * Math.log(10 * sizeRatio) + (isAligned ? ALIGNED : 0));
}

/** The first layers of the target, `depthRatio` of all that it has. */
export function expectedSelfAcceptance(depthRatio: number): number {
  return logistic(logit(AT_HALF_DEPTH) + DEPTH_SLOPE * Math.log(2 * depthRatio));
}

/** Look-up by temperature: the target's greedy text repeats itself, its sampled text does not. */
const LOOKUPS = [
  { temperature: 0, proposalRatio: 0.38, acceptance: 0.87 },
  { temperature: 0.7, proposalRatio: 0.06, acceptance: 0.29 },
  { temperature: 1, proposalRatio: 0.03, acceptance: 0.09 },
] as const;

/** Look-up in text of that temperature: share of the rounds in which it finds anything, and acceptance of what it finds. */
export function expectedLookup(temperature: number): {
  readonly proposalRatio: number;
  readonly acceptance: number;
} {
  const above = LOOKUPS.find((known) => known.temperature >= temperature) ?? LOOKUPS[2];
  const below = LOOKUPS.findLast((known) => known.temperature <= temperature) ?? LOOKUPS[0];
  const width = above.temperature - below.temperature;
  const share = width <= 0 ? 0 : (temperature - below.temperature) / width;
  const between = (key: 'proposalRatio' | 'acceptance') => below[key] + share * (above[key] - below[key]);
  return { proposalRatio: between('proposalRatio'), acceptance: between('acceptance') };
}
