// One line of the results, and what it is compared with.
import { blockMatrices, storageOf } from '../../evaluators/compression/matrices.ts';
import { expectedWeightBits } from '../../hardware/formats/index.ts';
import type { Architecture } from '../../space/architecture.ts';
import { alikeLayer, type Deployment, plainDeployment } from '../../space/deployment.ts';
import type { WeightFormat } from '../../space/number-formats.ts';

export interface Measurement {
  readonly name: string;
  readonly bitsPerByte: number;
  readonly totalBits: number;
  /** Of the matrices inside blocks. */
  readonly blockBits: number;
  readonly expectedBlockBits: number;
  readonly blockWeights: number;
  readonly dummies: number;
  readonly storages: readonly string[];
  /** Signal to noise of the block matrices; null where there is no noise (JSON knows no infinity). */
  readonly meanDecibels: number | null;
  readonly cpuSeconds: number;
  /** Share of a recovery's time that went into casting. */
  readonly castShare?: number;
}

/** One format and sparsity in every layer; embedding and head stay in half precision. */
export function uniform(architecture: Architecture, weightFormat: WeightFormat, sparsity = 0): Deployment {
  const plain = plainDeployment(architecture.layers.length);
  return { ...plain, layers: plain.layers.map(() => alikeLayer({ weightFormat, sparsity })) };
}

/** What the block matrices should take before any weights exist. */
export function expectedBits(architecture: Architecture, deployment: Deployment): number {
  return blockMatrices(architecture).reduce((sum, spec) => {
    const { weightFormat, sparsity } = storageOf(spec, deployment);
    return sum + expectedWeightBits(weightFormat, spec, sparsity);
  }, 0);
}
