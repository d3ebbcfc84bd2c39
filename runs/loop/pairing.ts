// What the draft of a candidate is worth: expected below the highest rung, measured there, and brought closer to its
// target where that may pay.
import type { MeasuredRound } from '../../hardware/index.ts';
import type { Candidate } from '../../space/candidate.ts';
import type { Draft } from '../../space/draft.ts';
import type { CostSetting } from '../plan/cost-setting.ts';
import {
  type Acceptance,
  expectedAcceptance,
  judgePair,
  pairInput,
  pricePair,
  servedDraft,
} from '../plan/speculation.ts';
import type { PairRecord, SpeculationRecord } from '../store/records.ts';
import type { Pairs, SettledPair } from './pairs.ts';
import type { SettledTraining, Trainings } from './trainings.ts';

/** What alignment is hoped to add to the logit of acceptance, generously: a pair that this does not help is not aligned. */
const HOPED_GAIN = 0.5;

export interface PairingOptions {
  /** Absent where pairs cannot be measured: then every draft keeps what is expected of it. */
  readonly pairs?: Pairs;
  readonly trainings: Trainings;
  readonly setting: CostSetting;
  /** At which pairs are measured. */
  readonly topRung: number;
}

/** What was learnt of a pair that was measured: what other pairs are foretold from. */
export interface LearntPair {
  readonly draft: Draft;
  /** Bits per byte of the draft model as it was trained. */
  readonly draftLoss?: number;
  /** Before alignment. */
  readonly acceptance: number;
  readonly rounds: readonly MeasuredRound[];
  readonly alignedAcceptance?: number;
}

export type Paired =
  | {
      readonly kind: 'ok';
      readonly acceptance?: Acceptance;
      readonly record: SpeculationRecord;
      readonly learnt?: LearntPair;
    }
  | { readonly kind: 'failed'; readonly state: Exclude<SettledPair['state'], 'ok'>; readonly reason: string };

export interface Pairing {
  /** Of a candidate with a draft whose target is trained to `rung`. Throws what training and measuring throw. */
  pair(candidate: Candidate, draft: Draft, rung: number): Promise<Paired>;
}

/** Accepted over tested tokens of a measured pair: of all positions, or of what look-up proposed. */
export function acceptanceOf({ acceptance, lengths }: Pick<PairRecord, 'acceptance' | 'lengths'>): number {
  return acceptance ?? lengths!.at(-1)!.acceptedOverTested;
}

const roundsOf = ({ lengths }: PairRecord): Acceptance => ({ rounds: lengths! });

/** The pairings of one run. */
export function createPairing({ pairs, trainings, setting, topRung }: PairingOptions): Pairing {
  const { temperature = 1, isAligned = false } = setting.draft ?? {};

  const expectedRecord = (candidate: Candidate, draft: Draft): Paired & { readonly kind: 'ok' } => {
    const served = servedDraft(draft, topRung, candidate.deployment);
    const acceptance = expectedAcceptance(candidate.architecture, served, temperature, isAligned);
    const verdict = judgePair(pairInput(candidate, served, setting), acceptance, draft.draftLength);
    const expected = acceptance.rounds;
    return {
      kind: 'ok',
      record: { ...verdict, source: 'expected', acceptance: expected, expectedAcceptance: expected },
    };
  };

  /** Whether a draft could be faster than its target if the target accepted more of it than any alignment brings. */
  const isWorthAligning = (candidate: Candidate, draft: Draft, plain: SettledPair): boolean => {
    const input = pairInput(candidate, servedDraft(draft, topRung, candidate.deployment), setting);
    const known = acceptanceOf(plain);
    const hoped = 1 / (1 + (1 / known - 1) * Math.exp(-HOPED_GAIN));
    return pricePair(input, { rounds: hoped }, draft.draftLength).draftLength > 0;
  };

  const secondsOf = (candidate: Candidate, draft: Draft, pair: SettledPair): number => {
    const input = pairInput(candidate, servedDraft(draft, topRung, candidate.deployment), setting);
    return pricePair(input, roundsOf(pair), draft.draftLength).decodeSecondsPerToken;
  };

  async function measured(
    measurer: Pairs,
    candidate: Candidate,
    draft: Draft,
    expectedAcceptance: number,
  ): Promise<Paired> {
    const draftTraining =
      draft.kind === 'model' ? await trainings.train(draft.architecture, topRung) : undefined;
    if (draftTraining !== undefined && draftTraining.state !== 'ok') return failed(draftTraining);
    const plain = await measurer.measure(candidate, draft, topRung, false);
    if (plain.state !== 'ok') return failed(plain);
    const aligns =
      draft.kind === 'model' && measurer.alignmentSteps > 0 && isWorthAligning(candidate, draft, plain);
    const aligned = aligns ? await measurer.measure(candidate, draft, topRung, true) : undefined;
    const isBetter =
      aligned?.state === 'ok' && secondsOf(candidate, draft, aligned) < secondsOf(candidate, draft, plain);
    const used = isBetter ? aligned : plain;
    const served = servedDraft(draft, topRung, candidate.deployment);
    const verdict = judgePair(pairInput(candidate, served, setting), roundsOf(used), draft.draftLength);
    const draftLoss = draftTraining?.loss;
    return {
      kind: 'ok',
      acceptance: roundsOf(used),
      record: {
        ...verdict,
        source: isBetter ? 'aligned' : 'measured',
        acceptance: acceptanceOf(used),
        expectedAcceptance,
        ...(isBetter ? { plainAcceptance: acceptanceOf(plain) } : {}),
      },
      learnt: {
        draft,
        ...(draftLoss === undefined ? {} : { draftLoss }),
        acceptance: acceptanceOf(plain),
        rounds: plain.lengths!,
        ...(aligned?.state === 'ok' ? { alignedAcceptance: acceptanceOf(aligned) } : {}),
      },
    };
  }

  return {
    async pair(candidate, draft, rung) {
      const expected = expectedRecord(candidate, draft);
      // A draft that could not pay though all of it were accepted is not trained for that.
      const isHopeless = expected.record.neededAcceptance === undefined;
      if (pairs === undefined || rung < topRung || isHopeless) return expected;
      return measured(pairs, candidate, draft, expected.record.expectedAcceptance);
    },
  };
}

function failed({ state, reason = state }: SettledTraining | SettledPair): Paired {
  if (state === 'ok') throw new TypeError('what went well has not failed');
  return { kind: 'failed', state, reason: `draft: ${reason}` };
}
