// Candidates by the names that people have for them: a number, the beginning of a key, or what makes one stand out.
import { metricOf, metricTable } from '../../space/metrics.ts';
import { RunError } from '../run-error.ts';
import type { RunReader } from '../store/queries.ts';
import type { CandidateRecord } from '../store/records.ts';
import { noFrontYet, queryFront } from './front-query.ts';
import { markLabels, marksOf } from './marks.ts';
import { pickMember } from './pick.ts';

/** How a candidate may be named; for help. */
export const CANDIDATE_ARGUMENT =
  "a candidate's number, the beginning of its key, or one that stands out: knee, pick, lowest-loss";

/** Names that stand for a member of the newest front. */
const STANDS_OUT = /^(?:knee|pick|(?:lowest|highest)[ -][a-z]\w*)$/i;

/**
 * The candidate of a run that is meant.
 * @throws {@link StoreError} where there is none; {@link RunError} where no member of the front stands out so
 */
export function namedCandidate(reader: RunReader, runId: string, name: string): CandidateRecord {
  if (!STANDS_OUT.test(name)) return reader.resolveCandidate(runId, name);
  const details = reader.run(runId);
  const metrics = metricTable(details.spec);
  const objectives = details.objectives.map(({ metric }) => metric);
  const sort = { metric: objectives[0]!, descending: metricOf(metrics, objectives[0]!).better === 'higher' };
  const members = queryFront(reader, runId, { sort })?.members ?? [];
  if (members.length === 0) throw new RunError(noFrontYet(details));
  const values = members.map(({ evaluation }) => evaluation.values);
  const wanted = name.replace('-', ' ').toLowerCase();
  if (wanted === 'pick') {
    const alike = objectives.map((metric) => ({ metric, weight: 1 }));
    return members[pickMember(alike, values, metrics).at]!.candidate;
  }
  const labels = markLabels(marksOf(objectives, values, metrics), members.length, metrics).map((label) =>
    label.split(', ').filter((each) => each !== ''),
  );
  const at = labels.findIndex((each) => each.some((label) => label.toLowerCase() === wanted));
  if (at >= 0) return members[at]!.candidate;
  const known = ['pick', ...labels.flat().map((label) => label.replace(' ', '-'))].join(', ');
  throw new RunError(`no member of the front of run ${runId} is "${name}"; those that stand out: ${known}`);
}
