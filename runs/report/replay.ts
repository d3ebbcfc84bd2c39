// What a search turned down before it asked for it is not stored. But the search is a fold over its asks and tells, so
// replaying the stored results counts it again, exactly.
import { createSearch, type RejectionCounts } from '../../search/index.ts';
import type { RunSpec } from '../../space/spec.ts';
import { hypervolumeBox } from '../loop/fronts.ts';
import { searchSettings } from '../plan/budget.ts';
import { type RunProblem, toMinimised } from '../plan/problem.ts';
import type { EvaluationResult } from '../store/queries.ts';
import type { CandidateRecord, StoredObjective } from '../store/records.ts';

/**
 * Genomes that the run's search turned down, by a replay over its evaluations, sorted by number. `undefined` where what is stored cannot be what
 * this version's search asks for, or where `isLate` says that it takes too long.
 */
export function countRejections(
  spec: RunSpec,
  problem: RunProblem,
  objectives: readonly StoredObjective[],
  candidates: ReadonlyMap<number, CandidateRecord>,
  evaluations: readonly EvaluationResult[],
  isLate: () => boolean,
): RejectionCounts | undefined {
  const { reference } = hypervolumeBox(objectives, problem.metrics);
  const search = createSearch(
    { ...problem, reference },
    spec.search.algorithm,
    searchSettings(spec),
    spec.baseline,
  );
  const { lag } = spec.search;
  let nAsked = 0;
  let nTold = 0;
  const tellNext = () => {
    const evaluation = evaluations[nTold++]!;
    search.tell(tellOf(evaluation, problem));
    // Further deployments were adopted right after the result that they go back to.
    for (; evaluations[nAsked]?.number === nAsked; nAsked++) {
      const { candidate, rung } = evaluations[nAsked]!;
      const { origin, parents, architecture, deployment } = candidates.get(candidate)!;
      if (origin !== 'adopted' || parents[0] !== evaluation.candidate) break;
      search.adopt({ architecture, deployment }, rung, parents);
    }
  };
  for (;;) {
    if (isLate()) return undefined;
    if (nAsked - nTold >= lag) {
      if (evaluations[nTold]?.number !== nTold) break;
      tellNext();
      continue;
    }
    const ask = search.ask();
    if (ask.kind === 'evaluate') {
      const stored = evaluations[nAsked];
      // The newest asks of a run that goes on have no result yet.
      if (stored?.number === nAsked && candidates.get(stored.candidate)?.key !== ask.key) return undefined;
      nAsked++;
    } else if (nTold < nAsked && evaluations[nTold]?.number === nTold) tellNext();
    else break;
  }
  return search.rejections();
}

function tellOf(evaluation: EvaluationResult, problem: RunProblem) {
  const { number, state, violations, values, inheritedLoss } = evaluation;
  if (state !== 'ok') return { kind: 'failed', number } as const;
  const objectives = problem.objectives.map((metric) =>
    toMinimised(problem.metrics, metric, values[metric]!),
  );
  const origin = inheritedLoss === undefined ? {} : { startValue: inheritedLoss };
  return { kind: 'ok', number, objectives, violations, ...origin } as const;
}
