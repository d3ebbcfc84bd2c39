// A trained candidate with the drafts that it could have: measured, priced, and which is best.

import type { SamplingSettings } from '../../evaluators/generation/sampling.ts';
import type { Evaluator, PairDraft, PairSuccess } from '../../evaluators/index.ts';
import { estimateSpeculation } from '../../hardware/index.ts';
import { countParameters } from '../../space/architecture.ts';
import type { Candidate } from '../../space/candidate.ts';
import { failureFields } from '../loop/outcome-record.ts';
import type { CostSetting } from '../plan/cost-setting.ts';
import { expectedAcceptance, judgePair, pairInput } from '../plan/speculation.ts';
import { RunError } from '../run-error.ts';
import type { PairVerdict } from '../store/records.ts';
import type { ServedCandidate } from './served.ts';

/** A draft under the name that it goes by in tables. */
export interface NamedDraft {
  readonly name: string;
  readonly draft: PairDraft;
  /** How the run serves it with its target, where it does. */
  readonly served?: {
    /** 0 = as it was trained. */
    readonly alignmentSteps: number;
    /** 0 = not at all, since it does not pay. */
    readonly draftLength: number;
    readonly confidence: number;
  };
}

export interface PairRow {
  readonly draft: string;
  readonly kind: PairDraft['kind'];
  /** Of the trained models: what draft and target have in common is not counted. */
  readonly parameters: number;
  readonly alignmentSteps: number;
  /** Mean over all positions; absent for look-up. */
  readonly acceptance?: number;
  readonly standardError?: number;
  readonly expectedAcceptance: number;
  readonly lengths: readonly {
    readonly draftLength: number;
    readonly acceptedOverTested: number;
    readonly tokensPerRound: number;
    readonly secondsPerToken: number;
    readonly speedup: number;
  }[];
  readonly verdict: PairVerdict;
}

export interface PairTableOptions {
  readonly evaluator: Required<Evaluator>;
  readonly target: ServedCandidate;
  readonly drafts: readonly NamedDraft[];
  readonly setting: CostSetting;
  readonly sampling: SamplingSettings;
  readonly draftLengths: readonly number[];
  /** Steps by which draft models are aligned for a second measurement; 0 = none. */
  readonly alignmentSteps: number;
  readonly onStart?: (draft: string, alignmentSteps: number) => void;
}

/** Measures and prices every draft; the rows are in the order of the drafts, plain before aligned. @throws {@link RunError} */
export async function pairTable(options: PairTableOptions): Promise<PairRow[]> {
  const { target, drafts, alignmentSteps, onStart } = options;
  const rows: PairRow[] = [];
  for (const named of drafts) {
    const asked = named.draft.kind === 'model' ? alignmentSteps : 0;
    const steps = new Set([0, named.served?.alignmentSteps ?? 0, asked]);
    for (const each of steps) {
      onStart?.(named.name, each);
      const measured = await measure(options, named, each);
      rows.push(rowOf(options, target.candidate, named, each, measured));
    }
  }
  return rows;
}

async function measure(
  { evaluator, target, sampling, draftLengths }: PairTableOptions,
  { name, draft, served }: NamedDraft,
  alignmentSteps: number,
): Promise<PairSuccess> {
  const { confidence = 0 } = served ?? {};
  const task = { target: target.task, draft, sampling, confidence, draftLengths, alignmentSteps };
  const outcome = await evaluator.pair(task);
  if (outcome.kind === 'ok') return outcome;
  const { state, reason = state } = failureFields(outcome);
  throw new RunError(`${name} could not be measured as a draft: ${reason}`);
}

function rowOf(
  { setting, sampling }: PairTableOptions,
  target: Candidate,
  { name, draft }: NamedDraft,
  alignmentSteps: number,
  { acceptance, standardError, lengths }: PairSuccess,
): PairRow {
  const input = pairInput(target, draft, setting);
  const priced = lengths.map(({ draftLength, acceptedOverTested, tokensPerRound }) => {
    const { decodeSecondsPerToken: secondsPerToken, speedup } = estimateSpeculation({
      ...input,
      acceptance: lengths,
      draftLength,
    });
    return { draftLength, acceptedOverTested, tokensPerRound, secondsPerToken, speedup };
  });
  return {
    draft: name,
    kind: draft.kind,
    parameters: draft.kind === 'model' ? countParameters(draft.model.architecture) : 0,
    alignmentSteps,
    ...(acceptance === undefined ? {} : { acceptance }),
    ...(standardError === undefined ? {} : { standardError }),
    expectedAcceptance: expectedAcceptance(
      target.architecture,
      draft,
      sampling.temperature,
      alignmentSteps > 0,
    ).rounds,
    lengths: priced,
    verdict: judgePair(
      { ...input, maxDraftLength: Math.max(...lengths.map((each) => each.draftLength)) },
      { rounds: lengths },
      'best',
    ),
  };
}
