// How a run went: hypervolume over evaluations and over trained tokens, and what became of every evaluation.
import type { EvaluationOutline } from '../store/queries.ts';
import type { FrontRecord } from '../store/records.ts';

export interface CoursePoint {
  readonly generation: number;
  readonly evaluations: number;
  /** Tokens trained by then; a training that several candidates share counts once. */
  readonly tokens: number;
  readonly rung: number;
  readonly hypervolume: number;
}

/** The hypervolume of every generation. `evaluations` are sorted by number. */
export function courseOf(
  generations: readonly Omit<FrontRecord, 'members'>[],
  evaluations: readonly EvaluationOutline[],
): CoursePoint[] {
  const seen = new Set<string>();
  let tokens = 0;
  let at = 0;
  return generations.map(({ generation, nTold, rung, hypervolume }) => {
    for (; at < evaluations.length && evaluations[at]!.number < nTold; at++) {
      const { architectureHash, rung: trained, tokens: spent } = evaluations[at]!;
      const training = `${architectureHash}/${trained}`;
      if (spent === undefined || seen.has(training)) continue;
      seen.add(training);
      tokens += spent;
    }
    return { generation, evaluations: nTold, tokens, rung, hypervolume };
  });
}

export interface Ending {
  readonly state: string;
  readonly reason: string;
  readonly count: number;
  /** A candidate that ended so. */
  readonly example: number;
}

/** Reasons listed one by one; what is rarer is summed up. */
const MOST_REASONS = 40;

/** How evaluations ended that gave no usable result, the most frequent first. */
export function endingsOf(
  evaluations: readonly EvaluationOutline[],
  constraints: readonly string[],
): Ending[] {
  const endings = new Map<string, Ending>();
  for (const { state, reason, feasible, candidate, violations } of evaluations) {
    if (state === 'ok' && feasible) continue;
    const broken = constraints.filter((_, at) => (violations[at] ?? 0) > 0).join(', ');
    const why = state === 'ok' ? `trained, but breaks ${broken}` : (reason ?? 'no reason given');
    const name = JSON.stringify([state, why]);
    const known = endings.get(name);
    endings.set(name, {
      state: state === 'ok' ? 'breaks a constraint' : state,
      reason: why,
      count: (known?.count ?? 0) + 1,
      example: known?.example ?? candidate,
    });
  }
  const sorted = [...endings.values()].sort((a, b) => b.count - a.count);
  if (sorted.length <= MOST_REASONS) return sorted;
  const rest = sorted.slice(MOST_REASONS);
  const count = rest.reduce((sum, each) => sum + each.count, 0);
  const summary = {
    state: 'others',
    reason: `${rest.length} rarer reasons`,
    count,
    example: rest[0]!.example,
  };
  return [...sorted.slice(0, MOST_REASONS), summary];
}
