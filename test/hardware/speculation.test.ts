import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readFixtureJson } from '../../bench/hardware/csv.ts';
import { MODELS } from '../../bench/hardware/models.ts';
import {
  breakEvenAcceptance,
  estimateCost,
  estimateSpeculation,
  expectedTokens,
  HardwareError,
  loadAccelerator,
  metricsOf,
  metricsOfPair,
  type SpeculationInput,
  uniformDeployment,
} from '../../hardware/index.ts';
import { bestRound, priceRound } from '../../hardware/speculative-round.ts';
import { costInput } from './shapes.ts';

interface Formula {
  alpha: number;
  gamma: number;
  c: number;
  expected_tokens: number;
  speedup: number;
}

/** Verification at the cost of a plain step, a draft step at `c` of it: the textbook case. */
const textbook = (acceptance: number, c: number) => ({
  acceptance,
  draftStepSeconds: c,
  verifySeconds: () => 1,
});

describe('the closed forms', () => {
  const { formulas } = readFixtureJson('specdec_formulas.json') as { formulas: Formula[] };

  it('give the golden expected tokens and speed-ups', () => {
    expect(formulas.length).toBeGreaterThan(100);
    for (const { alpha, gamma, c, expected_tokens, speedup } of formulas) {
      expect(expectedTokens(alpha, gamma)).toBeCloseTo(expected_tokens, 9);
      expect(1 / priceRound(textbook(alpha, c), gamma).secondsPerToken).toBeCloseTo(speedup, 9);
    }
  });

  it('find the golden draft lengths', () => {
    const golden = readFixtureJson('specdec_optimal_gamma.json') as Record<
      string,
      Record<string, { gamma: number; speedup: number }>
    >;
    for (const [c, byAlpha] of Object.entries(golden)) {
      for (const [alpha, { gamma, speedup }] of Object.entries(byAlpha)) {
        const best = bestRound(textbook(Number(alpha), Number(c)), 64);
        expect(best.draftLength).toBe(gamma);
        expect(1 / best.secondsPerToken).toBeCloseTo(speedup, 3);
      }
    }
  });

  it('agree with a simulation of rounds, also when the draft stops in time', () => {
    let state = 99;
    const random = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    };
    const acceptance = 0.7;
    const k = 4;
    const rounds = 200_000;
    let tokens = 0;
    let stopped = 0;
    for (let i = 0; i < rounds; i += 1) {
      let accepted = 0;
      while (accepted < k && random() < acceptance) accepted += 1;
      tokens += accepted + 1;
      const drafted = Math.min(k, accepted + 1);
      stopped += drafted * 0.1 + 1 + 0.05 * drafted;
    }
    expect(tokens / rounds).toBeCloseTo(expectedTokens(acceptance, k), 1);
    const times = {
      acceptance,
      draftStepSeconds: 0.1,
      verifySeconds: (length: number) => 1 + 0.05 * length,
      lengthRule: 'oracle-stop' as const,
    };
    expect(priceRound(times, k).roundSeconds).toBeCloseTo(stopped / rounds, 2);
  });

  it('skip rounds without a proposal only where several lengths are compiled', () => {
    const times = { ...textbook(0.6, 0), verifySeconds: (k: number) => 1 + 0.09 * k, proposalRatio: 0.3 };
    const fixed = priceRound({ ...times, lengthRule: 'fixed' }, 4);
    const skip = priceRound({ ...times, lengthRule: 'skip' }, 4);
    expect(fixed.secondsPerToken).toBeGreaterThan(skip.secondsPerToken);
    expect(fixed.expectedTokens).toBe(skip.expectedTokens);
    expect(skip.secondsPerToken).toBeLessThan(1);
  });

  it('price what rounds were found to give, wherever drafting stopped', () => {
    const verifySeconds = (k: number) => 1 + 0.05 * k ** 2;
    const known = { draftStepSeconds: 0.1, verifySeconds };
    const acceptance = 0.6;
    const asMeasured = [1, 2, 5].map((draftLength) => ({
      draftLength,
      tokensPerRound: expectedTokens(acceptance, draftLength),
      drafted: Array.from({ length: draftLength + 1 }, (_, j) => (j === draftLength ? 1 : 0)),
      draftPasses: draftLength,
    }));
    for (const { draftLength } of asMeasured) {
      const { secondsPerToken } = priceRound({ ...known, acceptance: asMeasured }, draftLength);
      expect(secondsPerToken).toBeCloseTo(
        priceRound({ ...known, acceptance }, draftLength).secondsPerToken,
        12,
      );
    }
    expect(bestRound({ ...known, acceptance: asMeasured }, 16).draftLength).toBe(2);
    expect(bestRound({ ...known, acceptance: asMeasured }, 1).draftLength).toBe(1);
    expect(() => priceRound({ ...known, acceptance: asMeasured }, 3)).toThrow('nothing was measured');

    const stopping = [{ draftLength: 2, tokensPerRound: 1.5, drafted: [0.2, 0.3, 0.5], draftPasses: 1.8 }];
    const round = priceRound({ ...known, acceptance: stopping }, 2);
    expect(round.roundSeconds).toBeCloseTo(1.8 * 0.1 + 0.2 * 1 + 0.3 * 1.05 + 0.5 * 1.2, 12);
    expect(round.secondsPerToken).toBeCloseTo(round.roundSeconds / 1.5, 12);
  });

  it('never choose worse than not speculating', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(share, share, share, (acceptance, c, slope) => {
        const best = bestRound({ acceptance, draftStepSeconds: c, verifySeconds: (k) => 1 + slope * k }, 12);
        expect(best.secondsPerToken).toBeLessThanOrEqual(1);
        if (acceptance <= c) expect(best.draftLength).toBe(0);
      }),
    );
  });
});

describe('target and draft together', () => {
  const costInputOf = (weightFormat: 'fp16' | 'mxfp6-e3m2') => ({
    target: costInput('qualcomm-ai100-ultra', { weightFormat }, { promptTokens: 128, generatedTokens: 896 }),
  });
  const ask = (over: Partial<SpeculationInput> = {}, weightFormat: 'fp16' | 'mxfp6-e3m2' = 'fp16') =>
    estimateSpeculation({
      ...costInputOf(weightFormat),
      draft: { architecture: MODELS['draft-115m'], deployment: uniformDeployment(4) },
      acceptance: 0.7,
      ...over,
    });

  it('equals the target alone at draft length zero', () => {
    const alone = estimateCost(
      costInput('qualcomm-ai100-ultra', {}, { promptTokens: 128, generatedTokens: 896 }),
    );
    const zero = ask({ draftLength: 0 });
    expect(zero.decodeSecondsPerToken).toBe(alone.decodeSecondsPerToken);
    expect(zero.tokensPerSecond).toBeCloseTo(alone.tokensPerSecond, 12);
    expect(zero.memoryBytesPerCard).toBe(alone.memoryBytesPerCard);
    expect(ask({ acceptance: 0 }).draftLength).toBe(0);
  });

  it('chooses the best length', () => {
    const best = ask();
    for (let draftLength = 0; draftLength <= 16; draftLength += 1) {
      expect(ask({ draftLength }).decodeSecondsPerToken).toBeGreaterThanOrEqual(best.decodeSecondsPerToken);
    }
    expect(best.draftLength).toBeGreaterThan(0);
  });

  it('is worth less on a compressed target', () => {
    expect(ask({}, 'mxfp6-e3m2').speedup).toBeLessThan(ask().speedup);
  });

  it('costs memory on the same cards and none on its own', () => {
    const shared = ask();
    expect(shared.memoryBytesPerCard).toBeGreaterThan(shared.target.memoryBytesPerCard);
    const own = { architecture: MODELS['draft-115m'], deployment: uniformDeployment(4) };
    const apart = ask({ draft: { ...own, accelerator: costInput('qualcomm-ai100-standard').accelerator } });
    expect(apart.memoryBytesPerCard).toBe(apart.target.memoryBytesPerCard);
  });

  it('stores weights once where the draft is a part of the target', () => {
    const own = { architecture: MODELS['draft-115m'], deployment: uniformDeployment(4) };
    const [apart, shared] = [ask({ draft: own }), ask({ draft: { ...own, sharesWeights: true } })];
    const saved = apart.memoryBytesPerCard - shared.memoryBytesPerCard;
    expect(saved).toBeCloseTo(apart.draft!.weightBytes, 0);
    expect(shared.decodeSecondsPerToken).toBe(apart.decodeSecondsPerToken);
  });

  it('drafts without a model: no time, no memory, and no more prefill', () => {
    const target = costInput('qualcomm-ai100-ultra', {}, { promptTokens: 128, generatedTokens: 896 });
    const free = estimateSpeculation({ target, acceptance: 0.4, proposalRatio: 0.5, lengthRule: 'skip' });
    expect(free.draftLength).toBeGreaterThan(0);
    expect(free.draft).toBeUndefined();
    expect(free.memoryBytesPerCard).toBe(free.target.memoryBytesPerCard);
    expect(free.prefillSeconds).toBe(free.target.prefillSeconds);
    expect(free.energyJoulesPerToken).toBeLessThan(free.target.energyJoulesPerToken);
    expect(free.energyJoulesPerToken).toBeGreaterThan(0);
  });

  it('has the metrics of the target alone where nothing is drafted, else those of both', () => {
    const zero = ask({ draftLength: 0 });
    const alone = metricsOf(zero.target);
    for (const [name, value] of Object.entries(metricsOfPair(zero))) {
      expect(value, name).toBeCloseTo(alone[name as keyof typeof alone]!, 9);
    }
    const pair = ask({ draftLength: 3 });
    const { target, draft } = pair;
    const both = metricsOfPair(pair);
    for (const name of ['parameters', 'weightBytes', 'kvCacheBytes'] as const)
      expect(both[name]).toBe(target[name] + draft![name]);
    expect(both.memory).toBe(target.memoryBytes + draft!.memoryBytes);
    expect(both.decodeLatency! * pair.speedup).toBeCloseTo(target.decodeSecondsPerToken, 12);
    expect(both.prefillLatency).toBe(target.timeToFirstTokenSeconds);
    const macs = (3 * draft!.macs + 4 * target.macs) / pair.expectedTokensPerRound;
    expect(both.macs! / macs).toBeCloseTo(1, 12);
    const shared = ask({
      draftLength: 3,
      draft: { architecture: MODELS['draft-115m'], deployment: uniformDeployment(4), sharesWeights: true },
    });
    expect(metricsOfPair(shared)).toMatchObject({
      parameters: target.parameters,
      weightBytes: target.weightBytes,
      kvCacheBytes: both.kvCacheBytes,
    });
  });

  it('breaks even at the acceptance that is said, and nowhere below', () => {
    for (const weightFormat of ['fp16', 'mxfp6-e3m2'] as const) {
      for (const draftLength of [undefined, 4]) {
        const given = draftLength === undefined ? {} : { draftLength };
        const { target } = costInputOf(weightFormat);
        const draft = { architecture: MODELS['draft-115m'], deployment: uniformDeployment(4) };
        const least = breakEvenAcceptance({ target, draft, ...given })!;
        expect(least).toBeGreaterThan(0.05);
        expect(ask({ acceptance: least + 1e-4, ...given }, weightFormat).speedup).toBeGreaterThan(1);
        expect(ask({ acceptance: least - 1e-4, ...given }, weightFormat).speedup).toBeLessThanOrEqual(1);
      }
    }
    // A draft of the target's own size cannot win.
    const { target } = costInputOf('fp16');
    const { architecture, deployment } = target;
    expect(breakEvenAcceptance({ target, draft: { architecture, deployment } })).toBeUndefined();
  });

  it('gains little when cores are split, for nothing runs at the same time', () => {
    expect(ask({ draftCoreRatio: 5 / 16 }).decodeSecondsPerToken).toBeGreaterThan(
      ask().decodeSecondsPerToken,
    );
  });

  it('verification costs more with a slope, and batches feel it', () => {
    expect(ask({ verifySlope: 0.2 }).speedup).toBeLessThan(ask({ verifySlope: 0 }).speedup);
    const batched = estimateSpeculation({
      target: costInput('qualcomm-ai100-ultra', {}, { batch: 8 }),
      draft: { architecture: MODELS['draft-115m'], deployment: uniformDeployment(4) },
      acceptance: 0.7,
    });
    expect(batched.speedup).toBeLessThan(ask().speedup);
  });

  it('refuses what makes no sense', () => {
    for (const over of [
      { acceptance: 1.2 },
      { acceptance: Number.NaN },
      { draftLength: -1 },
      { draftCoreRatio: 1 },
    ]) {
      expect(() => ask(over)).toThrow(HardwareError);
    }
    const other = { ...MODELS['draft-115m'], vocabSize: 100 };
    expect(() => ask({ draft: { architecture: other, deployment: uniformDeployment(4) } })).toThrow(
      /vocabulary/,
    );
  });
});

describe('energy of speculation', () => {
  const ask = (over: Partial<SpeculationInput> = {}, nCards = 1) =>
    estimateSpeculation({
      target: costInput('qualcomm-ai100-ultra', { nCards }, { promptTokens: 128, generatedTokens: 896 }),
      draft: { architecture: MODELS['draft-115m'], deployment: uniformDeployment(4) },
      acceptance: 0.7,
      draftLength: 3,
      ...over,
    });

  it('lies between idle and load power of all cards over the request', () => {
    const { power, devicesPerCard } = loadAccelerator('qualcomm-ai100-ultra');
    for (const nCards of [1, 2]) {
      const { energyJoulesPerToken, requestSeconds } = ask({}, nCards);
      const secondsPerToken = requestSeconds / 896;
      const n = nCards * devicesPerCard;
      expect(energyJoulesPerToken).toBeGreaterThan(n * power.idleWatts * secondsPerToken);
      expect(energyJoulesPerToken).toBeLessThanOrEqual(n * power.loadWatts * secondsPerToken * (1 + 1e-9));
    }
  });

  it('is that of the target alone where nothing is drafted', () => {
    const zero = ask({ draftLength: 0 });
    expect(zero.energyJoulesPerToken).toBe(zero.target.energyJoulesPerToken);
    expect(zero.dollarsPerMillionTokens).toBe(zero.target.dollarsPerMillionTokens);
  });

  it('pays for cards of the draft that wait', () => {
    const accelerator = loadAccelerator('nvidia-l4');
    const draft = { architecture: MODELS['draft-115m'], deployment: uniformDeployment(4), accelerator };
    const apart = ask({ draft });
    const idleWatts =
      4 * loadAccelerator('qualcomm-ai100-ultra').power.idleWatts + accelerator.power.idleWatts;
    const loadWatts =
      4 * loadAccelerator('qualcomm-ai100-ultra').power.loadWatts + accelerator.power.loadWatts;
    expect(apart.energyJoulesPerToken).toBeGreaterThan((idleWatts * apart.requestSeconds) / 896);
    expect(apart.energyJoulesPerToken).toBeLessThan((loadWatts * apart.requestSeconds) / 896);
    expect(apart.memoryBytesPerCard).toBe(apart.target.memoryBytesPerCard);
  });

  it('counts the waiting of cards beside what target and draft take', () => {
    const accelerator = loadAccelerator('nvidia-l4');
    const draft = { architecture: MODELS['draft-115m'], deployment: uniformDeployment(4), accelerator };
    const apart = ask({ draft });
    const waiting = accelerator.power.idleWatts * apart.requestSeconds;
    const together = (apart.target.prefillJoules + 895 * (apart.target.decodeStepJoules / 4)) / 896;
    expect(apart.energyJoulesPerToken).toBeGreaterThan(together + waiting / 896 / 2);
    expect(apart.memoryBytesPerCard).toBe(apart.target.memoryBytesPerCard);
  });

  it('needs no more cards for the draft than the target has', () => {
    const draft = { architecture: MODELS['draft-115m'], deployment: uniformDeployment(4, { nCards: 2 }) };
    expect(() => ask({ draft })).toThrow(/draft on 2 cards/);
  });
});
