// The space in the form that variation works on, and a candidate taken apart into genes.
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
import type { KvCacheFormat, LayerDeployment, WeightFormat } from './deployment.ts';
import { containsDraft, type Draft, type DraftChoices } from './draft.ts';
import { type PartChoices, type RunSpec, vocabSizeOf } from './spec.ts';
import { holdsStorage, storageGenes } from './storage-genes.ts';

/** A choice of query heads with the key-value heads that go with it. */
interface AttentionChoice {
  readonly nHeads: number;
  /** Divisors of `nHeads`, upwards; [0] where `nHeads` is 0. Never empty. */
  readonly nKvHeads: readonly number[];
}

/** Every choice of a run's space. Numbers are sorted upwards, formats from the widest to the narrowest. */
export interface Space {
  readonly vocabSize: number;
  readonly contextLength: number;
  readonly ropeTheta: number;
  readonly dModel: readonly number[];
  readonly headDim: readonly number[];
  readonly tieEmbeddings: readonly boolean[];
  readonly depth: readonly number[];
  readonly attention: readonly AttentionChoice[];
  readonly dFf: readonly number[];
  readonly weightFormat: PartChoices<WeightFormat>;
  readonly sparsity: PartChoices<number>;
  readonly headFormat: readonly WeightFormat[];
  readonly headSparsity: readonly number[];
  readonly kvCacheFormat: readonly KvCacheFormat[];
  readonly nCards: readonly number[];
  /** Absent = nothing drafts. */
  readonly draft?: DraftChoices;
}

/** The space that a valid spec describes. */
export function compileSpace(spec: Pick<RunSpec, 'space' | 'deployment' | 'task' | 'draft'>): Space {
  const { space, deployment, task, draft } = spec;
  const { nHeads, nKvHeads, dFf } = space.layers;
  return {
    vocabSize: vocabSizeOf(task.tokenizer),
    contextLength: task.contextLength,
    ropeTheta: space.ropeTheta,
    dModel: space.dModel,
    headDim: space.headDim,
    tieEmbeddings: space.tieEmbeddings,
    depth: space.depth,
    attention: nHeads.map((heads) => ({
      nHeads: heads,
      nKvHeads: heads === 0 ? [0] : nKvHeads.filter((kvHeads) => heads % kvHeads === 0),
    })),
    dFf,
    weightFormat: deployment.weightFormat,
    sparsity: deployment.sparsity,
    headFormat: deployment.headFormat,
    headSparsity: deployment.headSparsity,
    kvCacheFormat: deployment.kvCacheFormat,
    nCards: deployment.cards,
    ...(draft === undefined ? {} : { draft: draft.choices }),
  };
}

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
