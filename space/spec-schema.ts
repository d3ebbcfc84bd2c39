// The shape of the YAML file, once: it validates what the user wrote, and `npm run schema` generates from it the JSON
// Schema for editors and the tables of docs/search-space.md. A description is one sentence without a capital; what
// follows `; by default` goes into the table's column of defaults. Rules between keys are in spec-checks.ts.
import { z } from 'zod';
import { DEFAULT_ENGINE, ENGINE_NAMES, PROVIDERS } from './engine-spec.ts';
import { KV_CACHE_FORMATS, WEIGHT_FORMATS } from './number-formats.ts';
import {
  PRUNING_METHODS,
  PRUNING_SCHEDULES,
  SEARCH_ALGORITHMS,
  SEARCH_INGREDIENTS,
  SPARSITY_SPLITS,
} from './spec.ts';

const natural = z.number().int().min(0).max(1_000_000);
const count = z.number().int().min(1).max(1_000_000);
const positive = z.number().positive();
const weight = z.number().min(0).max(1000);

/** One number, a list, or a range that ends exactly at `max`; `step` is 1 unless given. */
function numberChoices(item: z.ZodNumber, about: string) {
  const range = z.strictObject({
    min: item.describe('smallest choice'),
    max: item.describe('largest choice: min plus a whole number of steps'),
    step: count.default(1).describe('distance between two choices'),
  });
  return z.union([item, z.array(item).min(1), range]).describe(about);
}

/**
 * A plain list is one choice for all layers; the long form may leave it to each layer or to groups of layers; a third
 * form names the choices of attention and feed-forward apart.
 */
function layerChoices<T extends z.ZodType>(item: T, about: string) {
  const long = z.strictObject({
    choices: z.array(item).min(1).describe('the values to choose from'),
    perLayer: z
      .boolean()
      .default(false)
      .describe('true: every layer chooses for itself; false: one choice for all'),
    groups: count
      .max(1024)
      .optional()
      .describe('layers are cut into so many runs of about equal length that choose together'),
  });
  const ofLayers = z.union([item, z.array(item).min(1), long]);
  const byPart = z.strictObject({
    attention: ofLayers.describe('choices of the query, key, value and output matrices'),
    feedForward: ofLayers.describe('choices of the gate, up and down matrices'),
  });
  return z.union([item, z.array(item).min(1), long, byPart]).describe(about);
}

/** One value for both parts of a layer, or one for each. */
function partValue<T extends z.ZodType>(item: T, about: string) {
  const byPart = z.strictObject({
    attention: item.describe('of the query, key, value and output matrices'),
    feedForward: item.describe('of the gate, up and down matrices'),
  });
  return z.union([item, byPart]).describe(about);
}

function plainChoices<T extends z.ZodType>(item: T, about: string) {
  return z.union([item, z.array(item).min(1)]).describe(about);
}

// A title stands for a long list of words in the reference.
const weightFormat = z.enum(WEIGHT_FORMATS).meta({ title: 'weight format' });
const kvCacheFormat = z.enum(KV_CACHE_FORMATS);
const sparsity = z.number().min(0).max(0.99);
const headDim = z.number().int().min(2).max(1024);
const contextLength = z.number().int().min(8).max(10_000_000);

const layer = z.strictObject({
  nHeads: natural.describe('query heads; 0 = attention left out'),
  nKvHeads: natural.describe('key-value heads; divides `nHeads`'),
  dFf: natural.describe('feed-forward width; 0 = left out'),
});

const task = z.strictObject({
  corpus: z
    .string()
    .min(1)
    .describe(
      "`sotu` (State of the Union addresses), `moby-dick`, or a text file or glob, relative to this file's folder",
    ),
  validationShare: z
    .number()
    .gt(0)
    .max(0.5)
    .default(0.05)
    .describe('share of the documents that is held out for validation'),
  tokenizer: z
    .union([
      z.literal('bytes'),
      z.strictObject({
        bpe: z
          .strictObject({
            vocabSize: z.number().int().min(257).max(32_768).describe('tokens, the 256 bytes included'),
          })
          .describe('byte pairs learnt from the corpus'),
      }),
    ])
    .default('bytes')
    .describe(
      '`bytes`, or with `bpe` byte pairs learnt from the corpus, `vocabSize` tokens with the 256 bytes among them',
    ),
  contextLength: contextLength.max(65_536).default(128).describe('tokens a training sequence'),
});

const space = z.strictObject({
  dModel: numberChoices(count, 'model width'),
  headDim: numberChoices(headDim, 'width of one attention head; even. It need not be `dModel` / `nHeads`'),
  tieEmbeddings: plainChoices(z.boolean(), 'whether embedding table and output head are one matrix').default(
    true,
  ),
  depth: numberChoices(count.max(1024), 'number of layers'),
  ropeTheta: positive.default(10_000).describe('base of the rotary positions'),
  layers: z
    .strictObject({
      nHeads: numberChoices(natural, 'query heads; 0 = attention left out'),
      nKvHeads: numberChoices(
        count,
        'key-value heads; a layer only uses divisors of its `nHeads`, and every `nHeads` above 0 needs one',
      ),
      dFf: numberChoices(natural, 'feed-forward width; 0 = feed-forward left out'),
    })
    .describe('what every layer chooses for itself'),
});

const deployment = z.strictObject({
  weightFormat: layerChoices(weightFormat, "number format of the layers' weights").default('fp16'),
  sparsity: layerChoices(sparsity, "share of the layers' weights that is exactly zero; 0 = dense").default(0),
  headFormat: plainChoices(weightFormat, 'number format of the embedding table and the output head').default(
    'fp16',
  ),
  headSparsity: plainChoices(
    sparsity,
    'share of the embedding table and the output head that is exactly zero',
  ).default(0),
  kvCacheFormat: plainChoices(kvCacheFormat, 'number format of the KV cache').default('fp16'),
  cards: numberChoices(count.max(1024), 'accelerator cards that share the model').default(1),
});

const draftLength = z.union([z.literal('best'), count.max(16)]);

const draft = z.strictObject({
  model: z
    .strictObject({
      dModel: numberChoices(count, 'width of a draft model'),
      headDim: numberChoices(headDim, 'width of one of its attention heads; even'),
      tieEmbeddings: plainChoices(
        z.boolean(),
        'whether its embedding table and output head are one matrix',
      ).default(true),
      depth: numberChoices(count.max(1024), 'number of its layers, which are all alike'),
      nHeads: numberChoices(count, 'query heads of each layer'),
      nKvHeads: numberChoices(count, 'key-value heads of each layer; only divisors of `nHeads` are used'),
      dFf: numberChoices(count, 'feed-forward width of each layer'),
      weightFormat: plainChoices(weightFormat, 'number format of all of its weights').default('fp16'),
    })
    .optional()
    .describe('draft models, trained once each and shared by all targets'),
  self: z
    .boolean()
    .default(false)
    .describe('whether the first layers of the target may draft, with its head'),
  lookup: z
    .boolean()
    .default(false)
    .describe('whether what followed the last tokens earlier in the text may be proposed'),
  length: plainChoices(
    draftLength,
    'tokens that a round drafts at most; `best` = what is fastest for the acceptance that the pair has',
  ).default('best'),
  confidence: plainChoices(
    z.number().min(0).max(0.99),
    'a draft stops where it is less sure than this that all it drafted is right; 0 = a fixed length',
  ).default(0),
  temperature: z.number().min(0).max(10).default(1).describe('how the target is sampled; 0 = greedy'),
  topP: z.number().gt(0).max(1).default(1).describe('nucleus of that sampling'),
  alignmentSteps: natural
    .default(0)
    .describe('steps by which a draft model that is worth it is trained on its target; 0 = none'),
});

const scale = z.strictObject({
  width: count.max(4096).describe('factor on `dModel` and `dFf`'),
  heads: count
    .max(4096)
    .describe(
      'factor on `nHeads` and `nKvHeads`; `headDim` grows by `width` / `heads`, which must give even whole numbers',
    ),
  vocabSize: count
    .max(10_000_000)
    .optional()
    .describe('vocabulary of the deployed model; by default the trained one'),
  contextLength: contextLength
    .optional()
    .describe('context of the deployed model, in tokens; by default the trained one'),
});

const workload = z.strictObject({
  batch: count.default(1).describe('requests served together'),
  promptTokens: count.max(10_000_000).describe('tokens of the prompt'),
  generatedTokens: count.max(10_000_000).describe('tokens generated for it'),
});

/** One architecture, written out. */
const modelKeys = {
  dModel: count.describe('model width'),
  headDim: headDim.describe('width of one attention head'),
  tieEmbeddings: z.boolean().default(true).describe('whether embedding table and output head are one matrix'),
  layers: z.array(layer).min(1).max(1024).optional().describe('the layers, first to last'),
  layer: layer.optional().describe('the one layer that is repeated `depth` times (instead of `layers`)'),
  depth: count.max(1024).optional().describe('how often `layer` is repeated'),
};

const baseline = z.strictObject({
  ...modelKeys,
  weightFormat: partValue(weightFormat, "number format of the layers' weights").default('fp16'),
  sparsity: partValue(sparsity, "share of the layers' weights that is exactly zero").default(0),
  headFormat: weightFormat
    .default('fp16')
    .describe('number format of the embedding table and the output head'),
  headSparsity: sparsity
    .default(0)
    .describe('share of the embedding table and the output head that is exactly zero'),
  kvCacheFormat: kvCacheFormat.default('fp16').describe('number format of the KV cache'),
  cards: count.max(1024).default(1).describe('accelerator cards that share the model'),
});

const search = z.strictObject({
  algorithm: z
    .enum(SEARCH_ALGORITHMS)
    .default('guided')
    .describe(
      '`guided`: evolution steered by a forecast of the loss; `nsga2`: evolution by non-dominated rank; `regularized-evolution`: mutants of the latest; `local-search`: neighbours of the front; `random`: the yardstick; `exhaustive`: every member of a small space',
    ),
  candidates: count
    .optional()
    .describe(
      'distinct candidates that are trained at the lowest rung (with `guided` over several rungs: at most); by default 32, all members where the search is `exhaustive`',
    ),
  population: count.optional().describe('parents kept; by default a twentieth of `candidates`, at least 8'),
  eta: z
    .number()
    .int()
    .min(2)
    .max(100)
    .default(3)
    .describe(
      'one in `eta` candidates is promoted to the next rung, and each rung must keep at least one; `guided` spends as much training, but where it promises most',
    ),
  lag: count
    .max(10_000)
    .default(8)
    .describe(
      'evaluation k is chosen from the results of evaluations up to k - `lag`, whatever the number of workers',
    ),
  deploymentsPerArchitecture: natural
    .max(1000)
    .default(2)
    .describe(
      'further deployments that are measured of an architecture which reached the highest rung, on the weights it has there; they do not count as candidates that are trained. 0 = none',
    ),
  sweep: z
    .array(z.string())
    .max(16)
    .default([])
    .describe(
      'bounds written like constraints, such as `memory <= 1 GiB`, on metrics that need no training: candidates are looked for within each in turn, and once in a while without any, so that a front has members in every part; no bound rules anything out',
    ),
  without: z
    .array(z.enum(SEARCH_INGREDIENTS))
    .default([])
    .describe('ingredients of the search that are switched off, to measure what each is worth'),
});

const compression = z.strictObject({
  method: z
    .enum(PRUNING_METHODS)
    .default('magnitude')
    .describe(
      'how the weights that go are chosen: `magnitude`; `wanda`, magnitude times the size of the inputs; `sparsegpt`, which also moves the other weights to make up for it',
    ),
  split: z
    .enum(SPARSITY_SPLITS)
    .default('uniform')
    .describe(
      '`uniform`: a layer has the sparsity of its deployment; `owl`: the sparsity is the mean over the layers, less for those with more outliers (only where `sparsity` is one choice for all layers and parts)',
    ),
  schedule: z
    .enum(PRUNING_SCHEDULES)
    .default('one-shot')
    .describe(
      '`one-shot`: weights are pruned, then recovery fine-tunes the rest; `gradual`: by magnitude along a cubic schedule over the first six tenths of the recovery',
    ),
  calibrationWindows: count
    .max(65_536)
    .default(64)
    .describe('training sequences on which `wanda`, `sparsegpt` and `owl` look at inputs'),
  recoverySteps: natural
    .default(0)
    .describe(
      'optimiser steps of fine-tuning on the pruned and cast weights before the loss is measured, 0 = off; at most ten times the highest rung',
    ),
  recoveryLearningRate: positive.max(1).default(0.001).describe('peak of the schedule of that fine-tuning'),
});

const teacher = z.strictObject({
  checkpoint: z
    .string()
    .min(1)
    .optional()
    .describe("the teacher: a checkpoint of an earlier run, relative to this file's folder"),
  model: z
    .strictObject(modelKeys)
    .optional()
    .describe('or an architecture that is trained first, without a teacher of its own'),
  steps: count
    .optional()
    .describe('optimiser steps that `model` is trained for; by default those of the highest rung'),
  crossEntropy: weight.default(0.5).describe('weight of the cross entropy with the text'),
  forwardKl: weight.default(0.5).describe("weight of the divergence from the teacher's predictions"),
  temperature: positive
    .max(100)
    .default(1)
    .describe('temperature at which that divergence compares the predictions of both'),
  totalVariation: weight
    .default(0)
    .describe(
      "weight of the total variation to the teacher's predictions: what a draft of the teacher minimises",
    ),
  writtenShare: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('share of the training sequences that the teacher writes, instead of the corpus'),
  writtenTexts: count.max(65_536).default(256).describe('different sequences that the teacher writes'),
});

const training = z.strictObject({
  rungs: z
    .array(count)
    .min(1)
    .max(16)
    .default([150, 450])
    .describe(
      'optimiser steps reached at each rung, increasing; a promoted candidate continues where it stopped',
    ),
  batch: count.max(4096).default(8).describe('sequences a step'),
  learningRate: positive
    .max(1)
    .default(0.003)
    .describe('peak of the schedule: linear warm-up, then cosine decay'),
  warmupSteps: natural.default(20).describe('steps of warm-up; fewer than the first rung'),
  weightDecay: z.number().min(0).max(10).default(0.1).describe('decoupled weight decay of AdamW'),
  beta1: z.number().min(0).lt(1).default(0.9).describe("AdamW's first moment"),
  beta2: z.number().min(0).lt(1).default(0.95).describe("AdamW's second moment"),
  epsilon: positive.max(1).default(1e-8).describe('what AdamW adds to the root'),
  gradientClip: z.number().min(0).default(1).describe('largest global norm of a gradient; 0 = not clipped'),
  evaluationTokens: count.max(1e9).default(32_768).describe('validation tokens that a loss is measured on'),
  timeoutSeconds: positive
    .max(1e7)
    .default(600)
    .describe('a training that takes longer is stopped and counts as timed out'),
  inheritance: z
    .boolean()
    .default(false)
    .describe(
      'whether training below the highest rung begins from the weights of the most alike model that has reached it; the highest rung is then trained from the start',
    ),
  teacher: teacher
    .optional()
    .describe('a larger model that candidates learn from; its loss replaces the plain cross entropy'),
});

const engine = z.strictObject({
  name: z
    .enum(ENGINE_NAMES)
    .default(DEFAULT_ENGINE.name)
    .describe(
      'onnx compiles the model; tensorflow (needs `@tensorflow/tfjs-node`), wasm (needs `@tensorflow/tfjs-backend-wasm`) and cpu run it operation by operation, many times slower',
    ),
  provider: z.enum(PROVIDERS).default(DEFAULT_ENGINE.provider).describe('where onnx computes'),
  threads: count.max(1024).default(DEFAULT_ENGINE.threads).describe('threads inside one operation of onnx'),
});

/** The whole YAML file, before defaults that depend on other keys and before constraints are parsed. */
export const specSchema = z.strictObject({
  specVersion: z.literal(1).describe('version of this file format: 1'),
  name: z.string().min(1).max(100).optional().describe("name of the run; by default the file's name"),
  seed: z
    .number()
    .int()
    .min(0)
    .max(2 ** 53 - 1)
    .default(1)
    .describe('the same seed gives the same run, with any number of workers'),
  task: task.describe('what the models learn'),
  space: space.describe('the architectures to search'),
  deployment: deployment.prefault({}).describe('how a model is served'),
  draft: draft
    .optional()
    .describe('what may draft tokens for speculative decoding, beside nothing; by default nothing may'),
  scale: scale.optional().describe('the larger relative that a trained model stands for'),
  accelerator: z
    .string()
    .min(1)
    .describe(
      "a name of the catalogue (`qualcomm-ai100-ultra`), or the path of an accelerator file, relative to this file's folder",
    ),
  workload: workload
    .optional()
    .describe(
      'what is asked of the served model; by default ¾ of the deployed context as prompt, ¼ generated',
    ),
  baseline: baseline.optional().describe('an architecture that is evaluated first, for relative constraints'),
  objectives: z
    .array(z.string())
    .min(1)
    .max(5)
    .default(['loss', 'decodeLatency'])
    .describe('1 to 5 metrics; each is made as low (or as high) as can be'),
  constraints: z
    .array(z.string())
    .default([])
    .describe(
      'conditions that a candidate must meet, such as `memory <= 16 GiB` or `loss <= 1.02 * baseline`',
    ),
  search: search.prefault({}).describe('how candidates are chosen'),
  training: training.prefault({}).describe('how candidates are trained'),
  compression: compression
    .prefault({})
    .describe('how trained weights are compressed before they are measured'),
  engine: engine.prefault({}).describe('what computes trainings and measurements'),
  workers: z
    .strictObject({
      maxThreads: count
        .max(1024)
        .optional()
        .describe(
          'candidates that are trained at once. It does not change the results; by default the cores divided by engine.threads',
        ),
    })
    .default({})
    .describe('how many candidates are trained at once'),
});

/** What the schema accepts, defaults filled in. */
export type RawSpec = z.output<typeof specSchema>;
