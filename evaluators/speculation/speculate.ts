// Speculative sampling that really runs: draft, verify in one pass of the target, roll both caches back.
import type { GenerationSettings } from '../generation/generate.ts';
import type { Predictor } from '../generation/predictor.ts';
import { type Choices, distributionOf, type Probabilities } from '../generation/sampling.ts';
import type { Drafter } from './drafter.ts';
import { judge } from './rule.ts';

export interface SpeculationSettings extends GenerationSettings {
  /** Tokens that a round drafts at most. */
  readonly draftLength: number;
}

/** What happened in the rounds of one or many texts. */
export interface RoundCounts {
  readonly rounds: number;
  /** Tokens that the rounds gave: 1 + accepted in each, unless the text ended inside a draft. */
  readonly tokens: number;
  readonly drafted: number;
  /** Accepted over tested estimates the acceptance; accepted over drafted is lower. */
  readonly tested: number;
  readonly accepted: number;
  /** By position in the draft. */
  readonly testedAt: readonly number[];
  readonly acceptedAt: readonly number[];
  /** Passes of the draft model. */
  readonly draftPasses: number;
}

export interface SpeculationResult {
  readonly tokens: readonly number[];
  readonly counts: RoundCounts;
}

/** Counts of several texts together. */
export function addCounts(a: RoundCounts, b: RoundCounts): RoundCounts {
  const addAt = (x: readonly number[], y: readonly number[]) =>
    Array.from({ length: Math.max(x.length, y.length) }, (_, i) => (x[i] ?? 0) + (y[i] ?? 0));
  return {
    rounds: a.rounds + b.rounds,
    tokens: a.tokens + b.tokens,
    drafted: a.drafted + b.drafted,
    tested: a.tested + b.tested,
    accepted: a.accepted + b.accepted,
    testedAt: addAt(a.testedAt, b.testedAt),
    acceptedAt: addAt(a.acceptedAt, b.acceptedAt),
    draftPasses: a.draftPasses + b.draftPasses,
  };
}

export const NO_ROUNDS: RoundCounts = {
  rounds: 0,
  tokens: 0,
  drafted: 0,
  tested: 0,
  accepted: 0,
  testedAt: [],
  acceptedAt: [],
  draftPasses: 0,
};

const firstOnes = (n: number): number[] => Array.from({ length: n }, () => 1);

/**
 * The tokens that follow `prompt`, distributed as `generate` with the target alone would give them; greedy, the
 * same tokens. The drafter's sampling settings must be those of `settings`.
 * @throws RangeError for an empty prompt.
 */
export async function speculate(
  target: Predictor,
  drafter: Drafter,
  prompt: readonly number[],
  { sampling, maxTokens, endToken, onTokens, draftLength }: SpeculationSettings,
  choices: Choices,
): Promise<SpeculationResult> {
  if (prompt.length === 0) throw new RangeError('generation needs a prompt of at least one token');
  const text = [...prompt];
  let counts = NO_ROUNDS;
  while (text.length < prompt.length + maxTokens) {
    const passesBefore = drafter.nPasses;
    const proposal = await drafter.propose(text, draftLength, choices);
    const drafted = proposal.tokens.length;
    const rows = await target.predict([...text, ...proposal.tokens], drafted + 1);
    const targetAt = (i: number): Probabilities => distributionOf(rows[i]!, sampling);
    const round = judge(proposal, targetAt, choices, endToken);
    onTokens?.(round.tokens.slice(0, prompt.length + maxTokens - text.length));
    text.push(...round.tokens);
    counts = addCounts(counts, {
      rounds: 1,
      tokens: round.tokens.length,
      drafted,
      tested: round.tested,
      accepted: round.accepted,
      testedAt: firstOnes(round.tested),
      acceptedAt: firstOnes(round.accepted),
      draftPasses: drafter.nPasses - passesBefore,
    });
    if (round.isEnded) break;
  }
  return { tokens: text.slice(prompt.length, prompt.length + maxTokens), counts };
}
