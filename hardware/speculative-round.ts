// One round of speculative decoding (Leviathan et al. 2023): a draft proposes k tokens, the target verifies them in one
// pass. Its tokens, its time, and the draft length that is fastest.
import { HardwareError } from './errors.ts';

/**
 * Expected tokens of a round, Theorem 1: (1 - a^(k+1)) / (1 - a), with `a` the share of tested tokens that are
 * accepted and `k` the draft length.
 */
export function expectedTokens(acceptance: number, draftLength: number): number {
  if (acceptance === 1) return draftLength + 1;
  return (1 - acceptance ** (draftLength + 1)) / (1 - acceptance);
}

/**
 * `fixed`: every round drafts and verifies k tokens. `skip`: rounds without a proposal fall back to a plain step
 * (several compiled verify lengths, 0 among them). `oracle-stop`: the draft stops right after the first token that
 * will be rejected, the upper bound of any confidence rule.
 */
export type LengthRule = 'fixed' | 'skip' | 'oracle-stop';

/** What running a pair with drafts of one length gave, or what its logits foretell of it. */
export interface MeasuredRound {
  /** Tokens that a round drafts at most. */
  readonly draftLength: number;
  readonly tokensPerRound: number;
  /** Share of the rounds in which j tokens were drafted, j = 0 to `draftLength`. */
  readonly drafted: readonly number[];
  /** Passes of the draft model a round: one more than it drafted where it stopped by itself. */
  readonly draftPasses: number;
}

/** Times that decide a draft length. */
export interface RoundTimes {
  readonly draftStepSeconds: number;
  /** Verification of `k` drafted tokens, one pass; k = 0 is a plain decode step. */
  readonly verifySeconds: (draftLength: number) => number;
  /** Accepted over tested tokens, or what rounds were found to give. */
  readonly acceptance: number | readonly MeasuredRound[];
  /** Share of rounds in which the draft has anything to propose (below 1 for n-gram look-up). */
  readonly proposalRatio?: number;
  readonly lengthRule?: LengthRule;
}

export interface Round {
  readonly draftLength: number;
  readonly expectedTokens: number;
  readonly roundSeconds: number;
  readonly secondsPerToken: number;
}

/** One round with drafts of at most `k` tokens. @throws HardwareError for a length that was not measured */
export function priceRound(times: RoundTimes, draftLength: number): Round {
  const plainSeconds = times.verifySeconds(0);
  if (draftLength === 0) {
    return { draftLength, expectedTokens: 1, roundSeconds: plainSeconds, secondsPerToken: plainSeconds };
  }
  return typeof times.acceptance === 'number'
    ? roundByAcceptance(times, times.acceptance, draftLength)
    : measuredRound(times, times.acceptance, draftLength);
}

function roundByAcceptance(times: RoundTimes, acceptance: number, draftLength: number): Round {
  const { draftStepSeconds, verifySeconds } = times;
  const proposed = times.proposalRatio ?? 1;
  const rule = times.lengthRule ?? 'fixed';
  let draftedSeconds = draftLength * draftStepSeconds + verifySeconds(draftLength);
  if (rule === 'oracle-stop') {
    // The draft ends after token j with probability a^(j-1) (1-a), after token k with a^(k-1).
    draftedSeconds = 0;
    for (let j = 1; j <= draftLength; j += 1) {
      const share = acceptance ** (j - 1) * (j === draftLength ? 1 : 1 - acceptance);
      draftedSeconds += share * (j * draftStepSeconds + verifySeconds(j));
    }
  }
  const idleSeconds = rule === 'fixed' ? draftedSeconds : verifySeconds(0);
  const roundSeconds = proposed * draftedSeconds + (1 - proposed) * idleSeconds;
  const tokens = proposed * expectedTokens(acceptance, draftLength) + (1 - proposed);
  return { draftLength, expectedTokens: tokens, roundSeconds, secondsPerToken: roundSeconds / tokens };
}

function measuredRound(
  { draftStepSeconds, verifySeconds }: RoundTimes,
  rounds: readonly MeasuredRound[],
  draftLength: number,
): Round {
  const round = rounds.find((each) => each.draftLength === draftLength);
  if (round === undefined) {
    throw new HardwareError('bad-workload', `nothing was measured at draft length ${draftLength}`);
  }
  const verify = round.drafted.reduce(
    (sum, share, drafted) => (share === 0 ? sum : sum + share * verifySeconds(drafted)),
    0,
  );
  const roundSeconds = round.draftPasses * draftStepSeconds + verify;
  const expectedTokens = round.tokensPerRound;
  return { draftLength, expectedTokens, roundSeconds, secondsPerToken: roundSeconds / expectedTokens };
}

/** Relative differences below this are ties. */
export const ROUNDING = 1e-12;

/** Lengths from 1 to `maxLength` that a pair can be priced at, shortest first. */
function openLengths({ acceptance }: RoundTimes, maxLength: number): number[] {
  if (typeof acceptance === 'number') return Array.from({ length: maxLength }, (_, i) => i + 1);
  const measured = acceptance.map(({ draftLength }) => draftLength);
  return measured.filter((length) => length > 0 && length <= maxLength).sort((a, b) => a - b);
}

/** The round with the least time a token among lengths 0 to `maxLength`; ties go to the shorter. */
export function bestRound(times: RoundTimes, maxLength: number): Round {
  let best = priceRound(times, 0);
  for (const length of openLengths(times, maxLength)) {
    const round = priceRound(times, length);
    if (round.secondsPerToken < best.secondsPerToken * (1 - ROUNDING)) best = round;
  }
  return best;
}
