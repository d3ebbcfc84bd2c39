// Model-guided evolution: a surrogate of the loss, exact cheap objectives, and the exact expected hypervolume gain.
import { deriveRng, type Rng } from '../space/random.ts';
import { type Belief, believedPoints, formBelief, learntLimit } from './belief.ts';
import { expectedGain } from './expected-gain.ts';
import { explore, frontPoints, optionGain, POOL_POPULATION, pickBatch } from './explore.ts';
import { type Comparison, reportOf } from './forecasts.ts';
import { referenceBeyond } from './front.ts';
import type { Hyperparameters } from './kernel.ts';
import type { Proposal } from './ledger.ts';
import { nsga2Proposer } from './nsga2.ts';
import { createParentPool } from './parents.ts';
import { type SurrogateReport, uses } from './port.ts';
import { type Draft, type Proposer, type Prospects, type SearchContext, sampleFeasible } from './proposer.ts';
import { prospectsOf } from './prospects.ts';
import type { Prediction } from './surrogate.ts';

/** Candidates that are asked before the first model: enough to fit, few enough to leave a budget for the model. */
function initialCount(nCandidates: number): number {
  return Math.min(16, Math.max(6, Math.ceil(nCandidates / 5)));
}

/** What the lowest rung is expected to show, with a head start and without; whether there is one shows then. */
interface Forecast {
  readonly plain: Prediction;
  readonly ahead?: Prediction;
}

/** Results at the highest rung from which on the model says where training is spent: what rungs differ by is learnt from them. */
const LEAST_AT_TOP = 4;

/** Samples of which the farthest is asked. */
const SPREAD_DRAWS = 16;

/** The sample that is farthest in features from all that was asked. */
function spreadSample<G>(context: SearchContext<G>, rng: Rng): Draft<G> | undefined {
  const { problem, ledger } = context;
  const asked = ledger.members.map((member) => problem.features!(member.genome));
  let best: Draft<G> | undefined;
  let farthest = -1;
  const nDraws = uses(context.settings, 'spread-start') ? SPREAD_DRAWS : 1;
  for (let draw = 0; draw < nDraws; draw++) {
    const draft = sampleFeasible(context, rng);
    if (draft === undefined) return best;
    const row = problem.features!(draft.genome);
    const nearest = Math.min(...asked.map((other) => distance(row, other)), Number.MAX_VALUE);
    if (nearest > farthest) [best, farthest] = [draft, nearest];
  }
  return best;
}

function distance(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, k) => sum + Math.abs(value - b[k]!), 0);
}

/** Results that a refit needs to have grown by before the hyperparameters are searched again. */
const TUNE_GROWTH = 1.15;

/**
 * After a spread first sample: fits the surrogate, lets offspring compete by belief, and asks the batch of most
 * expected gain, pending candidates being believed to come out as foretold. While the forecasts rank the results no
 * better than chance, every second candidate comes from plain evolution.
 */
export function guidedProposer<G>(): Proposer<G> {
  const fallback = nsga2Proposer<G>();
  const parentPool = createParentPool<G>();
  const reports: SurrogateReport[] = [];
  const forecasts = new Map<number, Forecast>();
  const comparisons: Comparison[] = [];
  let queue: { readonly proposal: Proposal<G>; readonly forecast: Forecast }[] = [];
  let hyperparameters: readonly Hyperparameters[] | undefined;
  let nAtTuning = 0;
  let belief: Belief<G> | undefined;
  let nAtBelief = -1;
  let population: readonly G[] = [];

  const compare = (context: SearchContext<G>, uncertain: number) => {
    for (const { member, result } of context.ledger.scoredAt(0)) {
      const forecast = forecasts.get(member.candidate);
      const own = result.startValue !== undefined ? forecast?.ahead : forecast?.plain;
      if (own !== undefined) comparisons.push({ forecast: own, value: result.objectives[uncertain]! });
      forecasts.delete(member.candidate);
    }
  };

  const currentBelief = ({ problem, ledger, settings }: SearchContext<G>): Belief<G> | undefined => {
    if (ledger.nTold === nAtBelief) return belief;
    const isTuning = ledger.nTold >= nAtTuning * TUNE_GROWTH;
    belief = formBelief(problem, ledger, settings.nRungs, isTuning ? 3 : 0, hyperparameters);
    nAtBelief = ledger.nTold;
    if (belief === undefined) return undefined;
    if (isTuning) nAtTuning = ledger.nTold;
    hyperparameters = belief.hyperparameters;
    return belief;
  };

  /** What a genome would add at the highest rung, by what is believed now; undefined while nothing can be. */
  const outlookOn = (context: SearchContext<G>) => {
    const { problem, ledger, settings } = context;
    const belief = currentBelief(context);
    if (belief === undefined) return undefined;
    const believed = believedPoints(belief, ledger.members, settings.nRungs);
    if (believed.length === 0) return undefined;
    const limit = learntLimit(problem, belief, ledger, settings.nRungs);
    const reference = (problem.reference ?? referenceBeyond(believed)).map((value, k) =>
      k === belief.uncertain ? Math.min(value, limit) : value,
    );
    const front = frontPoints(believed);
    return { belief, front, reference, gain: expectedGain(front, reference, belief.uncertain) };
  };

  const refill = (context: SearchContext<G>): boolean => {
    const { ledger, settings } = context;
    const number = ledger.members.length;
    const outlook = outlookOn(context);
    if (outlook === undefined) return false;
    const { belief, front, reference, gain } = outlook;
    compare(context, belief.uncertain);
    reports.push(reportOf(comparisons, { nCandidates: number, nObservations: belief.nObservations }));
    const gainOf = (objectives: readonly number[], deviation: number) =>
      optionGain(gain, objectives, { mean: objectives[belief.uncertain]!, deviation }, belief.uncertain);
    const parents = parentPool(ledger, { ...settings, populationSize: POOL_POPULATION });
    const seeds = [...parents.map(({ member }) => member.genome), ...population];
    const explored = explore(context, belief, seeds, gainOf, deriveRng(settings.seed, number, 'guided'));
    population = explored.population;
    const size = Math.min(10, Math.max(2, Math.floor(number / 10)));
    queue = pickBatch(explored.options, front, reference, belief.uncertain, size).map((option) => {
      const foretell = (hasHeadStart: boolean): Prediction => {
        const { mean, deviation } = belief.predict(option.genome, 0, hasHeadStart);
        return { mean, deviation: Math.hypot(deviation, belief.noiseDeviation) };
      };
      return {
        proposal: { genome: option.genome, key: option.key, parents: [], origin: 'guided' },
        forecast: {
          plain: foretell(false),
          ...(belief.knowsHeadStarts ? { ahead: foretell(true) } : {}),
        },
      };
    });
    return queue.length > 0;
  };

  const isStarting = ({ ledger, settings }: SearchContext<G>) =>
    ledger.members.length < initialCount(settings.nCandidates);

  const prospects = (context: SearchContext<G>): Prospects<G> | undefined => {
    const { problem, ledger, settings } = context;
    if (problem.features === undefined) return undefined;
    if (isStarting(context)) return 'starting';
    if (ledger.scoredAt(settings.nRungs - 1).length < LEAST_AT_TOP) return undefined;
    if (queue.length === 0) refill(context);
    const outlook = outlookOn(context);
    if (outlook === undefined) return undefined;
    const head = queue[0]?.proposal.genome;
    return {
      of: ({ genome, candidate, rungs }, rung) => {
        const latest = rungs[rung - 1];
        const hasHeadStart = typeof latest === 'object' && latest.startValue !== undefined;
        return prospectsOf(outlook, genome, candidate, rung, hasHeadStart);
      },
      fresh: head === undefined ? [] : prospectsOf(outlook, head, ledger.members.length, 0),
    };
  };

  return {
    reports: () => reports,
    prospects,
    outlook: (context, member) => {
      if (isStarting(context)) return undefined;
      const top = member.rungs[context.settings.nRungs - 1];
      return typeof top === 'object'
        ? top.objectives
        : currentBelief(context)?.expect(member.genome, member.candidate);
    },
    propose: (context) => {
      const { ledger, settings } = context;
      const number = ledger.members.length;
      if (context.problem.features === undefined) return fallback.propose(context);
      if (isStarting(context)) {
        const draft = spreadSample(context, deriveRng(settings.seed, number, 'sample'));
        return draft && { genome: draft.genome, key: draft.key, parents: [], origin: 'sample' };
      }
      if (queue.length === 0 && !refill(context)) return fallback.propose(context);
      const latest = reports.at(-1)!;
      if (latest.nCompared >= 10 && latest.kendallTau < 0.2 && number % 2 === 1)
        return fallback.propose(context);
      const next = queue.shift()!;
      if (ledger.has(next.proposal.key)) return fallback.propose(context);
      forecasts.set(number, next.forecast);
      return next.proposal;
    },
  };
}
