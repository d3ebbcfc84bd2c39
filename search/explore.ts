// What a guided search looks at before it asks: thousands of genomes judged by belief alone.
import type { Rng } from '../space/random.ts';
import type { Belief } from './belief.ts';
import { nonDominatedSort } from './dominance.ts';
import { type ExpectedGain, expectedGain } from './expected-gain.ts';
import { evolve, type Individual } from './generational.ts';
import { uses } from './port.ts';
import type { SearchContext } from './proposer.ts';
import type { Prediction } from './surrogate.ts';

export const POOL_POPULATION = 60;
const POOL_GENERATIONS = 25;
/** Of all that was looked at, so many get their own deviation and the exact gain. */
const SHORTLIST = 200;
const CLIMBERS = 10;
const CLIMB_STEPS = 40;

/** A genome that might be asked next. */
export interface Option<G> {
  readonly genome: G;
  readonly key: string;
  readonly objectives: readonly number[];
  readonly prediction: Prediction;
}

export function frontPoints(points: readonly (readonly number[])[]): (readonly number[])[] {
  const rank = nonDominatedSort(points);
  return points.filter((_, at) => rank[at] === 0);
}

/** A genome that was looked at, by its key. */
interface Sight<G> extends Individual<G> {
  readonly key: string;
}

/** Looks at each genome once; undefined for copies and for what breaks a cheap constraint. */
function createLookout<G>({ problem }: SearchContext<G>, belief: Belief<G>) {
  const seen = new Map<string, Sight<G>>();
  const look = (genome: G): Sight<G> | undefined => {
    const key = problem.key(genome);
    if (seen.has(key)) return undefined;
    const objectives = belief.expect(genome);
    if (objectives === undefined) return undefined;
    const sight = { genome, key, objectives, totalViolation: 0 };
    seen.set(key, sight);
    return sight;
  };
  return { seen, look };
}

/** Evolves the seeds, filled up with samples, towards the believed front. */
function evolveSights<G>(
  { problem }: SearchContext<G>,
  look: (genome: G) => Sight<G> | undefined,
  seeds: readonly G[],
  rng: Rng,
): Individual<G>[] {
  const initial: Individual<G>[] = seeds.flatMap((genome) => look(genome) ?? []);
  for (let k = initial.length; k < POOL_POPULATION; k++) {
    const fresh = look(problem.sample(rng));
    if (fresh !== undefined) initial.push(fresh);
  }
  const breed = (a: G, b: G) => {
    const base = a !== b && rng.chance(9, 10) ? problem.cross(a, b, rng) : a;
    const child = look(problem.mutate(base, rng));
    return child === undefined ? [] : [child];
  };
  return evolve({ initial, populationSize: POOL_POPULATION, nGenerations: POOL_GENERATIONS, rng, breed });
}

/**
 * Looks at thousands of genomes by belief alone: evolution towards the believed front, then climbs of the gain. Until
 * the shortlist all share one typical deviation, as each of their own costs a solve.
 */
export function explore<G>(
  context: SearchContext<G>,
  belief: Belief<G>,
  seeds: readonly G[],
  gainOf: (objectives: readonly number[], deviation: number) => number,
  rng: Rng,
): { readonly options: Option<G>[]; readonly population: readonly G[] } {
  const { problem, ledger, settings } = context;
  const { seen, look } = createLookout(context, belief);
  const last = evolveSights(context, look, seeds, rng);
  const top = settings.nRungs - 1;
  const isUnsure = uses(settings, 'uncertainty');
  const predict = (genome: G): Prediction => {
    const prediction = belief.predict(genome, top);
    return isUnsure ? prediction : { ...prediction, deviation: 0 };
  };
  const typical = last.slice(0, 10).map((one) => predict(one.genome).deviation);
  const deviation = typical.reduce((a, b) => a + b, 0) / Math.max(1, typical.length);
  const newByGain = () =>
    [...seen.values()]
      .filter((sight) => !ledger.has(sight.key))
      .map((sight) => ({ sight, gain: gainOf(sight.objectives, deviation) }))
      .sort((a, b) => b.gain - a.gain);
  for (let climber of uses(settings, 'climbs') ? newByGain().slice(0, CLIMBERS) : []) {
    for (let step = 0; step < CLIMB_STEPS; step++) {
      const next = look(problem.mutate(climber.sight.genome, rng));
      if (next === undefined) continue;
      const gain = gainOf(next.objectives, deviation);
      if (gain > climber.gain) climber = { sight: next, gain };
    }
  }
  const options = newByGain()
    .slice(0, SHORTLIST)
    .map(({ sight: { genome, key, objectives } }) => ({
      genome,
      key,
      objectives,
      prediction: predict(genome),
    }));
  return { options, population: last.map((one) => one.genome) };
}

/** Picks the option of most expected gain, believes it to come true, and picks the next. */
export function pickBatch<G>(
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

export function optionGain(
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
