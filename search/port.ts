// The ask / tell port. A search knows candidates only as opaque genomes with objectives; it never trains.
//
// Determinism: the caller asks and tells in one fixed order. Evaluation j is asked after the results of
// evaluations 0..j-lag have been told, in their order, and no others; so what is asked depends on the
// seed alone, not on the number of workers or on which finished first.
import type { Rng } from '../space/random.ts';
import { SEARCH_INGREDIENTS, type SearchIngredient } from '../space/spec.ts';

/** What is known of a genome without training. Objective values are minimised; violations are >= 0, 0 = met. */
export interface CheapFacts {
  /** One value per objective, in the problem's order; `undefined` where only training tells. */
  readonly objectives: readonly (number | undefined)[];
  /** One value per constraint, each scaled by its limit: 0.1 = 10 % over. */
  readonly violations: readonly number[];
}

/** One kind of mutation. */
export interface MutationShare {
  readonly kind: string;
  /** How much of all mutations are of this kind where none is favoured; shares sum to 1. */
  readonly share: number;
}

/** The space as a search sees it. Every genome it returns is a valid, repaired, canonical member. */
export interface Problem<G> {
  readonly nObjectives: number;
  /** Canonical name: equal keys are equal candidates. */
  key(genome: G): string;
  sample(rng: Rng): G;
  /** With `kind`, one of `mutationKinds`, a mutation of that kind; otherwise of any, each at its usual share. */
  mutate(genome: G, rng: Rng, kind?: string): G;
  /** The kinds of mutation that a genome can have, for searches that learn which are of use; each kind once. */
  mutationKinds?(genome: G): readonly MutationShare[];
  cross(a: G, b: G, rng: Rng): G;
  facts(genome: G): CheapFacts;
  /** What a model of the loss sees of a genome: always the same length, finite. Needed by `guided` alone. */
  features?(genome: G): readonly number[];
  /** Every member once, in a fixed order; `exhaustive` follows it where the space can list itself. */
  all?(): Iterable<G>;
  /** Bounds that candidates take turns at: by how much each is broken, 0 = kept; known without training. */
  readonly bounds?: readonly ((genome: G) => number)[];
  /** The point that hypervolume is measured from, where it is fixed beforehand. */
  readonly reference?: readonly number[];
}

export const INGREDIENTS = SEARCH_INGREDIENTS;
export type Ingredient = SearchIngredient;

export interface SearchSettings {
  readonly seed: number;
  /** Distinct candidates that enter the lowest rung. */
  readonly nCandidates: number;
  readonly populationSize: number;
  /** Rungs of the multi-fidelity ladder, lowest first; at least one. */
  readonly nRungs: number;
  /** One in `eta` of a rung's candidates is promoted to the next. */
  readonly eta: number;
  /**
   * What one evaluation at each rung costs beyond the rung below, in any unit; by default rungs that grow by `eta`.
   */
  readonly rungCosts?: readonly number[];
  /** Ingredients that are switched off. */
  readonly without?: readonly Ingredient[];
}

/** Whether an ingredient takes part. */
export function uses(settings: SearchSettings, ingredient: Ingredient): boolean {
  return settings.without?.includes(ingredient) !== true;
}

/** One evaluation to carry out. `number` counts evaluations from 0; `candidate` counts distinct genomes from 0. */
export interface Ask<G> {
  readonly kind: 'evaluate';
  readonly number: number;
  readonly candidate: number;
  readonly key: string;
  readonly genome: G;
  readonly rung: number;
  readonly parents: readonly number[];
  readonly origin: 'baseline' | 'sample' | 'mutation' | 'crossover' | 'promotion' | 'guided' | 'adopted';
}

/** `wait`: nothing to ask until a further result is told. `done`: nothing will ever be asked again. */
export type AskOutcome<G> = Ask<G> | { readonly kind: 'wait' } | { readonly kind: 'done' };

/** The result of evaluation `number`. A failed evaluation carries no values: it never poisons the ranking. */
export type Tell =
  | {
      readonly kind: 'ok';
      readonly number: number;
      readonly objectives: readonly number[];
      readonly violations: readonly number[];
      /**
       * Where training began from the weights of a relative: what the objective that needs training was then. Such
       * results are ahead of others at their rung, so who climbs is decided among their like.
       */
      readonly startValue?: number;
    }
  | { readonly kind: 'failed'; readonly number: number };

/** How often the search turned down a genome before it was asked, and why. */
export interface RejectionCounts {
  readonly infeasible: number;
  readonly duplicate: number;
}

/** How well a model foretold results that it had not seen, over the latest of them. */
export interface SurrogateReport {
  /** Distinct candidates asked when the model was fitted anew. */
  readonly nCandidates: number;
  /** Results that the model was fitted to. */
  readonly nObservations: number;
  readonly nCompared: number;
  readonly rootMeanSquareError: number;
  /** Rank correlation of forecast and result, -1 to 1. */
  readonly kendallTau: number;
  /** Share of results within two standard deviations of the forecast. */
  readonly coverage: number;
}

export interface Search<G> {
  ask(): AskOutcome<G>;
  /**
   * An evaluation that the caller wishes for by itself, to be told like any other: a variant of what was trained that
   * costs next to nothing. It takes no place among `nCandidates` and never climbs; undefined where the genome is known.
   * It belongs to the sequence of asks and tells: to replay one, adopt at the same place.
   */
  adopt(genome: G, rung: number, parents: readonly number[]): Ask<G> | undefined;
  tell(result: Tell): void;
  rejections(): RejectionCounts;
  /** One report for each time that a model was fitted; empty for algorithms without a model. */
  surrogateReports(): readonly SurrogateReport[];
}
