// What a target is foretold to accept of drafts that it was not measured with, from the pairs that were told so far. A
// fold over results in the order told.
import { fitAcceptance, type MeasuredPair } from '../../evaluators/speculation/predict-acceptance.ts';
import { type Architecture, countParameters } from '../../space/architecture.ts';
import { type Candidate, hashOf } from '../../space/candidate.ts';
import type { Draft } from '../../space/draft.ts';
import type { DraftSetting } from '../plan/cost-setting.ts';
import { type Acceptance, expectedAcceptance, servedDraft } from '../plan/speculation.ts';
import type { LearntPair } from './pairing.ts';

/** Pairs of models below which the law of sizes foretells better than a fit. */
const FEWEST_PAIRS = 4;
/** The last ones that a fit rests on. */
const MOST_PAIRS = 64;

/** A pair that was measured, with its target. */
interface ToldPair {
  readonly target: Architecture;
  /** Bits per byte of the target as it was trained. */
  readonly targetLoss: number;
  readonly pair: LearntPair;
}

export interface PairForecast {
  learn(told: ToldPair): void;
  /** Draft models that some target was measured with, in the order in which they were told. */
  models(): Architecture[];
  /** How often the candidate is foretold to accept its draft; undefined = what is expected before any measurement. */
  foretell(candidate: Candidate, draft: Draft, targetLoss: number): Acceptance | undefined;
}

const logit = (p: number): number => Math.log(p / (1 - p));
const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
const inside = (p: number): number => Math.min(0.999, Math.max(0.001, p));
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** The forecast of one run; drafts are taken to be aligned where the run aligns them. */
export function createPairForecast({ temperature, isAligned }: DraftSetting): PairForecast {
  const models = new Map<string, { readonly architecture: Architecture; readonly loss: number }>();
  const pairs: MeasuredPair[] = [];
  const gains: number[] = [];
  /** By how much first layers were accepted more than expected, in logits. */
  const selfSurplus: number[] = [];
  let lookup: Acceptance | undefined;

  return {
    learn({ target, targetLoss, pair }) {
      const { draft, draftLoss, acceptance, alignedAcceptance, rounds } = pair;
      if (draft.kind === 'lookup') lookup = { rounds };
      if (draft.kind === 'self') {
        const depth = target.layers.length;
        const served = { kind: 'self', nLayers: draft.nLayers } as const;
        const { rounds: expected } = expectedAcceptance(target, served, temperature);
        if (depth > 1) selfSurplus.push(logit(inside(acceptance)) - logit(inside(expected)));
      }
      if (draft.kind !== 'model' || draftLoss === undefined) return;
      if (alignedAcceptance !== undefined)
        gains.push(logit(inside(alignedAcceptance)) - logit(inside(acceptance)));
      const { architecture } = draft;
      const group = hashOf(architecture);
      models.set(group, { architecture, loss: draftLoss });
      pairs.push({
        targetBitsPerByte: targetLoss,
        draftBitsPerByte: draftLoss,
        targetParameters: countParameters(target),
        draftParameters: countParameters(architecture),
        acceptance,
        group,
      });
    },
    models: () => [...models.values()].map(({ architecture }) => architecture),
    foretell(candidate, draft, targetLoss) {
      const { architecture: target, deployment } = candidate;
      const served = servedDraft(draft, 0, deployment);
      if (draft.kind === 'lookup') return lookup;
      if (draft.kind === 'self') {
        if (selfSurplus.length === 0) return undefined;
        const { rounds } = expectedAcceptance(target, served, temperature);
        return { rounds: logistic(logit(rounds) + mean(selfSurplus)) };
      }
      const known = models.get(hashOf(draft.architecture));
      if (known === undefined || pairs.length < FEWEST_PAIRS) return undefined;
      const plain = fitAcceptance(pairs.slice(-MOST_PAIRS)).predict({
        targetBitsPerByte: targetLoss,
        draftBitsPerByte: known.loss,
        targetParameters: countParameters(target),
        draftParameters: countParameters(draft.architecture),
      });
      const gain = isAligned && gains.length > 0 ? mean(gains) : 0;
      return { rounds: logistic(logit(inside(plain)) + gain) };
    },
  };
}
