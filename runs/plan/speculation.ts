// What a draft is worth to a target: both priced together, never a product of speed-ups, and in words why it pays or
// does not. The draft serves the target's relative: it is scaled like the target.
import type { PairDraft } from '../../evaluators/port.ts';
import {
  expectedLookup,
  expectedModelAcceptance,
  expectedSelfAcceptance,
} from '../../evaluators/speculation/expected-acceptance.ts';
import {
  breakEvenAcceptance,
  estimateSpeculation,
  type MeasuredRound,
  type SpeculationEstimate,
  type SpeculationInput,
  uniformDeployment,
} from '../../hardware/index.ts';
import { type Architecture, countParameters } from '../../space/architecture.ts';
import { type Candidate, hashOf } from '../../space/candidate.ts';
import type { Deployment } from '../../space/deployment.ts';
import type { Draft } from '../../space/draft.ts';
import { deployedArchitecture } from '../../space/scale.ts';
import { formatNumber, formatShare } from '../format.ts';
import type { PairVerdict } from '../store/records.ts';
import type { CostSetting } from './cost-setting.ts';

/** Tokens that a round drafts at most where the best number is looked for. */
export const LONGEST_DRAFT = 8;

/** Look-up as it is measured in docs/speculation.md: runs of two to four tokens. */
export const LOOKUP = { kind: 'lookup', longest: 4, shortest: 2 } as const;

/** A deployment's draft as it is measured and priced; a model is trained to `rung`. Its cache has the target's format. */
export function servedDraft(draft: Draft, rung: number, { kvCacheFormat }: Deployment): PairDraft {
  switch (draft.kind) {
    case 'lookup':
      return LOOKUP;
    case 'self':
      return { kind: 'self', nLayers: draft.nLayers };
    case 'model': {
      const { architecture, weightFormat } = draft;
      const deployment = uniformDeployment(architecture.layers.length, { weightFormat, kvCacheFormat });
      return {
        kind: 'model',
        model: { architecture, architectureHash: hashOf(architecture), rung, deployment },
      };
    }
  }
}

/** How often a target accepts what is drafted: measured round by round, or a share of the tested tokens. */
export interface Acceptance {
  readonly rounds: number | readonly MeasuredRound[];
  /** Below 1 for look-up that was not measured. */
  readonly proposalRatio?: number;
}

/** Target and draft on the accelerator, without what is accepted. */
type PairInput = Omit<SpeculationInput, 'acceptance'>;

/** Target and draft as the cost model wants them. `encodedRatios` are those of the target's layers. */
export function pairInput(
  target: Candidate,
  draft: PairDraft,
  { accelerator, workload, scale }: CostSetting,
  encodedRatios?: readonly number[],
): PairInput {
  const architecture = deployedArchitecture(target.architecture, scale);
  const { deployment } = target;
  const input: PairInput = {
    target: {
      architecture,
      deployment,
      accelerator,
      workload,
      ...(encodedRatios === undefined ? {} : { encodedRatios }),
    },
    maxDraftLength: LONGEST_DRAFT,
  };
  switch (draft.kind) {
    case 'lookup':
      return { ...input, lengthRule: 'skip' };
    case 'self': {
      const firstLayers = { ...architecture, layers: architecture.layers.slice(0, draft.nLayers) };
      const stored = { ...deployment, layers: deployment.layers.slice(0, draft.nLayers) };
      return { ...input, draft: { architecture: firstLayers, deployment: stored, sharesWeights: true } };
    }
    case 'model': {
      const { model } = draft;
      // One card is enough for a draft: sharing a small model costs more than it saves.
      const stored = { ...model.deployment, nCards: 1 };
      return {
        ...input,
        draft: { architecture: deployedArchitecture(model.architecture, scale), deployment: stored },
      };
    }
  }
}

/** What is expected of a draft that was not measured: see `docs/speculation.md`. */
export function expectedAcceptance(
  target: Architecture,
  draft: PairDraft,
  temperature: number,
  isAligned = false,
): Acceptance & { readonly rounds: number } {
  switch (draft.kind) {
    case 'lookup': {
      const { acceptance, proposalRatio } = expectedLookup(temperature);
      return { rounds: acceptance, proposalRatio };
    }
    case 'self': {
      const rounds = expectedSelfAcceptance(draft.nLayers / target.layers.length);
      return { rounds, proposalRatio: 1 };
    }
    case 'model': {
      const ratio = countParameters(draft.model.architecture) / countParameters(target);
      return { rounds: expectedModelAcceptance(ratio, isAligned), proposalRatio: 1 };
    }
  }
}

/** The pair at a draft length, at the best one where none is given; the target alone where drafting does not pay. */
export function pricePair(
  input: PairInput,
  { rounds, proposalRatio = 1 }: Acceptance,
  draftLength: number | 'best' = 'best',
): SpeculationEstimate {
  const known = { ...input, acceptance: rounds, proposalRatio };
  if (draftLength === 'best') return estimateSpeculation(known);
  const asked = estimateSpeculation({ ...known, draftLength });
  return asked.speedup > 1 ? asked : estimateSpeculation({ ...known, draftLength: 0 });
}

/** The acceptance above which one of the lengths pays; undefined where none would. */
function leastBreakEven(input: PairInput, lengths: readonly number[]): number | undefined {
  const longest = Math.max(...lengths);
  // All up to the longest are looked through at once.
  if (lengths.length === longest) return breakEvenAcceptance({ ...input, maxDraftLength: longest });
  const each = lengths.map((draftLength) => breakEvenAcceptance({ ...input, draftLength }));
  const known = each.filter((acceptance) => acceptance !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** The verdict on a pair at the lengths that are open to it. */
export function judgePair(
  input: PairInput,
  acceptance: Acceptance,
  draftLength: number | 'best',
): PairVerdict {
  const chosen = pricePair(input, acceptance, draftLength);
  const lengths =
    draftLength !== 'best'
      ? [draftLength]
      : typeof acceptance.rounds === 'number'
        ? Array.from({ length: LONGEST_DRAFT }, (_, i) => i + 1)
        : acceptance.rounds.map((round) => round.draftLength);
  const { rounds, proposalRatio = 1 } = acceptance;
  const known = { ...input, acceptance: rounds, proposalRatio };
  const shown =
    chosen.draftLength > 0
      ? chosen
      : lengths
          .map((length) => estimateSpeculation({ ...known, draftLength: length }))
          .reduce((best, each) => (each.speedup > best.speedup ? each : best));
  const plainSeconds = shown.target.decodeSecondsPerToken;
  // Rounds without a proposal are plain steps: they neither gain nor lose.
  const neededAcceptance = leastBreakEven(input, lengths);
  return {
    draftLength: chosen.draftLength,
    tokensPerRound: shown.expectedTokensPerRound,
    speedup: shown.speedup,
    draftRatio: shown.draftSecondsPerToken / plainSeconds,
    verifyRatio: shown.verifySeconds / plainSeconds,
    proposalRatio: typeof rounds === 'number' ? proposalRatio : 1 - rounds[0]!.drafted[0]!,
    ...(neededAcceptance === undefined ? {} : { neededAcceptance }),
  };
}

/** Two digits, or as many more as set a share apart from the one it is compared with. */
function distinct(share: number, other: number): string {
  const digits = [2, 3].find((n) => share.toFixed(n) !== other.toFixed(n)) ?? 4;
  return share.toFixed(digits);
}

/** In words why a pair pays or does not; `acceptance` is accepted over tested tokens. */
export function explainVerdict(verdict: PairVerdict, acceptance: number): string {
  const { draftLength, tokensPerRound, speedup, draftRatio, proposalRatio, neededAcceptance } = verdict;
  if (proposalRatio === 0) return 'does not pay: nothing is ever drafted';
  const step =
    draftRatio === 0
      ? 'drafts are free'
      : `a draft step costs ${formatNumber(draftRatio, 2)} of the target's`;
  const seldom = proposalRatio < 1 ? ` in the ${formatShare(proposalRatio)} of rounds that have one` : '';
  const needs =
    neededAcceptance === undefined
      ? 'and would not pay even if all of it were accepted'
      : `needs acceptance ${distinct(neededAcceptance, acceptance)}, has ${distinct(acceptance, neededAcceptance)}`;
  const why = `${step}${seldom}, ${needs}`;
  if (draftLength === 0) return `does not pay: ${why}`;
  return `pays ${speedup.toFixed(2)}x: ${why}; ${draftLength} drafted, ${formatNumber(tokensPerRound)} tokens a round`;
}
