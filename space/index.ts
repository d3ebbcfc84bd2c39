// Public face of `paretoformer/space`: what may be searched, and the arithmetic of an architecture.
export {
  type Architecture,
  countAttentionMacs,
  countLayerParameters,
  countParameters,
  countWeightMacs,
  type Layer,
  type LayerParameters,
} from './architecture.ts';
export { type Candidate, canonicalJson, hashOf } from './candidate.ts';
export { compileSpace, type Space } from './compiled-space.ts';
export { type Constraint, constraintLimit, constraintViolation, parseConstraint } from './constraint.ts';
export { countArchitectures, countMembers } from './count.ts';
export { crossCandidates } from './cross.ts';
export {
  type Deployment,
  LAYER_PARTS,
  type LayerDeployment,
  type LayerPart,
  plainDeployment,
  type WeightStorage,
  type Workload,
} from './deployment.ts';
export { didYouMean } from './did-you-mean.ts';
export {
  DEFAULT_ENGINE,
  ENGINE_NAMES,
  type EngineName,
  type EngineSpec,
  PROVIDERS,
  type Provider,
} from './engine-spec.ts';
export {
  type Bound,
  type Comparison,
  type Expression,
  ExpressionError,
  evaluateExpression,
  type Operator,
  parseExpression,
  type Vocabulary,
} from './expression.ts';
export { largestCandidate, middleCandidate, smallestCandidate } from './extremes.ts';
export { architectureHash, candidateKey, containsCandidate } from './genome.ts';
export { specJsonSchema } from './json-schema.ts';
export { loadSpec, parseSpec, type ReferenceChecks, specFromObject, specHash } from './load-spec.ts';
export {
  type BuiltInMetric,
  METRIC_NAMES,
  METRICS,
  type Metric,
  type MetricName,
  type MetricTable,
  type MetricUnit,
  type MetricValues,
  metricOf,
  metricTable,
} from './metrics.ts';
export { mutateCandidate } from './mutate.ts';
export { KV_CACHE_FORMATS, type KvCacheFormat, WEIGHT_FORMATS, type WeightFormat } from './number-formats.ts';
export { deriveRng, type Rng } from './random.ts';
export { deploymentsOf } from './redeploy.ts';
export { sampleCandidate } from './sample.ts';
export { deployedArchitecture, type Scale } from './scale.ts';
export {
  type CompressionSpec,
  type DeploymentSpec,
  type LayerChoices,
  type PartChoices,
  type RunSpec,
  SEARCH_ALGORITHMS,
  type SearchAlgorithm,
  type SearchSpec,
  type SpaceSpec,
  type TaskSpec,
  type TokenizerSpec,
  type TrainingSpec,
  vocabSizeOf,
} from './spec.ts';
export { formatIssue, type Place, SpecError, type SpecIssue } from './spec-error.ts';
