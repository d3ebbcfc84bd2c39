// The space in the form that variation works on, and a candidate taken apart into genes.
//
// A member is canonical, so that equal functions have equal keys:
//   - a layer without attention has nKvHeads 0;
//   - a layer with neither attention nor feed-forward does not exist: depth counts real layers alone;
//   - where no layer has attention, headDim is the space's smallest and the KV cache has the first format,
//     because neither changes anything.
import type { Architecture, Layer } from './architecture.ts';
import { type Candidate, hashOf } from './candidate.ts';
import type { KvCacheFormat, WeightFormat } from './deployment.ts';
import { type LayerChoices, type RunSpec, vocabSizeOf } from './spec.ts';

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
  readonly weightFormat: LayerChoices<WeightFormat>;
  readonly sparsity: LayerChoices<number>;
  readonly headFormat: readonly WeightFormat[];
  readonly kvCacheFormat: readonly KvCacheFormat[];
  readonly nCards: readonly number[];
}

/** The space that a valid spec describes. */
export function compileSpace(spec: Pick<RunSpec, 'space' | 'deployment' | 'task'>): Space {
  const { space, deployment, task } = spec;
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
    kvCacheFormat: deployment.kvCacheFormat,
    nCards: deployment.cards,
  };
}

/** One layer and how it is stored: what is inserted, deleted, duplicated and crossed as a whole. */
export interface Block extends Layer {
  readonly weightFormat: WeightFormat;
  readonly sparsity: number;
}

/** A candidate taken apart. `weightFormat` and `sparsity` are the genes of spaces in which all layers share one. */
export interface Genes {
  readonly dModel: number;
  readonly headDim: number;
  readonly tieEmbeddings: boolean;
  readonly blocks: readonly Block[];
  readonly weightFormat: WeightFormat;
  readonly sparsity: number;
  readonly headFormat: WeightFormat;
  readonly kvCacheFormat: KvCacheFormat;
  readonly nCards: number;
}

/** The genes of a candidate with at least one layer. */
export function genesOf({ architecture, deployment }: Candidate): Genes {
  const blocks = architecture.layers.map((layer, index) => ({ ...layer, ...deployment.layers[index]! }));
  return {
    dModel: architecture.dModel,
    headDim: architecture.headDim,
    tieEmbeddings: architecture.tieEmbeddings,
    blocks,
    weightFormat: blocks[0]!.weightFormat,
    sparsity: blocks[0]!.sparsity,
    headFormat: deployment.headFormat,
    kvCacheFormat: deployment.kvCacheFormat,
    nCards: deployment.nCards,
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
    holdsChoices(
      space.weightFormat,
      deployment.layers.map(({ weightFormat }) => weightFormat),
    ) &&
    holdsChoices(
      space.sparsity,
      deployment.layers.map(({ sparsity }) => sparsity),
    ) &&
    space.headFormat.includes(deployment.headFormat) &&
    (hasAttention ? space.kvCacheFormat : space.kvCacheFormat.slice(0, 1)).includes(
      deployment.kvCacheFormat,
    ) &&
    space.nCards.includes(deployment.nCards)
  );
}

function containsLayer(space: Space, { nHeads, nKvHeads, dFf }: Layer): boolean {
  const attention = space.attention.find((choice) => choice.nHeads === nHeads);
  return attention?.nKvHeads.includes(nKvHeads) === true && space.dFf.includes(dFf) && nHeads + dFf > 0;
}

function holdsChoices<T>({ choices, perLayer }: LayerChoices<T>, values: readonly T[]): boolean {
  return values.every((value) => choices.includes(value) && (perLayer || value === values[0]));
}
