// Drafts as people name them on the command line: a candidate, the first layers, look-up.
import type { NamedDraft } from '../pair.ts';
import { type ServedCandidate, selfDepths, servedCandidate, smallerCandidates } from '../served.ts';
import { LOOKUP } from '../speculation.ts';
import type { RunReader } from '../store/queries.ts';
import { UsageError } from './terminal.ts';

/** How a draft may be named. */
export const DRAFT_FORMS = "a candidate's number or key, self:N for the target's first N layers, or lookup";

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
): NamedDraft {
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
  const candidate = reader.resolveCandidate(runId, text);
  if (candidate.architectureHash === target.candidate.architectureHash)
    throw new UsageError(`--draft ${text}: that is the target itself; self:N takes its first layers`);
  return modelDraft(servedCandidate(reader, runId, candidate));
}

/** What is worth a look where no draft is named: smaller models that the run trained, first layers, look-up. */
export function defaultDrafts(reader: RunReader, runId: string, target: ServedCandidate): NamedDraft[] {
  const { architecture } = target.candidate;
  const nTotal = architecture.layers.length;
  return [
    ...smallerCandidates(reader, runId, target).map(modelDraft),
    ...selfDepths(architecture).map((nLayers) => selfDraft(nLayers, nTotal)),
    LOOKUP_DRAFT,
  ];
}
