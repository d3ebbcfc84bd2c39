// NSGA-II with generations (Deb et al. 2002), for functions that cost microseconds.
import type { Rng } from '../space/random.ts';
import { orderByRankAndCrowding } from './dominance.ts';

export interface Individual<G> {
  readonly genome: G;
  readonly objectives: readonly number[];
  readonly totalViolation: number;
}

export interface Evolution<G> {
  readonly initial: readonly Individual<G>[];
  readonly populationSize: number;
  readonly nGenerations: number;
  readonly rng: Rng;
  /** Children of two parents, evaluated; an empty list where they are not wanted. */
  readonly breed: (a: G, b: G, rng: Rng) => readonly Individual<G>[];
}

/**
 * One more than usual: as copies count once in crowding, the ends of a front hold fewer places in a population than
 * where every copy of an end counts as lonely.
 */
const TOURNAMENT = 3;
/** Tries per wanted child before a generation stays smaller. */
const TRIES_PER_CHILD = 10;

function survivors<G>(pool: readonly Individual<G>[], size: number): Individual<G>[] {
  const { order } = orderByRankAndCrowding(
    pool.map((one) => one.objectives),
    pool.map((one) => one.totalViolation),
  );
  return order.slice(0, size).map((at) => pool[at]!);
}

/** The last population, best first by constrained rank and crowding. */
export function evolve<G>({
  initial,
  populationSize,
  nGenerations,
  rng,
  breed,
}: Evolution<G>): Individual<G>[] {
  let population = survivors(initial, populationSize);
  const parent = () => {
    let best = population.length - 1;
    for (let k = 0; k < TOURNAMENT; k++) best = Math.min(best, rng.below(population.length));
    return population[best]!.genome;
  };
  for (let generation = 0; generation < nGenerations && population.length > 0; generation++) {
    const children: Individual<G>[] = [];
    for (
      let tries = 0;
      children.length < populationSize && tries < TRIES_PER_CHILD * populationSize;
      tries++
    ) {
      children.push(...breed(parent(), parent(), rng));
    }
    population = survivors([...population, ...children.slice(0, populationSize)], populationSize);
  }
  return population;
}
