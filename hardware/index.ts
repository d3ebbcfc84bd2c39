// The public face of hardware/: what a model costs on an accelerator.
export type { Accelerator, FigureStatus, Provenance, ValidationRecord } from './accelerator.ts';
export { type AcceleratorFile, toAccelerator } from './accelerator-schema.ts';
export {
  CALIBRATION_METRICS,
  type Calibration,
  type CalibrationMetric,
  type CalibrationRow,
  type CalibrationSettings,
  calibrate,
  type FittedCoefficient,
} from './calibrate.ts';
export { parseCalibrationRows } from './calibration-rows.ts';
export {
  type BreakdownRow,
  type CostEstimate,
  type ExpectedError,
  estimateCost,
  metricsOf,
  smallestCards,
} from './cost.ts';
export type { CostInput } from './cost-input.ts';
export { type UniformChoice, uniformDeployment } from './deployments.ts';
export { HardwareError, type HardwareErrorCode } from './errors.ts';
export * from './formats/index.ts';
export { forwardSeconds, scoringSeconds } from './forward.ts';
export { modelFromHuggingFace } from './hugging-face.ts';
export { isPlainLlama, llamaConfig, uniformArchitecture } from './llama-config.ts';
export {
  formatAcceleratorFile,
  listAccelerators,
  loadAccelerator,
  parseAcceleratorFile,
  readAcceleratorFile,
} from './load-accelerator.ts';
export {
  countModelParameters,
  type ModelDetails,
  type ModelShape,
  weightMacsPerToken,
} from './model-shape.ts';
export { rooflineSvg } from './roofline-picture.ts';
export { SENSITIVITY_METRICS, type Sensitivity, type SensitivityMetric, sensitivity } from './sensitivity.ts';
export {
  breakEvenAcceptance,
  estimateSpeculation,
  metricsOfPair,
  type SpeculationEstimate,
  type SpeculationInput,
} from './speculation.ts';
export { expectedTokens, type LengthRule, type MeasuredRound } from './speculative-round.ts';
export { type TrainingCost, type TrainingInput, trainingCost } from './training-cost.ts';
export { type MatrixShape, weightBits, weightMatrixBytes } from './weight-bits.ts';
