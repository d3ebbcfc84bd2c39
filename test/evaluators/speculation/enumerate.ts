// Runs a random procedure through every outcome of its choices, so that its distribution is known exactly.
import type { Choices, Probabilities } from '../../../evaluators/generation/sampling.ts';

interface Decision {
  /** Outcomes of positive probability. */
  readonly outcomes: readonly { readonly value: number; readonly probability: number }[];
  taken: number;
}

/** Probability by result, as the text that `body` gives back. */
export async function enumerateOutcomes(
  body: (choices: Choices) => string | Promise<string>,
): Promise<Map<string, number>> {
  const total = new Map<string, number>();
  let decisions: Decision[] = [];
  for (;;) {
    let at = 0;
    const decide = (probabilities: readonly number[]): number => {
      if (at === decisions.length) {
        const outcomes = probabilities
          .map((probability, value) => ({ value, probability }))
          .filter(({ probability }) => probability > 0);
        decisions.push({ outcomes, taken: 0 });
      }
      const { outcomes, taken } = decisions[at++]!;
      return outcomes[taken]!.value;
    };
    const result = await body({
      accepts: (probability) => decide([1 - probability, probability]) === 1,
      draw: (probabilities: Probabilities) => decide([...probabilities]),
    });
    const weight = decisions.reduce(
      (product, { outcomes, taken }) => product * outcomes[taken]!.probability,
      1,
    );
    total.set(result, (total.get(result) ?? 0) + weight);
    while (decisions.length > 0 && decisions.at(-1)!.taken === decisions.at(-1)!.outcomes.length - 1)
      decisions.pop();
    if (decisions.length === 0) return total;
    decisions = decisions.slice();
    decisions.at(-1)!.taken += 1;
  }
}
