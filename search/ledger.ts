// What has been asked and told: the state of every search, a pure fold over the sequence of asks and tells.
import { totalViolation } from './dominance.ts';
import type { Ask, Tell } from './port.ts';

interface RungResult {
  readonly objectives: readonly number[];
  readonly violations: readonly number[];
  readonly totalViolation: number;
  /** As it was told: present exactly where training had a head start. */
  readonly startValue?: number;
}

/** A distinct genome that was asked, with what is known of it at each rung. */
export interface Member<G> {
  readonly candidate: number;
  readonly key: string;
  readonly genome: G;
  readonly isBaseline: boolean;
  readonly rungs: (RungResult | 'pending' | 'failed' | undefined)[];
}

/** A member with its result at the rung in question. */
export interface Scored<G> {
  readonly member: Member<G>;
  readonly result: RungResult;
}

/** A genome to enter the lowest rung. */
export interface Proposal<G> {
  readonly genome: G;
  readonly key: string;
  readonly parents: readonly number[];
  readonly origin: Ask<G>['origin'];
}

export interface Ledger<G> {
  readonly members: readonly Member<G>[];
  /** Evaluations asked at each rung; the baseline's climbs and adopted members left out. */
  readonly nAskedAt: readonly number[];
  /** Members that entered at the lowest rung: all but the adopted ones. */
  readonly nEntered: number;
  readonly nPending: number;
  /** Counts the results told; equal counts mean an unchanged state of knowledge. */
  readonly nTold: number;
  has(key: string): boolean;
  enter(proposal: Proposal<G>): Ask<G>;
  /** Takes in a genome that starts at `rung`. It must not be known. */
  adopt(proposal: Proposal<G>, rung: number): Ask<G>;
  promote(member: Member<G>, rung: number): Ask<G>;
  tell(result: Tell): void;
  /** Members with a result at the rung, in the order told. */
  scoredAt(rung: number): readonly Scored<G>[];
  pendingAt(rung: number): Member<G>[];
}

/** The result in the search's own form. @throws RangeError on NaN or a wrong number of objectives. */
function checkedResult(result: Extract<Tell, { kind: 'ok' }>, nObjectives: number): RungResult {
  const { objectives, violations, number, startValue } = result;
  if (objectives.length !== nObjectives) {
    throw new RangeError(`evaluation ${number} has ${objectives.length} objectives, not ${nObjectives}`);
  }
  if ([...objectives, ...violations, startValue ?? 0].some(Number.isNaN)) {
    throw new RangeError(`evaluation ${number} has a value that is not a number: tell it as failed`);
  }
  const origin = startValue === undefined ? {} : { startValue };
  return { objectives, violations, totalViolation: totalViolation(violations), ...origin };
}

export function createLedger<G>(nObjectives: number): Ledger<G> {
  const members: Member<G>[] = [];
  const keys = new Set<string>();
  const scored: Scored<G>[][] = [];
  const pending = new Map<number, { readonly member: Member<G>; readonly rung: number }>();
  let nEntered = 0;
  let nAsked = 0;
  const nAskedAt: number[] = [];
  let nTold = 0;

  const ask = (
    member: Member<G>,
    rung: number,
    parents: readonly number[],
    origin: Ask<G>['origin'],
  ): Ask<G> => {
    const number = nAsked++;
    member.rungs[rung] = 'pending';
    pending.set(number, { member, rung });
    const { candidate, key, genome } = member;
    return { kind: 'evaluate', number, candidate, key, genome, rung, parents, origin };
  };

  const takeIn = ({ genome, key, parents, origin }: Proposal<G>, rung: number): Ask<G> => {
    const member = { candidate: members.length, key, genome, isBaseline: origin === 'baseline', rungs: [] };
    members.push(member);
    keys.add(key);
    return ask(member, rung, parents, origin);
  };

  const count = (rung: number) => {
    nAskedAt[rung] = (nAskedAt[rung] ?? 0) + 1;
  };

  return {
    members,
    nAskedAt,
    get nEntered() {
      return nEntered;
    },
    get nPending() {
      return pending.size;
    },
    get nTold() {
      return nTold;
    },
    has: (key) => keys.has(key),
    enter: (proposal) => {
      nEntered += 1;
      count(0);
      return takeIn(proposal, 0);
    },
    adopt: takeIn,
    promote: (member, rung) => {
      if (!member.isBaseline) count(rung);
      return ask(member, rung, [member.candidate], 'promotion');
    },
    tell: (result) => {
      const entry = pending.get(result.number);
      if (entry === undefined) throw new RangeError(`evaluation ${result.number} is not pending`);
      const value = result.kind === 'ok' ? checkedResult(result, nObjectives) : 'failed';
      pending.delete(result.number);
      entry.member.rungs[entry.rung] = value;
      nTold += 1;
      if (value === 'failed') return;
      scored[entry.rung] ??= [];
      scored[entry.rung]!.push({ member: entry.member, result: value });
    },
    scoredAt: (rung) => scored[rung] ?? [],
    pendingAt: (rung) =>
      [...pending.values()].filter((entry) => entry.rung === rung).map(({ member }) => member),
  };
}
