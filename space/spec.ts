// The normalised specification of a run: what a valid YAML file says, with every list expanded, every default
// filled in and every constraint parsed. Plain JSON data: `canonicalJson` of it names the run.
import type { Architecture } from './architecture.ts';
import type { Candidate } from './candidate.ts';
import type { Constraint } from './constraint.ts';
import type { LayerPart, Workload } from './deployment.ts';
import type { DraftChoices } from './draft.ts';
import type { EngineSpec } from './engine-spec.ts';
import type { MetricName, MetricTable } from './metrics.ts';
import type { KvCacheFormat, WeightFormat } from './number-formats.ts';
import type { Scale } from './scale.ts';

/** Search algorithms by their name in the YAML file. */
export const SEARCH_ALGORITHMS = [
  'nsga2',
  'guided',
  'random',
  'regularized-evolution',
  'local-search',
  'exhaustive',
] as const;
export type SearchAlgorithm = (typeof SEARCH_ALGORITHMS)[number];

/** What a search can do without, to measure what each is worth. */
export const SEARCH_INGREDIENTS = [
  /** Children have two parents. */
  'crossover',
  /** `nsga2` draws those kinds of mutation more often that have been of use; without it at fixed rates. */
  'adaptive-rates',
  /** What breaks a constraint that needs no training is never asked. */
  'constraint-check',
  /** Climbs by hypervolume gain; without it by rank and crowding alone. */
  'gain-promotion',
  /** Climbs by what the model expects at the highest rung; without it by what was measured. */
  'extrapolation',
  /** `guided` spends training where it promises most for its cost; without it a fixed share climbs. */
  'allocation',
  /** The first candidates of `guided` lie far apart; without it they are random. */
  'spread-start',
  /** The gain counts how unsure the model is; without it the mean decides. */
  'uncertainty',
  /** The best of the evolved offspring are improved by local climbs of the gain. */
  'climbs',
] as const;
export type SearchIngredient = (typeof SEARCH_INGREDIENTS)[number];

/** How text becomes tokens: bytes (256 tokens), or byte pairs learnt from the corpus. */
export type TokenizerSpec = { readonly kind: 'bytes' } | { readonly kind: 'bpe'; readonly vocabSize: number };

export interface TaskSpec {
  /** A built-in corpus, a text file or a glob; paths are relative to the YAML file's folder. */
  readonly corpus: string;
  /** Share of the corpus's documents that is held out for validation, in (0, 1). */
  readonly validationShare: number;
  readonly tokenizer: TokenizerSpec;
  /** Tokens a training sequence. */
  readonly contextLength: number;
}

/** What may be searched in the architecture. Every list is sorted upwards, free of duplicates, and not empty. */
export interface SpaceSpec {
  readonly dModel: readonly number[];
  readonly headDim: readonly number[];
  readonly tieEmbeddings: readonly boolean[];
  readonly depth: readonly number[];
  readonly ropeTheta: number;
  readonly layers: {
    readonly nHeads: readonly number[];
    readonly nKvHeads: readonly number[];
    readonly dFf: readonly number[];
  };
}

/**
 * What the layers choose from. The layers are cut into `nGroups` runs of about equal length that choose together:
 * 1 = one choice for all; absent = every layer chooses for itself.
 */
export interface LayerChoices<T> {
  readonly choices: readonly T[];
  readonly nGroups?: number;
}

/** Choices of one property of the layers: by part, or one for both parts of a layer. */
export type PartChoices<T> =
  | ({ readonly kind: 'alike' } & LayerChoices<T>)
  | ({ readonly kind: 'by-part' } & Readonly<Record<LayerPart, LayerChoices<T>>>);

/** What may be searched in the deployment. Formats are sorted from the widest to the narrowest. */
export interface DeploymentSpec {
  readonly weightFormat: PartChoices<WeightFormat>;
  readonly sparsity: PartChoices<number>;
  /** Of the embedding table and the output head. */
  readonly headFormat: readonly WeightFormat[];
  readonly headSparsity: readonly number[];
  readonly kvCacheFormat: readonly KvCacheFormat[];
  readonly cards: readonly number[];
}

/** What may draft tokens for speculative decoding, and how it is measured. */
export interface DraftSpec {
  readonly choices: DraftChoices;
  /** How the served model is sampled: acceptance depends on it. 0 = greedy. */
  readonly temperature: number;
  readonly topP: number;
  /** Steps by which a draft model that is worth it is trained on its target; 0 = none. */
  readonly alignmentSteps: number;
}

/** How the weights that a deployment prunes are chosen. */
export const PRUNING_METHODS = ['magnitude', 'wanda', 'sparsegpt'] as const;
type PruningMethodName = (typeof PRUNING_METHODS)[number];

/** How a sparsity is shared out over the layers: the same for all, or less for layers with more outliers. */
export const SPARSITY_SPLITS = ['uniform', 'owl'] as const;
type SparsitySplit = (typeof SPARSITY_SPLITS)[number];

/** When weights are pruned: all at once before recovery, or little by little while it goes on. */
export const PRUNING_SCHEDULES = ['one-shot', 'gradual'] as const;
type PruningScheduleName = (typeof PRUNING_SCHEDULES)[number];

/** How trained weights become those of a deployment before its loss is measured. */
export interface CompressionSpec {
  readonly method: PruningMethodName;
  readonly split: SparsitySplit;
  readonly schedule: PruningScheduleName;
  /** Training windows on which wanda, sparsegpt and owl look at the inputs of the matrices. */
  readonly calibrationWindows: number;
  /** Steps of fine-tuning after pruning and casting; 0 = off. */
  readonly recoverySteps: number;
  /** Peak of the fine-tuning's schedule. */
  readonly recoveryLearningRate: number;
}

export interface SearchSpec {
  readonly algorithm: SearchAlgorithm;
  /** Distinct candidates that enter the lowest rung. */
  readonly candidates: number;
  readonly population: number;
  /** One in `eta` of a rung's candidates is promoted to the next. */
  readonly eta: number;
  /** Evaluation k is chosen from the results of evaluations up to k - lag. */
  readonly lag: number;
  /** Further deployments that are measured of an architecture which reached the highest rung; 0 = none. */
  readonly deploymentsPerArchitecture: number;
  /** Bounds that candidates take turns at, on metrics that need no training; absent = none. */
  readonly sweep?: readonly Constraint[];
  /** Ingredients that are switched off, in the order of {@link SEARCH_INGREDIENTS}; absent = none. */
  readonly without?: readonly SearchIngredient[];
}

/** A larger model whose predictions candidates learn from, beside the text. Weights of loss parts; 0 = left out. */
export interface TeacherSpec {
  readonly source:
    | {
        readonly kind: 'checkpoint';
        /** Relative to the spec's folder. */
        readonly path: string;
      }
    | {
        /** Trained before the first candidate, as if it were one. */
        readonly kind: 'model';
        readonly architecture: Architecture;
        readonly steps: number;
      };
  readonly crossEntropy: number;
  readonly forwardKl: number;
  readonly totalVariation: number;
  /** Of the forward KL. */
  readonly temperature: number;
  /** Share of the training sequences that the teacher writes. */
  readonly writtenShare: number;
  /** How many different sequences it writes. */
  readonly writtenTexts: number;
}

export interface TrainingSpec {
  /** Optimiser steps reached at each rung, strictly increasing, at least one. */
  readonly rungs: readonly number[];
  /** Sequences a step. */
  readonly batch: number;
  readonly learningRate: number;
  readonly warmupSteps: number;
  readonly weightDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Largest global norm of a gradient; 0 = not clipped. */
  readonly gradientClip: number;
  /** Validation tokens that a loss is measured on. */
  readonly evaluationTokens: number;
  /** A training that takes longer is stopped and counts as timed out. */
  readonly timeoutSeconds: number;
  readonly teacher?: TeacherSpec;
  /** Below the highest rung, training begins from the weights of the most alike model that has reached it. */
  readonly inheritance?: true;
}

export interface RunSpec {
  readonly specVersion: 1;
  readonly name: string;
  readonly seed: number;
  readonly task: TaskSpec;
  readonly space: SpaceSpec;
  readonly deployment: DeploymentSpec;
  /** Absent = every model decodes alone. */
  readonly draft?: DraftSpec;
  readonly scale?: Scale;
  /** A catalogue name, or the path of a YAML file relative to the spec's folder. */
  readonly accelerator: string;
  readonly workload: Workload;
  /** Evaluated first, and the reference of relative constraints. It need not lie in the space. */
  readonly baseline?: Candidate;
  /** Metrics that the program which started the run brings along; their functions are not part of the spec. */
  readonly metrics?: MetricTable;
  /** 1 to 5 distinct metrics. */
  readonly objectives: readonly MetricName[];
  readonly constraints: readonly Constraint[];
  readonly search: SearchSpec;
  readonly training: TrainingSpec;
  readonly compression: CompressionSpec;
  readonly engine: EngineSpec;
  /** Absent = so many threads that their engines fill the machine's cores. Not part of what a run computes. */
  readonly workers: { readonly maxThreads?: number };
}

/** Tokens the tokenizer knows: 256 for bytes. */
export function vocabSizeOf(tokenizer: TokenizerSpec): number {
  return tokenizer.kind === 'bytes' ? 256 : tokenizer.vocabSize;
}
