// The speculative sampling rule (Leviathan et al. 2023, algorithm 1; Chen et al. 2023): a draft proposes, the target
// accepts or corrects, and what comes out is distributed as the target's own sampling. Temperature and nucleus are
// applied to both distributions before they come here; greedy decoding is the case of two point masses.
import type { Choices, Probabilities } from '../generation/sampling.ts';

/** Draft tokens, each with the distribution it was drawn from. */
export interface Proposal {
  readonly tokens: readonly number[];
  readonly distributions: readonly Probabilities[];
}

/** What one pass of the target made of a proposal. */
export interface Round {
  /** The accepted draft tokens and, unless the text ended inside them, one token from the target. */
  readonly tokens: readonly number[];
  readonly accepted: number;
  /** Draft tokens that were looked at: the accepted ones and the first rejected one. */
  readonly tested: number;
  readonly isEnded: boolean;
}

/** Probability with which the target `p` keeps a token drawn from the draft `q`: min(1, p/q). */
export function keepProbability(p: Probabilities, q: Probabilities, token: number): number {
  return p[token]! >= q[token]! ? 1 : p[token]! / q[token]!;
}

/** Probability that a token drawn from `q` is kept: sum of min(p, q) = 1 - total variation (lemma 3.3, theorem 3.5). */
export function overlap(p: Probabilities, q: Probabilities): number {
  let sum = 0;
  for (let i = 0; i < p.length; i++) sum += Math.min(p[i]!, q[i]!);
  return sum;
}

/**
 * What a rejected token is replaced from: max(0, p - q), scaled to 1. Where `p` and `q` are so close that nothing
 * remains of the difference, `p` itself.
 */
export function residual(p: Probabilities, q: Probabilities): Probabilities {
  const difference = new Float64Array(p.length);
  let sum = 0;
  for (let i = 0; i < p.length; i++) {
    const value = Math.max(0, p[i]! - q[i]!);
    difference[i] = value;
    sum += value;
  }
  if (!(sum > 0)) return p.slice();
  for (let i = 0; i < difference.length; i++) difference[i]! /= sum;
  return difference;
}

/**
 * Judges a proposal. `targetAt` gives the target's distribution at each drafted position and one further; it is
 * asked no further than needed. An accepted `endToken` ends the text: nothing follows it.
 */
export function judge(
  { tokens, distributions }: Proposal,
  targetAt: (position: number) => Probabilities,
  choices: Choices,
  endToken?: number,
): Round {
  const kept: number[] = [];
  for (const [i, token] of tokens.entries()) {
    const p = targetAt(i);
    const q = distributions[i]!;
    if (!choices.accepts(keepProbability(p, q, token))) {
      const replacement = choices.draw(residual(p, q));
      return {
        tokens: [...kept, replacement],
        accepted: i,
        tested: i + 1,
        isEnded: replacement === endToken,
      };
    }
    kept.push(token);
    if (token === endToken) return { tokens: kept, accepted: i + 1, tested: i + 1, isEnded: true };
  }
  const bonus = choices.draw(targetAt(tokens.length));
  return {
    tokens: [...kept, bonus],
    accepted: tokens.length,
    tested: tokens.length,
    isEnded: bonus === endToken,
  };
}
