import { describe, expect, it } from 'vitest';
import { createLedger } from '../../search/ledger.ts';
import { createMutationRates } from '../../search/mutation-rates.ts';
import type { MutationShare, SearchSettings } from '../../search/port.ts';
import type { SearchContext } from '../../search/proposer.ts';
import { deriveRng } from '../../space/random.ts';
import { knapsack } from './problems/bits.ts';
import type { Genes } from './problems/genes.ts';

const KINDS: readonly MutationShare[] = [
  { kind: 'good', share: 0.2 },
  { kind: 'bad', share: 0.5 },
  { kind: 'new', share: 0.3 },
];

function contextOf(without: SearchSettings['without'] = []): SearchContext<Genes> {
  const problem = { ...knapsack(true), mutationKinds: () => KINDS };
  const settings = { seed: 1, nCandidates: 100, populationSize: 8, nRungs: 1, eta: 3, without };
  return { problem, settings, ledger: createLedger<Genes>(2), reject: () => {} };
}

/** How often each kind is drawn, of 4,000 draws. */
function sharesOf(rates: ReturnType<typeof createMutationRates<Genes>>, context: SearchContext<Genes>) {
  const counts: Record<string, number> = {};
  const rng = deriveRng(1, 1, 'draws');
  for (let n = 0; n < 4000; n++) {
    const kind = rates.draw(context, [0], rng)!;
    counts[kind] = (counts[kind] ?? 0) + 1 / 4000;
  }
  return counts;
}

describe('rates of mutation', () => {
  it('are the usual ones before anything is known', () => {
    const shares = sharesOf(createMutationRates<Genes>(), contextOf());
    for (const { kind, share } of KINDS) expect(shares[kind]).toBeCloseTo(share, 1);
  });

  it('follow what was of use, and leave every kind its floor', () => {
    const context = contextOf();
    const rates = createMutationRates<Genes>();
    for (let n = 0; n < 200; n++) {
      const isGood = n % 2 === 0;
      rates.note(n, [isGood ? 'good' : 'bad']);
      const ask = context.ledger.enter({ genome: [n], key: `${n}`, parents: [], origin: 'mutation' });
      // The good ones are each better than all before in both objectives.
      const objectives = isGood ? [-n, -n] : [1, 1];
      context.ledger.tell({ kind: 'ok', number: ask.number, objectives, violations: [] });
    }
    const shares = sharesOf(rates, context);
    expect(shares.good).toBeGreaterThan(0.4);
    expect(shares.bad).toBeLessThan(0.2);
    expect(shares.bad).toBeGreaterThan(0.1);
    expect(shares.new).toBeGreaterThan(0.2);
  });

  it('stay as they are without the ingredient', () => {
    const context = contextOf(['adaptive-rates']);
    expect(createMutationRates<Genes>().draw(context, [0], deriveRng(1, 1, 'draws'))).toBeUndefined();
  });
});
