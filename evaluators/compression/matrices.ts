// The weight matrices of an architecture as a deployment stores them: which format, which sparsity, which axis.
import type { Architecture } from '../../space/architecture.ts';
import type { Deployment, LayerPart, WeightStorage } from '../../space/deployment.ts';
import { parameterSpecs } from '../model/parameters.ts';

/** A stored matrix, row-major (rows, cols). */
export interface MatrixSpec {
  readonly name: string;
  readonly rows: number;
  readonly cols: number;
  /** Index into `Architecture.layers`; absent for the embedding, the head and the gains. */
  readonly layer?: number;
  readonly kind: LayerPart | 'embedding' | 'gain';
  /** The axis that a product sums over. A table that is tied to the head is read by rows both ways. */
  readonly reduction: 'rows' | 'cols';
}

const LAYER = /^layers\.(\d+)\.(attention|feedForward)\./;

/** Every weight tensor of `architecture`, in the order of `parameterSpecs`; gains as (n, 1). */
export function matrixSpecs(architecture: Architecture): readonly MatrixSpec[] {
  return parameterSpecs(architecture).map(({ name, shape }): MatrixSpec => {
    const [rows, cols = 1] = shape as [number, number?];
    const inLayer = LAYER.exec(name);
    const place = inLayer === null ? {} : { layer: Number(inLayer[1]) };
    if (shape.length === 1) return { name, rows, cols, ...place, kind: 'gain', reduction: 'rows' };
    if (inLayer === null) {
      return { name, rows, cols, kind: 'embedding', reduction: name === 'head' ? 'rows' : 'cols' };
    }
    return { name, rows, cols, ...place, kind: inLayer[2] as LayerPart, reduction: 'rows' };
  });
}

/** The matrices of products inside blocks. */
export function blockMatrices(architecture: Architecture): readonly MatrixSpec[] {
  return matrixSpecs(architecture).filter(({ kind }) => kind === 'attention' || kind === 'feedForward');
}

/** The matrices that a deployment prunes. */
export function prunedMatrices(architecture: Architecture, deployment: Deployment): readonly MatrixSpec[] {
  return matrixSpecs(architecture).filter((spec) => storageOf(spec, deployment).sparsity > 0);
}

const PLAIN: WeightStorage = { weightFormat: 'fp16', sparsity: 0 };

/** How one matrix is stored. Gains stay in half precision: they are too few to save anything. */
export function storageOf({ layer, kind }: MatrixSpec, deployment: Deployment): WeightStorage {
  if (kind === 'gain') return PLAIN;
  return kind === 'embedding' ? deployment.embedding : deployment.layers[layer!]![kind];
}
