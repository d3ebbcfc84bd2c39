// How good it is: the public face of the room.
export { type Calibration, type Calibrator, createCalibrator } from './compression/calibration.ts';
export { type CompressedModel, castModel, type TensorReport } from './compression/cast-model.ts';
export {
  type CompressOptions,
  compressWeights,
  createDeploymentMeter,
  type DeploymentMeasurement,
  type DeploymentMeter,
  measureDeployment,
} from './compression/deployment-meter.ts';
export { chooseTensor, type TensorRules } from './compression/file/choose-tensors.ts';
export {
  compressFile,
  type FileCompression,
  type FileTensorReport,
  type TensorChoice,
} from './compression/file/compress-file.ts';
export {
  fitLossChange,
  type LossChangePredictor,
  type LossObservation,
} from './compression/loss-change.ts';
export type { Mask, Masks } from './compression/mask.ts';
export {
  type DeploymentContext,
  type DeploymentOutcome,
  type DeploymentTask,
  measureDeployments,
} from './compression/measure-deployments.ts';
export { createNoiseProfile, type NoiseProfile } from './compression/noise.ts';
export { disturbanceOf, storageKey } from './compression/noise-table.ts';
export {
  outlierAwareDeployment,
  type PrunedModel,
  type PruningMethod,
  pruneWeights,
} from './compression/prune.ts';
export {
  type GradualPruning,
  type RecoveryContext,
  type RecoveryOutcome,
  type RecoverySettings,
  recoverWeights,
} from './compression/recover.ts';
export { type Corpus, CorpusError, loadCorpus } from './data/corpus.ts';
export { type Dataset, prepareDataset } from './data/dataset.ts';
export {
  defineEvaluator,
  type EvaluatorFunctions,
  type Trained,
} from './define-evaluator.ts';
export { checkEngine } from './engine/create.ts';
export { EngineError } from './engine/engine-error.ts';
export { type DecoderPass, decoderGraph } from './interchange/decoder-graph.ts';
export { type LlamaTensor, toLlamaTensors } from './interchange/llama-tensors.ts';
export { encodeOnnx, encodeWeights, layOutWeights, type OnnxGraph } from './interchange/onnx-file.ts';
export { huggingFaceTokenizer } from './interchange/tokenizer-json.ts';
export { widenWeights } from './interchange/uniform.ts';
export type {
  MeasurementOutcome,
  MeasurementSuccess,
  NoiseTable,
  PairLength,
  PairOutcome,
  PairSuccess,
  ProfileOutcome,
  TaskFailure,
  TrainingOutcome,
  TrainingSuccess,
} from './outcome.ts';
export { createTrainerPool, type PoolSettings } from './pool/pool.ts';
export type {
  Evaluator,
  MeasurementTask,
  PairDraft,
  PairTask,
  ProfileTask,
  TrainingProgress,
  TrainingTask,
} from './port.ts';
