// paretoformer/search: what to try next. Works without the rest of the project.
export { candidateFeatures } from './candidate-features.ts';
export { ALGORITHMS, type Algorithm, createSearch } from './create.ts';
export {
  type ConstraintShare,
  diagnoseFeasibility,
  diagnoseObjectives,
  type FeasibilityReport,
  type ObjectiveReport,
} from './diagnosis.ts';
export { crowdingDistance, dominates, nonDominatedSort, totalViolation } from './dominance.ts';
export { kendallTau } from './forecasts.ts';
export {
  countBeyondReference,
  type Evaluated,
  frontOf,
  type HypervolumeBox,
  normalisedHypervolume,
} from './front.ts';
export { rungSizes } from './halving.ts';
export { hypervolume, hypervolumeContributions } from './hypervolume.ts';
export { type LayerOption, type LayerwiseMember, type LayerwiseSpace, layerwiseFront } from './layerwise.ts';
export type {
  Ask,
  AskOutcome,
  CheapFacts,
  Problem,
  RejectionCounts,
  Search,
  SearchSettings,
  SurrogateReport,
  Tell,
} from './port.ts';
export { INGREDIENTS, type Ingredient } from './port.ts';
