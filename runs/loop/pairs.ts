// Pairs of a run: how much each deployed target accepts of a draft, one measurement for each, before and after alignment.
// What is stored is not measured again; what is under way is shared; a failure is tried once more.
import type { PairOutcome } from '../../evaluators/outcome.ts';
import type { Evaluator, PairTask } from '../../evaluators/port.ts';
import { type Candidate, hashOf } from '../../space/candidate.ts';
import { type Draft, longestDraft } from '../../space/draft.ts';
import type { DraftSpec } from '../../space/spec.ts';
import { LONGEST_DRAFT, servedDraft } from '../plan/speculation.ts';
import type { PairRecord } from '../store/records.ts';
import { attemptUntilSettled, groupBy, Interrupted, type Settled, settlementOf } from './attempts.ts';
import type { Limiter } from './limiter.ts';
import { servingTask, storedHash } from './measurements.ts';
import { failureFields, failureOfError } from './outcome-record.ts';

export type SettledPair = Settled<PairRecord>;

export interface PairsOptions {
  readonly evaluator: Pick<Required<Evaluator>, 'pair'>;
  readonly limit: Limiter;
  readonly spec: DraftSpec;
  readonly known: readonly PairRecord[];
  readonly signal: AbortSignal;
  readonly now: () => number;
  readonly store: (pair: PairRecord) => void;
}

export interface Pairs {
  /** Steps by which a draft may be aligned; 0 = never. */
  readonly alignmentSteps: number;
  /**
   * Measures the draft of a candidate whose target and draft are trained to `rung`, aligned or as it is.
   * @throws {@link Interrupted}, and what `store` throws.
   */
  measure(candidate: Candidate, draft: Draft, rung: number, isAligned: boolean): Promise<SettledPair>;
}

/** Names a draft by what of it decides acceptance: how many tokens it drafts does not. */
export function draftHash(draft: Draft): string {
  const { draftLength: _, ...decisive } = draft;
  return hashOf(decisive);
}

/** Every length that a candidate of the run can be priced at and that its texts are long enough for. */
function measuredLengths({ choices }: DraftSpec, contextLength: number): number[] {
  const upToLongest = Array.from({ length: LONGEST_DRAFT }, (_, i) => i + 1);
  const asked = choices.draftLength.filter((length) => typeof length === 'number');
  const fitting = [...upToLongest, ...asked].filter((length) => length <= longestDraft(contextLength));
  return [...new Set(fitting)].sort((a, b) => a - b);
}

/** The pairs of one run. */
export function createPairs(options: PairsOptions): Pairs {
  const { evaluator, limit, spec, signal, now } = options;
  const { temperature, topP, alignmentSteps } = spec;
  const measuring = new Map<string, Promise<SettledPair>>();
  const nameOf = (pair: Omit<PairRecord, 'attempt' | 'state' | 'draft' | 'wallSeconds'>) =>
    [pair.architectureHash, pair.rung, pair.deploymentHash, pair.draftHash, pair.alignmentSteps].join('/');
  const earlier = groupBy(options.known, nameOf);

  const attempt = async (task: PairTask): Promise<{ outcome: PairOutcome; wallSeconds: number }> =>
    limit(
      async () => {
        if (signal.aborted) throw new Interrupted('stopped before measuring a pair');
        const startedAt = now();
        const outcome = await evaluator.pair(task, signal).catch(failureOfError);
        return { outcome, wallSeconds: (now() - startedAt) / 1000 };
      },
      task.alignmentSteps > 0 ? 'long' : 'short',
    );

  return {
    alignmentSteps,
    measure: (candidate, draft, rung, isAligned) => {
      const architectureHash = hashOf(candidate.architecture);
      const key = {
        architectureHash,
        rung,
        deploymentHash: storedHash(candidate.deployment),
        draftHash: draftHash(draft),
        alignmentSteps: isAligned ? alignmentSteps : 0,
      };
      const name = nameOf(key);
      const task: PairTask = {
        target: servingTask(candidate, architectureHash, rung),
        draft: servedDraft(draft, rung, candidate.deployment),
        sampling: { temperature, topP },
        confidence: draft.confidence,
        draftLengths: measuredLengths(spec, candidate.architecture.contextLength),
        alignmentSteps: key.alignmentSteps,
      };
      const attemptOnce = async (number: number): Promise<PairRecord> => {
        const { outcome, wallSeconds } = await attempt(task);
        return { ...key, attempt: number, draft, wallSeconds, ...fieldsOf(outcome) };
      };
      const attempts = earlier.get(name) ?? [];
      const settled = settlementOf(attempts);
      const work =
        measuring.get(name) ??
        (settled === undefined
          ? attemptUntilSettled(attempts, attemptOnce, options.store)
          : Promise.resolve(settled));
      measuring.set(name, work);
      return work;
    },
  };
}

function fieldsOf(
  outcome: PairOutcome,
): Pick<PairRecord, 'state' | 'reason' | 'acceptance' | 'standardError' | 'lengths'> {
  if (outcome.kind !== 'ok') return failureFields(outcome);
  const { kind: state, seconds: _, ...measured } = outcome;
  return { state, ...measured };
}
