// The space in the form that variation works on.
import type { DraftChoices } from './draft.ts';
import type { KvCacheFormat, WeightFormat } from './number-formats.ts';
import { type PartChoices, type RunSpec, vocabSizeOf } from './spec.ts';

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
