// The public face of hardware/: what a model costs on an accelerator.
export type { Accelerator, FigureStatus, Provenance, ValidationRecord } from './accelerator.ts';
export {
  type BreakdownRow,
  type CostEstimate,
  estimateCost,
  metricsOf,
  smallestCards,
} from './cost.ts';
export type { CostInput } from './cost-input.ts';
export { type UniformChoice, uniformDeployment } from './deployments.ts';
export { HardwareError, type HardwareErrorCode } from './errors.ts';
export { modelFromHuggingFace } from './hugging-face.ts';
export { listAccelerators, loadAccelerator } from './load-accelerator.ts';
export {
  countModelParameters,
  type ModelDetails,
  type ModelShape,
  weightMacsPerToken,
} from './model-shape.ts';
export { type MatrixShape, type SparseLayout, weightBits, weightMatrixBytes } from './weight-bits.ts';
