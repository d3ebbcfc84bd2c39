// A candidate as a handful of named parameters: what importance is computed over and what parallel axes show.
import { weightBits } from '../../hardware/index.ts';
import { countParameters } from '../../space/architecture.ts';
import type { Candidate } from '../../space/candidate.ts';
import { LAYER_PARTS, type WeightStorage } from '../../space/deployment.ts';
import { hasPart } from '../../space/storage-genes.ts';
import { describeStorage } from '../describe.ts';

/** Names of the parameters, with what each means. Per-layer choices enter as means over the layers. */
export const GENES = {
  dModel: 'model width',
  headDim: 'width of a head',
  depth: 'layers',
  heads: 'query heads a layer, mean',
  kvHeads: 'key-value heads a layer, mean',
  dFf: 'feed-forward width a layer, mean',
  weightBits: 'stored bits a weight of the layers, mean',
  sparsity: 'share of zeros in the layers, mean',
  headFormat: 'how embedding and head are stored',
  kvCacheFormat: 'format of the KV cache',
  tieEmbeddings: 'embedding and head are one matrix',
  cards: 'accelerator cards',
  draft: 'what drafts tokens',
  draftParameters: 'trained parameters of a draft model; 0 = none',
} as const;
export type GeneName = keyof typeof GENES;
export const GENE_NAMES = Object.keys(GENES) as GeneName[];

/** Side of the matrix that nominal bits a weight are stated for: large enough that padding does not count. */
const NOMINAL_SIDE = 4096;
const nominalBits = new Map<string, number>();

/** Stored bits a weight of a large matrix, scales and sparse indices included. */
export function bitsPerWeight({ weightFormat, sparsity }: WeightStorage): number {
  const name = `${weightFormat}@${sparsity}`;
  let bits = nominalBits.get(name);
  if (bits === undefined) {
    const shape = { rows: NOMINAL_SIDE, cols: NOMINAL_SIDE };
    bits = weightBits(weightFormat, shape, sparsity) / NOMINAL_SIDE ** 2;
    nominalBits.set(name, bits);
  }
  return bits;
}

/** The parameters of one candidate; formats by name, everything else a number. */
export function genesOf({ architecture, deployment }: Candidate): Record<GeneName, number | string> {
  const { layers } = architecture;
  const { draft } = deployment;
  const mean = (of: (at: number) => number) =>
    layers.reduce((sum, _, at) => sum + of(at), 0) / Math.max(1, layers.length);
  const overParts = (at: number, of: (storage: WeightStorage) => number) => {
    const parts = LAYER_PARTS.filter((part) => hasPart(layers[at]!, part));
    return parts.reduce((sum, part) => sum + of(deployment.layers[at]![part]) / parts.length, 0);
  };
  return {
    dModel: architecture.dModel,
    headDim: architecture.headDim,
    depth: layers.length,
    heads: mean((at) => layers[at]!.nHeads),
    kvHeads: mean((at) => layers[at]!.nKvHeads),
    dFf: mean((at) => layers[at]!.dFf),
    weightBits: mean((at) => overParts(at, bitsPerWeight)),
    sparsity: mean((at) => overParts(at, ({ sparsity }) => sparsity)),
    headFormat: describeStorage(deployment.embedding),
    kvCacheFormat: deployment.kvCacheFormat,
    tieEmbeddings: architecture.tieEmbeddings ? 'tied' : 'untied',
    cards: deployment.nCards,
    draft: draft?.kind ?? 'none',
    draftParameters: draft?.kind === 'model' ? countParameters(draft.architecture) : 0,
  };
}
