// Where draft tokens come from: a small model, the target's own first layers, or the text itself.
import type { Engine } from '../engine/program.ts';
import { firstLayers, type LanguageModel } from '../generation/language-model.ts';
import { modelPredictor, type Predictor } from '../generation/predictor.ts';
import {
  argMax,
  type Choices,
  distributionOf,
  pointMass,
  type SamplingSettings,
} from '../generation/sampling.ts';
import type { Proposal } from './rule.ts';

export interface Drafter {
  /** At most `most` tokens that may follow `text`, perhaps none. */
  propose(text: readonly number[], most: number, choices: Choices): Promise<Proposal>;
  /** Draft-model passes so far; 0 where no model is asked. */
  readonly nPasses: number;
  release(): Promise<void>;
}

/** Probability that a softmax at temperature 1 gives its most likely token. */
export function confidenceOf(logits: Float32Array): number {
  const max = logits[argMax(logits)]!;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - max);
  return 1 / sum;
}

/**
 * Drafts with a model. It stops early where the product of its confidences falls below `confidence`; 0 never stops.
 * The decision is made before a token is drawn: dropping a token that was drawn would bend the distribution.
 */
export function modelDrafter(predictor: Predictor, sampling: SamplingSettings, confidence = 0): Drafter {
  let nPasses = 0;
  return {
    get nPasses() {
      return nPasses;
    },
    async propose(text, most, choices) {
      const tokens: number[] = [];
      const distributions: Float64Array[] = [];
      let certainty = 1;
      while (tokens.length < most) {
        const [logits] = await predictor.predict([...text, ...tokens], 1);
        nPasses++;
        if (confidence > 0) {
          certainty *= confidenceOf(logits!);
          if (certainty < confidence) break;
        }
        const distribution = distributionOf(logits!, sampling);
        tokens.push(choices.draw(distribution));
        distributions.push(distribution);
      }
      return { tokens, distributions };
    },
    release: () => predictor.release(),
  };
}

export interface LookupSettings {
  /** Longest run of last tokens that is looked for. */
  readonly longest: number;
  /** Shortest run that still counts as a match. */
  readonly shortest: number;
}

/** Where the last `n` tokens of `text` stood before, most recently: the position after them, or `undefined`. */
function lastMatch(text: readonly number[], n: number): number | undefined {
  const tail = text.length - n;
  for (let start = tail - 1; start >= 0; start--) {
    let i = 0;
    while (i < n && text[start + i] === text[tail + i]) i++;
    if (i === n) return start + n;
  }
  return undefined;
}

/** At most `most` tokens that followed the last tokens of `text` when they stood in it before; perhaps none. */
export function lookupTokens(
  text: readonly number[],
  most: number,
  { longest, shortest }: LookupSettings,
): readonly number[] {
  for (let n = Math.min(longest, text.length - 1); n >= shortest; n--) {
    const at = lastMatch(text, n);
    if (at !== undefined) return text.slice(at, at + most);
  }
  return [];
}

/** Prompt look-up: costs no model, and is sure of what it proposes. */
export function lookupDrafter(vocabSize: number, settings: LookupSettings): Drafter {
  return {
    nPasses: 0,
    async propose(text, most) {
      const tokens = lookupTokens(text, most, settings);
      return { tokens, distributions: tokens.map((token) => pointMass(token, vocabSize)) };
    },
    async release() {},
  };
}

export type DraftSource =
  | { readonly kind: 'model'; readonly model: LanguageModel }
  | { readonly kind: 'self'; readonly nLayers: number }
  | ({ readonly kind: 'lookup' } & LookupSettings);

/** A drafter for `target`. @throws RangeError where the draft has another vocabulary, or no layer is left out. */
export function createDrafter(
  source: DraftSource,
  target: LanguageModel,
  sampling: SamplingSettings,
  confidence = 0,
  engine?: Engine,
): Drafter {
  const { vocabSize } = target.architecture;
  if (source.kind === 'lookup') return lookupDrafter(vocabSize, source);
  const model = source.kind === 'model' ? source.model : firstLayers(target, source.nLayers);
  if (model.architecture.vocabSize !== vocabSize)
    throw new RangeError(`a draft of ${model.architecture.vocabSize} tokens for a target of ${vocabSize}`);
  return modelDrafter(modelPredictor(model, engine), sampling, confidence);
}
