// From the name of an algorithm to a running search.

import { SEARCH_ALGORITHMS, type SearchAlgorithm } from '../space/spec.ts';
import { nextByGain } from './allocation.ts';
import { exhaustiveProposer } from './exhaustive.ts';
import { guidedProposer } from './guided.ts';
import { baselineClimb, nextPromotion } from './halving.ts';
import { createLedger } from './ledger.ts';
import { localSearchProposer } from './local-search.ts';
import { nsga2Proposer } from './nsga2.ts';
import {
  type AskOutcome,
  INGREDIENTS,
  type Problem,
  type Search,
  type SearchSettings,
  uses,
} from './port.ts';
import type { Proposer, SearchContext } from './proposer.ts';
import { randomProposer } from './random.ts';
import { regularizedEvolutionProposer } from './regularized-evolution.ts';
import { sweeping } from './sweep.ts';

export const ALGORITHMS = SEARCH_ALGORITHMS;
export type Algorithm = SearchAlgorithm;

const PROPOSERS: { readonly [A in Algorithm]: <G>() => Proposer<G> } = {
  nsga2: nsga2Proposer,
  guided: guidedProposer,
  random: randomProposer,
  'regularized-evolution': regularizedEvolutionProposer,
  'local-search': localSearchProposer,
  exhaustive: exhaustiveProposer,
};

/** @throws RangeError on a setting that is not a whole number in its range, or an unknown ingredient. */
function assertSettings(settings: SearchSettings): void {
  const minimum = { nCandidates: 1, populationSize: 1, nRungs: 1, eta: 2 } as const;
  for (const name of ['nCandidates', 'populationSize', 'nRungs', 'eta'] as const) {
    const value = settings[name];
    if (!Number.isInteger(value) || value < minimum[name]) {
      throw new RangeError(`${name} must be a whole number of at least ${minimum[name]}, not ${value}`);
    }
  }
  if (!Number.isInteger(settings.seed))
    throw new RangeError(`seed must be a whole number, not ${settings.seed}`);
  const unknown = settings.without?.find((name) => !INGREDIENTS.includes(name));
  if (unknown !== undefined) throw new RangeError(`no ingredient is called ${unknown}`);
}

/**
 * A search over `problem`. A baseline genome becomes evaluation 0 and climbs all rungs. The search is a pure fold over
 * its asks and tells: the same sequence gives the same asks. It is `done` when `nCandidates` distinct genomes, or all
 * that can be found, have been asked and every rung's promotions have been told.
 * @throws RangeError on settings out of range.
 */
export function createSearch<G>(
  problem: Problem<G>,
  algorithm: Algorithm,
  settings: SearchSettings,
  baseline?: G,
): Search<G> {
  assertSettings(settings);
  const ledger = createLedger<G>(problem.nObjectives);
  const proposer = sweeping(problem, () => PROPOSERS[algorithm]<G>());
  const rejected = { infeasible: 0, duplicate: 0 };
  let isExhausted = false;
  const context: SearchContext<G> = {
    problem,
    settings,
    ledger,
    reject: (reason) => {
      rejected[reason] += 1;
    },
  };

  const isEntryClosed = () => isExhausted || ledger.nEntered >= settings.nCandidates;

  const enterNew = (): AskOutcome<G> | undefined => {
    if (isEntryClosed()) return undefined;
    const proposal = proposer.propose(context);
    if (proposal === 'wait') return { kind: 'wait' };
    if (proposal !== undefined) return ledger.enter(proposal);
    isExhausted = true;
    return undefined;
  };

  const climb = (): AskOutcome<G> | undefined => {
    const promotion = nextPromotion(ledger, settings, isEntryClosed(), {
      reference: problem.reference,
      outlook:
        proposer.outlook && uses(settings, 'extrapolation')
          ? (member) => proposer.outlook!(context, member)
          : undefined,
    });
    return promotion && ledger.promote(promotion.member, promotion.rung);
  };

  const resting = (): AskOutcome<G> => ({ kind: ledger.nPending > 0 ? 'wait' : 'done' });

  /** The next training by what it promises; undefined where a fixed share climbs. */
  const allocate = (): AskOutcome<G> | undefined => {
    if (settings.nRungs === 1 || !uses(settings, 'allocation')) return undefined;
    const prospects = proposer.prospects?.(context);
    if (prospects === undefined) return undefined;
    const due = baselineClimb(ledger, settings);
    if (due !== undefined) return ledger.promote(due.member, due.rung);
    if (prospects === 'starting') return enterNew();
    const next = nextByGain(ledger, settings, isEntryClosed(), prospects);
    if (next === undefined) return resting();
    return next === 'fresh' ? (enterNew() ?? allocate()) : ledger.promote(next.member, next.rung);
  };

  return {
    ask: () => {
      if (baseline !== undefined && ledger.members.length === 0) {
        return ledger.enter({
          genome: baseline,
          key: problem.key(baseline),
          parents: [],
          origin: 'baseline',
        });
      }
      return allocate() ?? climb() ?? enterNew() ?? climb() ?? resting();
    },
    adopt: (genome, rung, parents) => {
      const key = problem.key(genome);
      return ledger.has(key) ? undefined : ledger.adopt({ genome, key, parents, origin: 'adopted' }, rung);
    },
    tell: (result) => ledger.tell(result),
    surrogateReports: () => proposer.reports?.() ?? [],
    rejections: () => ({ ...rejected }),
  };
}
