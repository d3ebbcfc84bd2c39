import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Choices,
  distributionOf,
  type Probabilities,
  pointMass,
  randomChoices,
} from '../../../evaluators/generation/sampling.ts';
import {
  judge,
  keepProbability,
  overlap,
  type Round,
  residual,
} from '../../../evaluators/speculation/rule.ts';
import { deriveRng } from '../../../space/random.ts';
import { enumerateOutcomes } from './enumerate.ts';

interface Golden {
  readonly P: number[][];
  readonly Q: number[][];
  readonly beta: number[];
  readonly residual: number[][];
  readonly round_distribution_from_ctx0_gamma2: Record<string, [string, number]>;
  readonly expected_tokens_ctx0: Record<string, number>;
}

const golden = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../../fixtures/speculation/golden.json'), 'utf8'),
) as Golden;
const P = golden.P.map((row) => Float64Array.from(row));
const Q = golden.Q.map((row) => Float64Array.from(row));

/** One round of the Markov pair after token `context`. */
function markovRound(
  p: readonly Probabilities[],
  q: readonly Probabilities[],
  context: number,
  draftLength: number,
  choices: Choices,
  endToken?: number,
): Round {
  const tokens: number[] = [];
  for (let i = 0; i < draftLength; i++) tokens.push(choices.draw(q[tokens.at(-1) ?? context]!));
  const before = [context, ...tokens];
  const distributions = tokens.map((_, i) => q[before[i]!]!);
  return judge({ tokens, distributions }, (i) => p[before[i]!]!, choices, endToken);
}

function markovText(length: number, draftLength: number, choices: Choices, endToken?: number): number[] {
  const text: number[] = [];
  while (text.length < length) {
    const round = markovRound(P, Q, text.at(-1) ?? 0, draftLength, choices, endToken);
    text.push(...round.tokens);
    if (round.isEnded) break;
  }
  return text.slice(0, length);
}

/** The target's own joint distribution of texts of `length` tokens after token 0, cut after `endToken`. */
function targetJoint(length: number, endToken?: number): Map<string, number> {
  const joint = new Map<string, number>();
  const walk = (text: number[], probability: number) => {
    if (text.length === length || (text.length > 0 && text.at(-1) === endToken)) {
      joint.set(text.join(), probability);
      return;
    }
    for (const [token, p] of P[text.at(-1) ?? 0]!.entries()) walk([...text, token], probability * p);
  };
  walk([], 1);
  return joint;
}

const distribution = (size: number): fc.Arbitrary<Probabilities> =>
  fc.array(fc.integer({ min: 0, max: 20 }), { minLength: size, maxLength: size }).map((counts) => {
    const total = counts.reduce((a, b) => a + b, 0);
    return total === 0 ? pointMass(0, size) : Float64Array.from(counts, (count) => count / total);
  });

describe('the speculative sampling rule', () => {
  it('agrees with the golden acceptance and residuals', () => {
    for (const [i, p] of P.entries()) {
      expect(overlap(p, Q[i]!)).toBeCloseTo(golden.beta[i]!, 12);
      for (const [token, value] of residual(p, Q[i]!).entries())
        expect(value).toBeCloseTo(golden.residual[i]![token]!, 12);
    }
  });

  it('gives the golden distribution of one round of two draft tokens', async () => {
    const exact = await enumerateOutcomes((choices) => markovRound(P, Q, 0, 2, choices).tokens.join());
    const expected = golden.round_distribution_from_ctx0_gamma2;
    expect([...exact.keys()].sort()).toEqual(Object.keys(expected).sort());
    for (const [text, [, probability]] of Object.entries(expected))
      expect(exact.get(text), text).toBeCloseTo(probability, 12);
  });

  it('gives the golden number of tokens a round', async () => {
    for (const [draftLength, expected] of Object.entries(golden.expected_tokens_ctx0)) {
      const exact = await enumerateOutcomes((choices) =>
        String(markovRound(P, Q, 0, Number(draftLength), choices).tokens.length),
      );
      const mean = [...exact].reduce((sum, [length, p]) => sum + Number(length) * p, 0);
      expect(mean).toBeCloseTo(expected, 12);
    }
  });

  for (const draftLength of [1, 2, 3]) {
    it(`keeps the joint distribution of all 27 texts, draft length ${draftLength}`, async () => {
      const exact = await enumerateOutcomes((choices) => markovText(3, draftLength, choices).join());
      const joint = targetJoint(3);
      expect(exact.size).toBe(27);
      for (const [text, probability] of joint) expect(exact.get(text), text).toBeCloseTo(probability, 12);
    });
  }

  it('keeps the joint distribution when a token ends the text, also inside a draft', async () => {
    const exact = await enumerateOutcomes((choices) => markovText(4, 3, choices, 2).join());
    const joint = targetJoint(4, 2);
    expect(exact.size).toBe(joint.size);
    for (const [text, probability] of joint) expect(exact.get(text), text).toBeCloseTo(probability, 12);
  });

  it('passes a chi-square test on 100,000 sampled texts', () => {
    const n = 100_000;
    const counts = new Map<string, number>();
    const choices = randomChoices(deriveRng(7, 0, 'chi-square'));
    for (let i = 0; i < n; i++) {
      const text = markovText(3, 2, choices).join();
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
    let chiSquare = 0;
    for (const [text, probability] of targetJoint(3))
      chiSquare += ((counts.get(text) ?? 0) - n * probability) ** 2 / (n * probability);
    // 26 degrees of freedom: 54.05 is exceeded with probability 0.001.
    expect(chiSquare).toBeLessThan(54.05);
  });

  it('keeps any target for any draft (one position, exactly)', async () => {
    await fc.assert(
      fc.asyncProperty(distribution(5), distribution(5), async (p, q) => {
        const exact = await enumerateOutcomes((choices) => {
          const token = choices.draw(q);
          const round = judge(
            { tokens: [token], distributions: [q] },
            (i) => [p, pointMass(0, 5)][i]!,
            choices,
          );
          return String(round.tokens[0]);
        });
        for (const [token, probability] of p.entries())
          expect(exact.get(String(token)) ?? 0).toBeCloseTo(probability, 10);
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it('accepts everything from an equal draft and nothing from a disjoint one', () => {
    const choices = randomChoices(deriveRng(1, 0, 'extremes'));
    const left = Float64Array.of(0.5, 0.5, 0, 0);
    const right = Float64Array.of(0, 0, 0.25, 0.75);
    for (let i = 0; i < 200; i++) {
      const equal = markovRound(P, P, 0, 4, choices);
      expect([equal.accepted, equal.tested, equal.tokens.length]).toEqual([4, 4, 5]);
      const proposal = { tokens: [choices.draw(right)], distributions: [right] };
      const disjoint = judge(proposal, () => left, choices);
      expect([disjoint.accepted, disjoint.tested, disjoint.tokens.length]).toEqual([0, 1, 1]);
      expect(left[disjoint.tokens[0]!]).toBeGreaterThan(0);
    }
    expect(overlap(left, right)).toBe(0);
    expect(overlap(left, left)).toBe(1);
  });

  it('accepts a greedy draft exactly when both prefer the same token', () => {
    const p = pointMass(2, 4);
    expect(keepProbability(p, pointMass(2, 4), 2)).toBe(1);
    expect(keepProbability(p, pointMass(1, 4), 1)).toBe(0);
    expect([...residual(p, pointMass(1, 4))]).toEqual([0, 0, 1, 0]);
  });

  it('falls back to the target where nothing remains of the difference', () => {
    const p = Float64Array.of(0.25, 0.75);
    expect([...residual(p, p)]).toEqual([0.25, 0.75]);
    // A draft that exceeds the target everywhere by rounding.
    expect([...residual(p, Float64Array.of(0.25 + 1e-16, 0.75 + 2e-16))]).toEqual([0.25, 0.75]);
  });

  it('counts tokens a round as one more than the accepted, always', () => {
    const choices = randomChoices(deriveRng(3, 0, 'identity'));
    let tokens = 0;
    let accepted = 0;
    let tested = 0;
    for (let i = 0; i < 20_000; i++) {
      const round = markovRound(P, Q, i % 3, 3, choices);
      tokens += round.tokens.length;
      accepted += round.accepted;
      tested += round.tested;
    }
    expect(tokens).toBe(20_000 + accepted);
    // Accepted over tested estimates the acceptance, here between the smallest and the largest of the contexts.
    expect(accepted / tested).toBeGreaterThan(0.75);
    expect(accepted / tested).toBeLessThan(0.9);
  });
});

describe('distributionOf', () => {
  const logits = Float32Array.of(0, Math.log(2), Math.log(4), Math.log(1));

  it('is softmax at temperature 1 and sharper below', () => {
    const plain = distributionOf(logits, { temperature: 1, topP: 1 });
    for (const [i, p] of [1 / 8, 2 / 8, 4 / 8, 1 / 8].entries()) expect(plain[i]).toBeCloseTo(p, 6);
    const sharp = distributionOf(logits, { temperature: 0.5, topP: 1 });
    for (const [i, p] of [1 / 22, 4 / 22, 16 / 22, 1 / 22].entries()) expect(sharp[i]).toBeCloseTo(p, 6);
  });

  it('keeps the fewest tokens that hold the nucleus, equals by id', () => {
    const half = distributionOf(logits, { temperature: 1, topP: 0.5 });
    expect([...half]).toEqual([0, 0, 1, 0]);
    const most = distributionOf(logits, { temperature: 1, topP: 0.8 });
    expect(most[3]).toBe(0);
    expect(most[0]).toBeCloseTo(1 / 7, 6);
  });

  it('is a point mass at temperature 0, on the first of equals', () => {
    expect([...distributionOf(Float32Array.of(1, 3, 3), { temperature: 0, topP: 1 })]).toEqual([0, 1, 0]);
  });

  it('sums to 1 with logits of any size', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ min: -1e4, max: 1e4, noNaN: true }), { minLength: 1, maxLength: 40 }),
        fc.double({ min: 0.05, max: 4, noNaN: true }),
        fc.double({ min: 0.05, max: 1, noNaN: true }),
        (values, temperature, topP) => {
          const p = distributionOf(Float32Array.from(values), { temperature, topP });
          expect(p.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
        },
      ),
      { seed: 2 },
    );
  });

  it('draws each token as often as its probability says', () => {
    const choices = randomChoices(deriveRng(5, 0, 'draws'));
    const p = Float64Array.of(0.5, 0, 0.3, 0.2);
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 50_000; i++) counts[choices.draw(p)]! += 1;
    expect(counts[1]).toBe(0);
    for (const i of [0, 2, 3]) expect(counts[i]! / 50_000).toBeCloseTo(p[i]!, 2);
  });
});
