// Successive halving by all objectives at once: who may climb to the next rung.
import { nonDominatedSort, orderByRankAndCrowding } from './dominance.ts';
import { referenceBeyond } from './front.ts';
import { hypervolumeGain } from './hypervolume.ts';
import type { Ledger, Member, Scored } from './ledger.ts';
import { type SearchSettings, uses } from './port.ts';

/** How many of `n` results of a rung climb on. At least one does once the rung is complete. */
function quotaOf(n: number, eta: number, isComplete: boolean): number {
  const share = Math.floor(n / eta);
  return isComplete && n > 0 ? Math.max(1, share) : share;
}

/** Evaluations per rung of a run in which nothing fails, without those of a baseline above the lowest rung. */
export function rungSizes(settings: Pick<SearchSettings, 'nCandidates' | 'nRungs' | 'eta'>): number[] {
  const sizes = [settings.nCandidates];
  while (sizes.length < settings.nRungs) sizes.push(quotaOf(sizes.at(-1)!, settings.eta, true));
  return sizes;
}

/**
 * Results from best to worst: constrained non-dominated rank, then crowding, over all objectives at that rung; ties go
 * by candidate number.
 */
export function bestFirst<G>(unordered: readonly Scored<G>[]): Scored<G>[] {
  const scored = unordered.toSorted((a, b) => a.member.candidate - b.member.candidate);
  const { order } = orderByRankAndCrowding(
    scored.map(({ result }) => result.objectives),
    scored.map(({ result }) => result.totalViolation),
  );
  return order.map((at) => scored[at]!);
}

/** By what the value of a climb is judged. */
export interface ClimbingView<G> {
  /** What hypervolume is measured from; by default beyond the worst of the front. */
  readonly reference: readonly number[] | undefined;
  /** What a member is expected to have at the highest rung; by default what it has at this one. */
  readonly outlook?: ((member: Member<G>) => readonly number[] | undefined) | undefined;
}

/**
 * Which of `waiting` climbs: the one that adds most hypervolume to what has climbed already, so that a rung gets a
 * spread front and not the neighbourhood of one good member. Where none adds any (or none is feasible), the best by
 * constrained rank and crowding.
 */
function bestToClimb<G>(
  waiting: readonly Scored<G>[],
  climbed: readonly Scored<G>[],
  { reference, outlook }: ClimbingView<G>,
): Scored<G> {
  const isFeasible = ({ result }: Scored<G>) => result.totalViolation === 0;
  const candidates = bestFirst(waiting);
  const objectivesOf = (one: Scored<G>) => outlook?.(one.member) ?? one.result.objectives;
  const taken = climbed.filter(isFeasible).map(objectivesOf);
  const feasible = candidates.filter(isFeasible).map(objectivesOf);
  const corner = reference ?? referenceBeyond([...taken, ...feasible]);
  const rank = nonDominatedSort(feasible);
  const front = nonDominatedSort(taken);
  const barrier = taken.filter((_, at) => front[at] === 0);
  let best = candidates[0]!;
  let most = 0;
  // What a waiting member dominates gains less than it; feasible members come first.
  for (const [at, objectives] of feasible.entries()) {
    if (rank[at] !== 0) continue;
    const gain = hypervolumeGain(objectives, barrier, corner);
    if (gain > most) [best, most] = [candidates[at]!, gain];
  }
  return best;
}

export interface Promotion<G> {
  readonly member: Member<G>;
  readonly rung: number;
}

/** The baseline climbs as soon as it can and takes no one's place. */
export function baselineClimb<G>(ledger: Ledger<G>, { nRungs }: SearchSettings): Promotion<G> | undefined {
  const member = ledger.members.find((one) => one.isBaseline);
  if (member === undefined) return undefined;
  for (let rung = 0; rung + 1 < nRungs; rung++) if (canClimb(member, rung)) return { member, rung: rung + 1 };
  return undefined;
}

/**
 * The next climb, the highest rung first; undefined while none is due. At any time floor(n / eta) of a rung's n
 * results have been promoted, so nobody waits for a rung to fill (the promotion rule of ASHA, Li et al. 2020, with
 * the multi-objective rank of MO-ASHA, Schmucker et al. 2021, and a strict quota). `entryClosed` says that the
 * lowest rung gets no further candidates. Where results are judged as they were measured, those with a head start have
 * a quota of their own.
 */
export function nextPromotion<G>(
  ledger: Ledger<G>,
  settings: SearchSettings,
  entryClosed: boolean,
  view: ClimbingView<G>,
): Promotion<G> | undefined {
  const ofBaseline = baselineClimb(ledger, settings);
  if (ofBaseline !== undefined) return ofBaseline;
  let due: Promotion<G> | undefined;
  let feederDone = entryClosed;
  for (let rung = 0; rung + 1 < settings.nRungs; rung++) {
    const isComplete = feederDone && ledger.pendingAt(rung).every((member) => member.isBaseline);
    const results = ledger.scoredAt(rung).filter(({ member }) => !member.isBaseline);
    let isSettled = true;
    // What is expected at the top compares; what was measured so early only among its like.
    const likes = view.outlook === undefined ? partition(results, hasHeadStart) : [results];
    for (const scored of likes) {
      const [climbed, waiting] = partition(scored, ({ member }) => !canClimb(member, rung));
      if (quotaOf(scored.length, settings.eta, isComplete) <= climbed.length) continue;
      const best = uses(settings, 'gain-promotion')
        ? bestToClimb(waiting, climbed, view)
        : bestFirst(waiting)[0]!;
      due = { member: best.member, rung: rung + 1 };
      isSettled = false;
    }
    feederDone = isComplete && isSettled;
  }
  return due;
}

const hasHeadStart = ({ result }: Scored<unknown>): boolean => result.startValue !== undefined;

function partition<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}

function canClimb<G>(member: Member<G>, rung: number): boolean {
  return typeof member.rungs[rung] === 'object' && member.rungs[rung + 1] === undefined;
}
