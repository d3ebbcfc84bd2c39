// From logits to the next token: temperature, nucleus, the draw. Probabilities are doubles over the vocabulary.
import type { Rng } from '../../space/random.ts';

export interface SamplingSettings {
  /** 0 = greedy: all probability on the largest logit, the first one where several are equal. */
  readonly temperature: number;
  /** The nucleus' share of the probability (Holtzman et al. 2020), above 0 and at most 1; 1 keeps every token. */
  readonly topP: number;
}

/** The model's own distribution. */
export const PLAIN_SAMPLING: SamplingSettings = { temperature: 1, topP: 1 };

/** A distribution over the vocabulary, by token id; sums to 1. */
export type Probabilities = Float64Array;

/** Everything that a draw decides by chance. Seeded numbers in use, all outcomes in turn where a test enumerates. */
export interface Choices {
  /** True with this probability. */
  accepts(probability: number): boolean;
  /** A token drawn from `probabilities`. */
  draw(probabilities: Probabilities): number;
}

/** Choices by seeded random numbers. */
export function randomChoices(rng: Rng): Choices {
  return {
    accepts: (probability) => rng.uniform() < probability,
    draw: (probabilities) => drawFrom(probabilities, rng),
  };
}

function drawFrom(probabilities: Probabilities, rng: Rng): number {
  let rest = rng.uniform();
  let last = 0;
  for (let token = 0; token < probabilities.length; token++) {
    const probability = probabilities[token]!;
    if (probability === 0) continue;
    if (rest < probability) return token;
    rest -= probability;
    last = token;
  }
  // Rounding left a crumb beyond the last token.
  return last;
}

/** All probability on one token. */
export function pointMass(token: number, vocabSize: number): Probabilities {
  const probabilities = new Float64Array(vocabSize);
  probabilities[token] = 1;
  return probabilities;
}

/** The token of the largest value, the first where several are equal. */
export function argMax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** The distribution that is drawn from: softmax at a temperature, cut to the nucleus. */
export function distributionOf(logits: Float32Array, { temperature, topP }: SamplingSettings): Probabilities {
  if (temperature === 0) return pointMass(argMax(logits), logits.length);
  const probabilities = new Float64Array(logits.length);
  let max = Number.NEGATIVE_INFINITY;
  for (const logit of logits) max = Math.max(max, logit);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) {
    const value = Math.exp((logits[i]! - max) / temperature);
    probabilities[i] = value;
    sum += value;
  }
  for (let i = 0; i < probabilities.length; i++) probabilities[i]! /= sum;
  return topP < 1 ? nucleus(probabilities, topP) : probabilities;
}

/** The fewest most likely tokens that hold at least `topP`, scaled up to 1; equals go by token id. */
function nucleus(probabilities: Probabilities, topP: number): Probabilities {
  const order = Array.from(probabilities.keys()).sort(
    (a, b) => probabilities[b]! - probabilities[a]! || a - b,
  );
  const kept = new Float64Array(probabilities.length);
  let mass = 0;
  for (const token of order) {
    kept[token] = probabilities[token]!;
    mass += probabilities[token]!;
    if (mass >= topP) break;
  }
  for (let i = 0; i < kept.length; i++) kept[i]! /= mass;
  return kept;
}
