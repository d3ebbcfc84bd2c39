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

/** Looks at thousands of genomes by belief alone: evolution towards the believed front, then climbs of the gain. */
export function explore<G>(
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
  const isUnsure = uses(settings, 'uncertainty');
  const sure = (prediction: Prediction) => (isUnsure ? prediction : { ...prediction, deviation: 0 });
  const typical = last.slice(0, 10).map((one) => sure(belief.predict(one.genome, top)).deviation);
  const deviation = typical.reduce((a, b) => a + b, 0) / Math.max(1, typical.length);
  const scored = (individuals: Iterable<Individual<G>>) =>
    [...individuals]
      .filter((one) => !ledger.has(problem.key(one.genome)))
      .map((one) => ({ one, gain: gainOf(one.objectives, deviation) }))
      .sort((a, b) => b.gain - a.gain);
  const climbers = uses(settings, 'climbs') ? scored(seen.values()).slice(0, CLIMBERS) : [];
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
      prediction: sure(belief.predict(genome, top)),
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
