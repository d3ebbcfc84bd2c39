// Where a guided search over rungs spends its training: whatever promises most hypervolume for its cost comes next.

import type { Promotion } from './halving.ts';
import { rungSizes } from './halving.ts';
import type { Ledger } from './ledger.ts';
import type { SearchSettings } from './port.ts';
import type { Prospects } from './proposer.ts';
import { indexOf } from './prospects.ts';

/** Costs are sums of what callers pass: this much of a difference is none. */
const SLACK = 1e-9;

/** What one evaluation at each rung costs beyond the rung below. */
function costsOf({ rungCosts, nRungs, eta }: SearchSettings): readonly number[] {
  return rungCosts ?? Array.from({ length: nRungs }, (_, k) => (k === 0 ? 1 : eta ** k - eta ** (k - 1)));
}

/**
 * A climb, or `fresh` for a new genome, or undefined where the budget has no room for any training in full: the
 * budget is what a fixed share of climbs would cost. Nothing is begun that could not be trained to the end.
 */
export function nextByGain<G>(
  ledger: Ledger<G>,
  settings: SearchSettings,
  entryClosed: boolean,
  prospects: Exclude<Prospects<G>, 'starting'>,
): Promotion<G> | 'fresh' | undefined {
  const costs = costsOf(settings);
  const costOf = (counts: readonly number[]) =>
    costs.reduce((sum, cost, rung) => sum + cost * (counts[rung] ?? 0), 0);
  const left = costOf(rungSizes(settings)) - costOf(ledger.nAskedAt) + SLACK;
  const costAbove = (rung: number) => costs.slice(rung + 1).reduce((sum, cost) => sum + cost, 0);

  let best: Promotion<G> | 'fresh' | undefined;
  let most = 0;
  if (!entryClosed && costs[0]! + costAbove(0) <= left) {
    best = 'fresh';
    most = indexOf(prospects.fresh, costs[0]!, costAbove(0));
  }
  for (let rung = 1; rung < settings.nRungs; rung++) {
    if (costAbove(rung - 1) > left) continue;
    for (const { member, result } of ledger.scoredAt(rung - 1)) {
      if (member.rungs[rung] !== undefined || result.totalViolation > 0) continue;
      const index = indexOf(prospects.of(member, rung), costs[rung]!, costAbove(rung));
      if (index > most) [best, most] = [{ member, rung }, index];
    }
  }
  return best;
}
