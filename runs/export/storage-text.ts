// How a deployment stores the matrices of each layer, in words.
import { blockMatrices, storageOf } from '../../evaluators/compression/matrices.ts';
import type { Architecture } from '../../space/architecture.ts';
import type { Deployment, WeightFormat } from '../../space/deployment.ts';

export interface MatrixStorage {
  readonly layer: number;
  readonly kind: 'attention' | 'feedForward';
  readonly format: WeightFormat;
  readonly sparsity: number;
}

/** One entry for each matrix of the blocks. */
export function matrixStorages(architecture: Architecture, deployment: Deployment): MatrixStorage[] {
  return blockMatrices(architecture).map((spec) => ({
    layer: spec.layer!,
    kind: spec.kind as MatrixStorage['kind'],
    ...storageOf(spec, deployment),
  }));
}

/** `mxfp4-e2m1`, `fp16, 50 % zeros`; `-` where there is nothing to store. */
export function storageText(storages: readonly MatrixStorage[]): string {
  const texts = storages.map(({ format, sparsity }) =>
    sparsity === 0 ? format : `${format}, ${Number((100 * sparsity).toFixed(1))} % zeros`,
  );
  return [...new Set(texts)].join('; ') || '-';
}
