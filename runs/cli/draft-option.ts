// Drafts as people name them on the command line: a candidate, the first layers, look-up.
import { hashOf } from '../../space/candidate.ts';
import type { RunSpec } from '../../space/spec.ts';
import { namedCandidate } from '../candidates/named-candidate.ts';
import type { NamedDraft } from '../candidates/pair.ts';
import {
  measuredDrafts,
  type ServedCandidate,
  selfDepths,
  servedCandidate,
  smallerCandidates,
} from '../candidates/served.ts';
import { describeDraft } from '../describe.ts';
import { LOOKUP, servedDraft } from '../plan/speculation.ts';
import type { RunReader } from '../store/queries.ts';
import { UsageError } from './terminal.ts';

/** How a draft may be named. */
export const DRAFT_FORMS =
  "a candidate's number or key, self:N for the target's first N layers, lookup, or own for what the run gave it";

function selfDraft(nLayers: number, nTotal: number): NamedDraft {
  return { name: `first ${nLayers} of ${nTotal} layers`, draft: { kind: 'self', nLayers } };
}

function modelDraft({ candidate, task }: ServedCandidate): NamedDraft {
  return { name: `candidate ${candidate.number}`, draft: { kind: 'model', model: task } };
}

const LOOKUP_DRAFT: NamedDraft = { name: 'look-up', draft: LOOKUP };

/** The draft of `target` that `text` names. @throws UsageError, StoreError, RunError */
export function namedDraft(
  text: string,
  reader: RunReader,
  runId: string,
  target: ServedCandidate,
  spec: RunSpec,
): NamedDraft {
  if (text === 'own') return ownDraft(target, spec);
  if (text === 'lookup') return LOOKUP_DRAFT;
  const nTotal = target.candidate.architecture.layers.length;
  const self = /^self:(\d{1,4})$/.exec(text);
  if (self !== null) {
    const nLayers = Number(self[1]);
    if (nLayers > 0 && nLayers < nTotal) return selfDraft(nLayers, nTotal);
    throw new UsageError(
      `--draft ${text}: candidate ${target.candidate.number} has ${nTotal} layers, some must be left out`,
    );
  }
  if (text.startsWith('self'))
    throw new UsageError(`--draft ${text}: write self:N, N layers from the first on`);
  const candidate = namedCandidate(reader, runId, text);
  if (candidate.architectureHash === target.candidate.architectureHash)
    throw new UsageError(`--draft ${text}: that is the target itself; self:N takes its first layers`);
  return modelDraft(servedCandidate(reader, runId, candidate));
}

/** The draft that the run gave the target, as it serves. @throws UsageError where it has none. */
export function ownDraft(target: ServedCandidate, { training, draft: asked }: RunSpec): NamedDraft {
  const { candidate, speculation } = target;
  const { draft } = candidate.deployment;
  if (draft === undefined)
    throw new UsageError(`--draft own: candidate ${candidate.number} has no draft of its own`);
  return {
    name: `own draft (${describeDraft(draft)})`,
    draft: servedDraft(draft, training.rungs.length - 1, candidate.deployment),
    served: {
      alignmentSteps: speculation?.source === 'aligned' ? asked!.alignmentSteps : 0,
      draftLength: speculation?.draftLength ?? 0,
      confidence: draft.confidence,
    },
  };
}

/**
 * What is worth a look where no draft is named: the target's own, draft models and smaller candidates that the run
 * trained, first layers, look-up.
 */
export function defaultDrafts(
  reader: RunReader,
  runId: string,
  target: ServedCandidate,
  spec: RunSpec,
): NamedDraft[] {
  const { architecture, deployment } = target.candidate;
  const nTotal = architecture.layers.length;
  const topRung = spec.training.rungs.length - 1;
  const drafts: NamedDraft[] = [
    ...(deployment.draft === undefined ? [] : [ownDraft(target, spec)]),
    ...measuredDrafts(reader, runId).map((draft) => ({
      name: describeDraft(draft),
      draft: servedDraft(draft, topRung, deployment),
    })),
    ...smallerCandidates(reader, runId, target).map(modelDraft),
    ...selfDepths(architecture).map((nLayers) => selfDraft(nLayers, nTotal)),
    LOOKUP_DRAFT,
  ];
  const distinct = new Map<string, NamedDraft>();
  for (const each of drafts) {
    const key = hashOf(each.draft);
    if (!distinct.has(key)) distinct.set(key, each);
  }
  return [...distinct.values()];
}
