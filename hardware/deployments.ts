// Deployments that store every block alike.

import { alikeLayer, type Deployment } from '../space/deployment.ts';
import type { KvCacheFormat, WeightFormat } from '../space/number-formats.ts';

/** What a uniform deployment may choose; the rest is FP16, dense, one card. */
export interface UniformChoice {
  readonly weightFormat?: WeightFormat;
  readonly sparsity?: number;
  /** Format of embedding and output head; the weights' format by default. */
  readonly headFormat?: WeightFormat;
  readonly kvCacheFormat?: KvCacheFormat;
  readonly nCards?: number;
}

/** One format and sparsity for all blocks. */
export function uniformDeployment(nLayers: number, choice: UniformChoice = {}): Deployment {
  const weightFormat = choice.weightFormat ?? 'fp16';
  const layer = alikeLayer({ weightFormat, sparsity: choice.sparsity ?? 0 });
  return {
    layers: Array.from({ length: nLayers }, () => layer),
    embedding: { weightFormat: choice.headFormat ?? weightFormat, sparsity: 0 },
    kvCacheFormat: choice.kvCacheFormat ?? 'fp16',
    nCards: choice.nCards ?? 1,
  };
}
