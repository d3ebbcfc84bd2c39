// What training a genome on promises, before the result of its next rung is known.
import type { Belief } from './belief.ts';
import type { ExpectedGain } from './expected-gain.ts';

/** A way that the next rung may turn out: its share, and the hypervolume that full training would then be expected to add. */
export interface Prospect {
  readonly share: number;
  readonly gain: number;
}

/** Gauss-Hermite nodes and weights of a standard normal, exact for polynomials up to the ninth degree. */
const NODES = [
  [-2.8569700138728056, 0.011257411327720689],
  [-1.355626179974266, 0.22207592200561266],
  [0, 0.5333333333333333],
  [1.355626179974266, 0.22207592200561266],
  [2.8569700138728056, 0.011257411327720689],
] as const;

/**
 * What a result at `rung` may make of the gain that is expected of a genome at the highest rung: the result moves the
 * mean of the forecast by a normal amount and leaves it surer.
 */
export function prospectsOf<G>(
  { belief, gain }: { readonly belief: Belief<G>; readonly gain: ExpectedGain },
  genome: G,
  candidate: number,
  rung: number,
  hasHeadStart = false,
): readonly Prospect[] {
  const objectives = belief.expect(genome, candidate);
  if (objectives === undefined) return [];
  const known = objectives.filter((_, k) => k !== belief.uncertain);
  const { mean, deviation, deviationAfter } = belief.foresee(genome, rung, candidate, hasHeadStart);
  const shift = Math.sqrt(Math.max(0, deviation ** 2 - deviationAfter ** 2));
  return NODES.map(([z, share]) => ({ share, gain: gain(mean + z * shift, deviationAfter, known) }));
}

/**
 * The gain per cost at which going on is worth as much as leaving it: the next rung is paid for, and the rest only
 * where the result makes it worth that (the index of Weitzman 1979, for one box whose content has a price).
 */
export function indexOf(prospects: readonly Prospect[], costNow: number, costLater: number): number {
  const profit = (rate: number) =>
    prospects.reduce((sum, { share, gain }) => sum + share * Math.max(0, gain - costLater * rate), 0) -
    costNow * rate;
  let low = 0;
  let high = prospects.reduce((most, { gain }) => Math.max(most, gain), 0) / (costNow + costLater);
  for (let step = 0; step < BISECTIONS; step++) {
    const middle = (low + high) / 2;
    if (profit(middle) > 0) low = middle;
    else high = middle;
  }
  return low;
}

/** Enough to tell candidates apart. */
const BISECTIONS = 40;
