// Plain generation: one token a pass.
import type { Predictor } from './predictor.ts';
import { type Choices, distributionOf, type SamplingSettings } from './sampling.ts';

export interface GenerationSettings {
  readonly sampling: SamplingSettings;
  /** New tokens at most. */
  readonly maxTokens: number;
  /** Generation ends after this token; it is kept. */
  readonly endToken?: number;
  /** Gets new tokens as soon as they are sure. */
  readonly onTokens?: (tokens: readonly number[]) => void;
}

/** The tokens that follow `prompt`, without it. @throws RangeError for an empty prompt. */
export async function generate(
  predictor: Predictor,
  prompt: readonly number[],
  { sampling, maxTokens, endToken, onTokens }: GenerationSettings,
  choices: Choices,
): Promise<number[]> {
  if (prompt.length === 0) throw new RangeError('generation needs a prompt of at least one token');
  const text = [...prompt];
  while (text.length < prompt.length + maxTokens) {
    const [logits] = await predictor.predict(text, 1);
    const token = choices.draw(distributionOf(logits!, sampling));
    text.push(token);
    onTokens?.([token]);
    if (token === endToken) break;
  }
  return text.slice(prompt.length);
}
