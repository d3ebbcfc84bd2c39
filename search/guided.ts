// Model-guided evolution: a surrogate of the loss, exact cheap objectives, and the exact expected hypervolume gain.
import { deriveRng, type Rng } from '../space/random.ts';
import { type Belief, believedPoints, formBelief } from './belief.ts';
import { nonDominatedSort } from './dominance.ts';
import { type ExpectedGain, expectedGain } from './expected-gain.ts';
import { type Comparison, reportOf } from './forecasts.ts';
import { referenceBeyond } from './front.ts';
import { evolve, type Individual } from './generational.ts';
import type { Proposal } from './ledger.ts';
import { nsga2Proposer } from './nsga2.ts';
import { createParentPool } from './parents.ts';
import type { SurrogateReport } from './port.ts';
import { type Draft, type Proposer, type SearchContext, sampleFeasible } from './proposer.ts';
import type { Hyperparameters, Prediction } from './surrogate.ts';

const POOL_POPULATION = 60;
const POOL_GENERATIONS = 25;
/** Of all that was looked at, so many get their own deviation and the exact gain. */
const SHORTLIST = 200;
const CLIMBERS = 10;
const CLIMB_STEPS = 40;

/** A genome that might be asked next. */
interface Option<G> {
  readonly genome: G;
  readonly key: string;
  readonly objectives: readonly number[];
  readonly prediction: Prediction;
}

/** Candidates that are asked before the first model: enough to fit, few enough to leave a budget for the model. */
export function initialCount(nCandidates: number): number {
  return Math.min(16, Math.max(6, Math.ceil(nCandidates / 5)));
}

/** The sample that is farthest in features from all that was asked, of `nDraws`. */
function spreadSample<G>(context: SearchContext<G>, rng: Rng): Draft<G> | undefined {
  const { problem, ledger } = context;
  const asked = ledger.members.map((member) => problem.features!(member.genome));
  let best: Draft<G> | undefined;
  let farthest = -1;
  for (let draw = 0; draw < 16; draw++) {
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

function frontPoints(points: readonly (readonly number[])[]): (readonly number[])[] {
  const rank = nonDominatedSort(points);
  return points.filter((_, at) => rank[at] === 0);
}

/** Looks at thousands of genomes by belief alone: evolution towards the believed front, then climbs of the gain. */
function explore<G>(
  context: SearchContext<G>,
  belief: Belief<G>,
  seeds: readonly G[],
  gainOf: (objectives: readonly number[], deviation: number) => number,
  rng: Rng,
): { readonly options: Option<G>[]; readonly population: readonly G[] } {
  const { problem, ledger, settings } = context;
  const seen = new Map<string, Individual<G>>();
  const look = (genome: G): Individual<G> | undefined => {
    const key = problem.key(genome);
    if (seen.has(key)) return undefined;
    const objectives = belief.expect(genome);
    if (objectives === undefined) return undefined;
    const individual = { genome, objectives, totalViolation: 0 };
    seen.set(key, individual);
    return individual;
  };
  const initial = seeds.flatMap((genome) => look(genome) ?? []);
  for (let k = initial.length; k < POOL_POPULATION; k++) {
    const fresh = look(problem.sample(rng));
    if (fresh !== undefined) initial.push(fresh);
  }
  const breed = (a: G, b: G) => {
    const base = a !== b && rng.chance(9, 10) ? problem.cross(a, b, rng) : a;
    const child = look(problem.mutate(base, rng));
    return child === undefined ? [] : [child];
  };
  const last = evolve({
    initial,
    populationSize: POOL_POPULATION,
    nGenerations: POOL_GENERATIONS,
    rng,
    breed,
  });
  const top = settings.nRungs - 1;
  const typical = last.slice(0, 10).map((one) => belief.predict(one.genome, top).deviation);
  const deviation = typical.reduce((a, b) => a + b, 0) / Math.max(1, typical.length);
  const scored = (individuals: Iterable<Individual<G>>) =>
    [...individuals]
      .filter((one) => !ledger.has(problem.key(one.genome)))
      .map((one) => ({ one, gain: gainOf(one.objectives, deviation) }))
      .sort((a, b) => b.gain - a.gain);
  const climbers = scored(seen.values()).slice(0, CLIMBERS);
  for (let climber of climbers) {
    for (let step = 0; step < CLIMB_STEPS; step++) {
      const next = look(problem.mutate(climber.one.genome, rng));
      if (next === undefined) continue;
      const gain = gainOf(next.objectives, deviation);
      if (gain > climber.gain) climber = { one: next, gain };
    }
  }
  const options = scored(seen.values())
    .slice(0, SHORTLIST)
    .map(({ one: { genome, objectives } }) => ({
      genome,
      objectives,
      key: problem.key(genome),
      prediction: belief.predict(genome, top),
    }));
  return { options, population: last.map((one) => one.genome) };
}

/** Picks the option of most expected gain, believes it to come true, and picks the next. */
function pickBatch<G>(
  options: readonly Option<G>[],
  front: (readonly number[])[],
  reference: readonly number[],
  uncertain: number,
  size: number,
): Option<G>[] {
  const picked: Option<G>[] = [];
  let left = [...options];
  while (picked.length < size && left.length > 0) {
    const gainOf = expectedGain(front, reference, uncertain);
    let best = left[0]!;
    let most = -1;
    for (const option of left) {
      const gain = optionGain(gainOf, option.objectives, option.prediction, uncertain);
      if (gain > most) [best, most] = [option, gain];
    }
    picked.push(best);
    left = left.filter((option) => option !== best);
    front = frontPoints([...front, best.objectives]);
  }
  return picked;
}

function optionGain(
  gainOf: ExpectedGain,
  objectives: readonly number[],
  prediction: Prediction,
  uncertain: number,
): number {
  return gainOf(
    prediction.mean,
    prediction.deviation,
    objectives.filter((_, k) => k !== uncertain),
  );
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
  const forecasts = new Map<number, Prediction>();
  const comparisons: Comparison[] = [];
  let queue: { readonly proposal: Proposal<G>; readonly forecast: Prediction }[] = [];
  let hyperparameters: readonly Hyperparameters[] | undefined;
  let nAtTuning = 0;
  let population: readonly G[] = [];

  const compare = (context: SearchContext<G>, uncertain: number) => {
    for (const { member, result } of context.ledger.scoredAt(0)) {
      const forecast = forecasts.get(member.candidate);
      if (forecast === undefined) continue;
      comparisons.push({ forecast, value: result.objectives[uncertain]! });
      forecasts.delete(member.candidate);
    }
  };

  const refill = (context: SearchContext<G>): boolean => {
    const { problem, ledger, settings } = context;
    const number = ledger.members.length;
    const isTuning = ledger.nTold >= nAtTuning * TUNE_GROWTH;
    const belief = formBelief(problem, ledger, settings.nRungs, isTuning ? 3 : 0, hyperparameters);
    if (belief === undefined) return false;
    if (isTuning) nAtTuning = ledger.nTold;
    hyperparameters = belief.hyperparameters;
    compare(context, belief.uncertain);
    reports.push(reportOf(comparisons, { nCandidates: number, nObservations: belief.nObservations }));
    const believed = believedPoints(belief, ledger.members, settings.nRungs);
    if (believed.length === 0) return false;
    const reference = problem.reference ?? referenceBeyond(believed);
    const front = frontPoints(believed);
    const gain = expectedGain(front, reference, belief.uncertain);
    const gainOf = (objectives: readonly number[], deviation: number) =>
      optionGain(gain, objectives, { mean: objectives[belief.uncertain]!, deviation }, belief.uncertain);
    const parents = parentPool(ledger, { ...settings, populationSize: POOL_POPULATION });
    const seeds = [...parents.map(({ member }) => member.genome), ...population];
    const explored = explore(context, belief, seeds, gainOf, deriveRng(settings.seed, number, 'guided'));
    population = explored.population;
    const size = Math.min(10, Math.max(2, Math.floor(number / 10)));
    queue = pickBatch(explored.options, front, reference, belief.uncertain, size).map((option) => {
      const { mean, deviation } = belief.predict(option.genome, 0);
      return {
        proposal: { genome: option.genome, key: option.key, parents: [], origin: 'guided' },
        forecast: { mean, deviation: Math.hypot(deviation, belief.noiseDeviation) },
      };
    });
    return queue.length > 0;
  };

  return {
    reports: () => reports,
    propose: (context) => {
      const { ledger, settings } = context;
      const number = ledger.members.length;
      if (context.problem.features === undefined) return fallback.propose(context);
      if (number < initialCount(settings.nCandidates)) {
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
