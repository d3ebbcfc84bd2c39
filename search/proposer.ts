// How an algorithm takes part in a search: it proposes genomes for the lowest rung, and nothing else.
import type { Rng } from '../space/random.ts';
import { totalViolation } from './dominance.ts';
import type { Ledger, Member, Proposal } from './ledger.ts';
import { type Problem, type SearchSettings, type SurrogateReport, uses } from './port.ts';
import type { Prospect } from './prospects.ts';

export interface SearchContext<G> {
  readonly problem: Problem<G>;
  readonly settings: SearchSettings;
  readonly ledger: Ledger<G>;
  /** Tells the search about genomes that it turned down. */
  reject(reason: 'infeasible' | 'duplicate'): void;
}

export interface Proposer<G> {
  /** `undefined`: no new genome can be found, now or later. `wait`: none before a further result. */
  propose(context: SearchContext<G>): Proposal<G> | 'wait' | undefined;
  /** What a member is expected to have at the highest rung; undefined while that is not known. */
  outlook?(context: SearchContext<G>, member: Member<G>): readonly number[] | undefined;
  /** Undefined while nothing can be foretold: then a fixed share climbs. */
  prospects?(context: SearchContext<G>): Prospects<G> | undefined;
  reports?(): readonly SurrogateReport[];
}

/** What may be gained by training on; `starting` while the first sample is not complete. */
export type Prospects<G> =
  | 'starting'
  | {
      /** Of a member, by a result at `rung`. */
      of(member: Member<G>, rung: number): readonly Prospect[];
      /** Of the best genome that is not known yet, by a result at the lowest rung. */
      readonly fresh: readonly Prospect[];
    };

/** A genome that was looked at before being asked. */
export interface Draft<G> {
  readonly genome: G;
  readonly key: string;
  /** Of the constraints that need no training. */
  readonly totalViolation: number;
}

export function draftOf<G>(problem: Problem<G>, genome: G): Draft<G> {
  return {
    genome,
    key: problem.key(genome),
    totalViolation: totalViolation(problem.facts(genome).violations),
  };
}

/** Whether the draft may be asked; counts the rejection if not. */
export function admits<G>(context: SearchContext<G>, draft: Draft<G>): boolean {
  if (context.ledger.has(draft.key)) {
    context.reject('duplicate');
    return false;
  }
  if (draft.totalViolation > 0 && uses(context.settings, 'constraint-check')) {
    context.reject('infeasible');
    return false;
  }
  return true;
}

const SAMPLE_TRIES = 200;
const CLIMB_TRIES = 800;

/**
 * A fresh feasible genome: random samples first; where those all break a constraint, a climb by mutation from the one
 * that breaks the constraints least. Undefined when neither finds anything new.
 */
export function sampleFeasible<G>(context: SearchContext<G>, rng: Rng): Draft<G> | undefined {
  const { problem } = context;
  const misses: Draft<G>[] = [];
  for (let attempt = 0; attempt < SAMPLE_TRIES; attempt++) {
    const draft = draftOf(problem, problem.sample(rng));
    if (admits(context, draft)) return draft;
    if (draft.totalViolation > 0) misses.push(draft);
  }
  if (misses.length === 0) return undefined;
  let least = misses.reduce((a, b) => (b.totalViolation < a.totalViolation ? b : a));
  for (let attempt = 0; attempt < CLIMB_TRIES; attempt++) {
    const draft: Draft<G> = draftOf(problem, problem.mutate(least.genome, rng));
    if (admits(context, draft)) return draft;
    if (draft.totalViolation > 0 && draft.totalViolation <= least.totalViolation) least = draft;
  }
  return undefined;
}
