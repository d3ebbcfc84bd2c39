// Which kind of mutation a child gets: kinds whose children have been of use are drawn more often, none ever seldom.
import type { Rng } from '../space/random.ts';
import { dominates } from './dominance.ts';
import { uses } from './port.ts';
import type { SearchContext } from './proposer.ts';

/** The share of its usual rate that every kind keeps, whatever its children were. */
const FLOOR = 0.2;
/** Results that the usual rates count as much as: early luck moves little. */
const PRIOR_CHILDREN = 3;
const DRAWS = 1 << 20;

export interface MutationRates<G> {
  /** A kind for the next mutation of `genome`; undefined where the problem tells no kinds apart or rates are fixed. */
  draw(context: SearchContext<G>, genome: G, rng: Rng): string | undefined;
  /** Says by which kinds candidate `candidate` came about. */
  note(candidate: number, kinds: readonly string[]): void;
}

interface Record {
  nChildren: number;
  nUseful: number;
}

/**
 * Probability matching: rates follow success. A child is of use when, at the time it is told, no result of the lowest
 * rung dominates it. A fold over the results in the order told.
 */
export function createMutationRates<G>(): MutationRates<G> {
  const kindsOf = new Map<number, readonly string[]>();
  const records = new Map<string, Record>();
  const all: Record = { nChildren: 0, nUseful: 0 };
  let front: (readonly number[])[] = [];
  let nSeen = 0;

  const isUseful = (objectives: readonly number[]): boolean => {
    if (front.some((point) => dominates(point, objectives))) return false;
    front = [...front.filter((point) => !dominates(objectives, point)), objectives];
    return true;
  };
  const learn = ({ ledger }: SearchContext<G>): void => {
    const scored = ledger.scoredAt(0);
    for (const { member, result } of scored.slice(nSeen)) {
      const useful = result.totalViolation === 0 && isUseful(result.objectives);
      for (const kind of kindsOf.get(member.candidate) ?? []) {
        const record = records.get(kind) ?? { nChildren: 0, nUseful: 0 };
        records.set(kind, record);
        for (const each of [record, all]) {
          each.nChildren += 1;
          each.nUseful += Number(useful);
        }
      }
    }
    nSeen = scored.length;
  };
  /** Success of a kind over that of all, held towards 1 while it was tried little. */
  const meritOf = (kind: string): number => {
    const { nChildren, nUseful } = records.get(kind) ?? { nChildren: 0, nUseful: 0 };
    const usual = (all.nUseful + 1) / (all.nChildren + 2);
    return (nUseful + PRIOR_CHILDREN * usual) / (nChildren + PRIOR_CHILDREN) / usual;
  };

  return {
    draw: (context, genome, rng) => {
      const kinds = context.problem.mutationKinds?.(genome) ?? [];
      if (kinds.length < 2 || !uses(context.settings, 'adaptive-rates')) return undefined;
      learn(context);
      const weights = kinds.map(({ kind, share }) => share * meritOf(kind));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      let left = rng.below(DRAWS) / DRAWS;
      for (const [at, { kind, share }] of kinds.entries()) {
        left -= FLOOR * share + ((1 - FLOOR) * weights[at]!) / total;
        if (left < 0) return kind;
      }
      return kinds.at(-1)!.kind;
    },
    note: (candidate, kinds) => {
      if (kinds.length > 0) kindsOf.set(candidate, kinds);
    },
  };
}
