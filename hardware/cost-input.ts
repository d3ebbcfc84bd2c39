// What an estimate is asked for.
import type { Deployment, Workload } from '../space/deployment.ts';
import type { Accelerator } from './accelerator.ts';
import type { ModelShape } from './model-shape.ts';

export interface CostInput {
  readonly architecture: ModelShape;
  readonly deployment: Deployment;
  readonly accelerator: Accelerator;
  readonly workload: Workload;
  /** Context lengths that a static-shape device has compiled, any order; default: exactly what the workload needs. */
  readonly compiledContexts?: readonly number[];
  /** Stored bytes of each layer's matrices over the expected ones, once they are encoded; 1 = as expected. */
  readonly encodedRatios?: readonly number[];
}
