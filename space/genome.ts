// A candidate taken apart into genes, its names, and whether it is a member of a space.
//
// A member is canonical, so that equal functions have equal keys:
//   - a layer without attention has nKvHeads 0;
//   - a layer with neither attention nor feed-forward does not exist: depth counts real layers alone;
//   - the storage of a part that a layer leaves out is written like that of its other part;
//   - where no layer has attention, headDim is the space's smallest and the KV cache has the first format,
//     because neither changes anything;
//   - a draft is canonical for the target's depth (draft.ts).
import type { Architecture, Layer } from './architecture.ts';
import { type Candidate, hashOf } from './candidate.ts';
import type { Space } from './compiled-space.ts';
import type { LayerDeployment } from './deployment.ts';
import { containsDraft, type Draft } from './draft.ts';
import type { KvCacheFormat, WeightFormat } from './number-formats.ts';
import { holdsStorage, storageGenes } from './storage-genes.ts';

/** One layer and how it is stored: what is inserted, deleted, duplicated and crossed as a whole. */
export interface Block extends Layer, LayerDeployment {}

/** A candidate taken apart. */
export interface Genes {
  readonly dModel: number;
  readonly headDim: number;
  readonly tieEmbeddings: boolean;
  readonly blocks: readonly Block[];
  readonly headFormat: WeightFormat;
  readonly headSparsity: number;
  readonly kvCacheFormat: KvCacheFormat;
  readonly nCards: number;
  readonly draft: Draft | undefined;
}

function storedBlocks({ architecture, deployment }: Candidate): Block[] {
  return architecture.layers.map((layer, index) => ({ ...layer, ...deployment.layers[index]! }));
}

/** The genes of a candidate. */
export function genesOf({ architecture, deployment }: Candidate): Genes {
  return {
    dModel: architecture.dModel,
    headDim: architecture.headDim,
    tieEmbeddings: architecture.tieEmbeddings,
    blocks: storedBlocks({ architecture, deployment }),
    headFormat: deployment.embedding.weightFormat,
    headSparsity: deployment.embedding.sparsity,
    kvCacheFormat: deployment.kvCacheFormat,
    nCards: deployment.nCards,
    draft: deployment.draft,
  };
}

/** The name of a candidate: equal candidates have equal keys. */
export function candidateKey(candidate: Candidate): string {
  return hashOf(candidate);
}

/** The name of an architecture: what is trained once, however often it is deployed. */
export function architectureHash(architecture: Architecture): string {
  return hashOf(architecture);
}

/** Whether a candidate is a canonical member of the space. */
export function containsCandidate(space: Space, { architecture, deployment }: Candidate): boolean {
  const { layers } = architecture;
  const hasAttention = layers.some(({ nHeads }) => nHeads > 0);
  return (
    architecture.vocabSize === space.vocabSize &&
    architecture.contextLength === space.contextLength &&
    architecture.ropeTheta === space.ropeTheta &&
    space.dModel.includes(architecture.dModel) &&
    (hasAttention ? space.headDim : space.headDim.slice(0, 1)).includes(architecture.headDim) &&
    space.tieEmbeddings.includes(architecture.tieEmbeddings) &&
    space.depth.includes(layers.length) &&
    layers.every((layer) => containsLayer(space, layer)) &&
    deployment.layers.length === layers.length &&
    holdsStorage(storageGenes(space), storedBlocks({ architecture, deployment })) &&
    space.headFormat.includes(deployment.embedding.weightFormat) &&
    space.headSparsity.includes(deployment.embedding.sparsity) &&
    (hasAttention ? space.kvCacheFormat : space.kvCacheFormat.slice(0, 1)).includes(
      deployment.kvCacheFormat,
    ) &&
    space.nCards.includes(deployment.nCards) &&
    containsDraft(space.draft, deployment.draft, layers.length, space)
  );
}

function containsLayer(space: Space, { nHeads, nKvHeads, dFf }: Layer): boolean {
  const attention = space.attention.find((choice) => choice.nHeads === nHeads);
  return attention?.nKvHeads.includes(nKvHeads) === true && space.dFf.includes(dFf) && nHeads + dFf > 0;
}
