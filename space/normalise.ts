// What the schema accepted -> the normalised spec: lists expanded and sorted, defaults that depend on other keys
// filled in, constraints parsed. Problems are reported, not thrown, so that a user sees all of them.
import type { Architecture, Layer } from './architecture.ts';
import type { Candidate } from './candidate.ts';
import { byWidth, distinct, numbers, type Path, partChoices, type Report } from './choices.ts';
import { compileSpace } from './compiled-space.ts';
import { type Constraint, parseConstraint } from './constraint.ts';
import { countMembers } from './count.ts';
import type { LayerPart, Workload } from './deployment.ts';
import { didYouMean } from './did-you-mean.ts';
import type { DraftLength, DraftModelChoices } from './draft.ts';
import { ExpressionError } from './expression.ts';
import { type MetricName, type MetricTable, metricOf, metricTable } from './metrics.ts';
import { KV_CACHE_FORMATS, WEIGHT_FORMATS } from './number-formats.ts';
import type { Scale } from './scale.ts';
import { show } from './schema-issues.ts';
import {
  type DeploymentSpec,
  type DraftSpec,
  type RunSpec,
  SEARCH_INGREDIENTS,
  type SearchSpec,
  type SpaceSpec,
  type TaskSpec,
  type TrainingSpec,
  vocabSizeOf,
} from './spec.ts';
import type { RawSpec } from './spec-schema.ts';

/** Fills in everything; the result is only meaningful where nothing was reported. */
export function normalise(
  raw: RawSpec,
  { defaultName, metrics }: { readonly defaultName: string; readonly metrics?: MetricTable | undefined },
  report: Report,
): RunSpec {
  const known = metricTable(metrics === undefined ? {} : { metrics });
  const task = normaliseTask(raw.task);
  const space = normaliseSpace(raw.space, report);
  const deployment = normaliseDeployment(raw.deployment, report);
  const draft = raw.draft === undefined ? undefined : normaliseDraft(raw.draft, report);
  const drafting = draft === undefined ? {} : { draft };
  const scale = raw.scale === undefined ? undefined : normaliseScale(raw.scale);
  const baseline =
    raw.baseline === undefined ? undefined : baselineCandidate(raw.baseline, task, space, report);
  return {
    specVersion: 1,
    name: raw.name ?? defaultName,
    seed: raw.seed,
    task,
    space,
    deployment,
    ...drafting,
    ...(scale === undefined ? {} : { scale }),
    accelerator: raw.accelerator,
    workload: raw.workload ?? defaultWorkload(scale?.contextLength ?? task.contextLength),
    ...(baseline === undefined ? {} : { baseline }),
    ...(metrics === undefined ? {} : { metrics }),
    objectives: normaliseObjectives(raw.objectives, known, report),
    constraints: raw.constraints.flatMap((text, index) =>
      constraint(text, ['constraints', index], known, report),
    ),
    search: normaliseSearch(raw.search, { space, deployment, task, ...drafting }, known, report),
    training: normaliseTraining(raw.training, task, space, report),
    compression: raw.compression,
    engine: raw.engine,
    workers: raw.workers.maxThreads === undefined ? {} : { maxThreads: raw.workers.maxThreads },
  };
}

function normaliseTask(task: RawSpec['task']): TaskSpec {
  const { tokenizer } = task;
  return {
    ...task,
    tokenizer:
      tokenizer === 'bytes' ? { kind: 'bytes' } : { kind: 'bpe', vocabSize: tokenizer.bpe.vocabSize },
  };
}

function normaliseSpace(space: RawSpec['space'], report: Report): SpaceSpec {
  const at = (...path: Path) => ['space', ...path];
  const { nHeads, nKvHeads, dFf } = space.layers;
  return {
    dModel: numbers(space.dModel, at('dModel'), report),
    headDim: numbers(space.headDim, at('headDim'), report),
    tieEmbeddings: distinct(space.tieEmbeddings, at('tieEmbeddings'), report).sort(
      (a, b) => Number(a) - Number(b),
    ),
    depth: numbers(space.depth, at('depth'), report),
    ropeTheta: space.ropeTheta,
    layers: {
      nHeads: numbers(nHeads, at('layers', 'nHeads'), report),
      nKvHeads: numbers(nKvHeads, at('layers', 'nKvHeads'), report),
      dFf: numbers(dFf, at('layers', 'dFf'), report),
    },
  };
}

function normaliseDeployment(deployment: RawSpec['deployment'], report: Report): DeploymentSpec {
  const at = (key: string) => ['deployment', key];
  const { weightFormat, sparsity, headFormat, headSparsity, kvCacheFormat, cards } = deployment;
  return {
    weightFormat: partChoices(weightFormat, at('weightFormat'), report, (a, b) =>
      byWidth(WEIGHT_FORMATS, a, b),
    ),
    sparsity: partChoices(sparsity, at('sparsity'), report, (a, b) => a - b),
    headFormat: distinct(headFormat, at('headFormat'), report).sort((a, b) => byWidth(WEIGHT_FORMATS, a, b)),
    headSparsity: distinct(headSparsity, at('headSparsity'), report).sort((a, b) => a - b),
    kvCacheFormat: distinct(kvCacheFormat, at('kvCacheFormat'), report).sort((a, b) =>
      byWidth(KV_CACHE_FORMATS, a, b),
    ),
    cards: numbers(cards, at('cards'), report),
  };
}

function normaliseDraft(raw: NonNullable<RawSpec['draft']>, report: Report): DraftSpec {
  const { model, self, lookup, length, confidence, ...measured } = raw;
  const lengths = distinct<DraftLength>(length, ['draft', 'length'], report);
  const order = (item: DraftLength) => (item === 'best' ? Number.POSITIVE_INFINITY : item);
  return {
    choices: {
      ...(model === undefined ? {} : { model: normaliseDraftModel(model, report) }),
      self,
      lookup,
      draftLength: lengths.sort((a, b) => order(a) - order(b)),
      confidence: distinct(confidence, ['draft', 'confidence'], report).sort((a, b) => a - b),
    },
    ...measured,
  };
}

function normaliseDraftModel(
  model: NonNullable<NonNullable<RawSpec['draft']>['model']>,
  report: Report,
): DraftModelChoices {
  const at = (key: keyof typeof model) => ['draft', 'model', key];
  const list = (key: 'dModel' | 'headDim' | 'depth' | 'nHeads' | 'nKvHeads' | 'dFf') =>
    numbers(model[key], at(key), report);
  return {
    dModel: list('dModel'),
    headDim: list('headDim'),
    tieEmbeddings: distinct(model.tieEmbeddings, at('tieEmbeddings'), report).sort(
      (a, b) => Number(a) - Number(b),
    ),
    depth: list('depth'),
    nHeads: list('nHeads'),
    nKvHeads: list('nKvHeads'),
    dFf: list('dFf'),
    weightFormat: distinct(model.weightFormat, at('weightFormat'), report).sort((a, b) =>
      byWidth(WEIGHT_FORMATS, a, b),
    ),
  };
}

function normaliseScale(scale: NonNullable<RawSpec['scale']>): Scale {
  const { width, heads, vocabSize, contextLength } = scale;
  return {
    width,
    heads,
    ...(vocabSize === undefined ? {} : { vocabSize }),
    ...(contextLength === undefined ? {} : { contextLength }),
  };
}

/** Three quarters of the context are prompt, one quarter is generated. */
function defaultWorkload(contextLength: number): Workload {
  const generatedTokens = Math.floor(contextLength / 4);
  return { batch: 1, promptTokens: contextLength - generatedTokens, generatedTokens };
}

function baselineCandidate(
  raw: NonNullable<RawSpec['baseline']>,
  task: TaskSpec,
  space: SpaceSpec,
  report: Report,
): Candidate {
  const architecture = writtenArchitecture(raw, task, space, ['baseline'], report);
  return {
    architecture,
    deployment: {
      layers: architecture.layers.map(({ nHeads, dFf }) => {
        const storage = (part: LayerPart) => ({
          weightFormat: partOf(raw.weightFormat, part),
          sparsity: partOf(raw.sparsity, part),
        });
        // A part that is left out is written like the other one, as in members of a space.
        return {
          attention: storage(nHeads === 0 ? 'feedForward' : 'attention'),
          feedForward: storage(dFf === 0 ? 'attention' : 'feedForward'),
        };
      }),
      embedding: { weightFormat: raw.headFormat, sparsity: raw.headSparsity },
      kvCacheFormat: raw.kvCacheFormat,
      nCards: raw.cards,
    },
  };
}

function partOf<T extends string | number>(value: T | Record<LayerPart, T>, part: LayerPart): T {
  return typeof value === 'object' ? value[part] : value;
}

type RawTeacher = NonNullable<RawSpec['training']['teacher']>;

/** An architecture that is written out at `path`, with the run's vocabulary and context. */
function writtenArchitecture(
  raw: NonNullable<RawTeacher['model']>,
  task: TaskSpec,
  space: SpaceSpec,
  path: Path,
  report: Report,
): Architecture {
  return {
    dModel: raw.dModel,
    headDim: raw.headDim,
    vocabSize: vocabSizeOf(task.tokenizer),
    contextLength: task.contextLength,
    tieEmbeddings: raw.tieEmbeddings,
    ropeTheta: space.ropeTheta,
    layers: writtenLayers(raw, path, report),
  };
}

function writtenLayers(raw: NonNullable<RawTeacher['model']>, path: Path, report: Report): readonly Layer[] {
  const { layers, layer, depth } = raw;
  if (layers !== undefined && layer === undefined && depth === undefined) {
    for (const [index, each] of layers.entries()) checkLayer(each, [...path, 'layers', index], report);
    return layers;
  }
  if (layers === undefined && layer !== undefined && depth !== undefined) {
    checkLayer(layer, [...path, 'layer'], report);
    return Array.from({ length: depth }, () => layer);
  }
  report({ path, message: 'needs either "layers", or "layer" and "depth"' });
  return [];
}

function normaliseTraining(
  { teacher, inheritance, ...plain }: RawSpec['training'],
  task: TaskSpec,
  space: SpaceSpec,
  report: Report,
): TrainingSpec {
  const training = { ...plain, ...(inheritance ? { inheritance } : {}) } as const;
  if (teacher === undefined) return training;
  const { checkpoint, model, steps, ...loss } = teacher;
  const path = ['training', 'teacher'];
  if ((checkpoint === undefined) === (model === undefined)) {
    report({ path, message: 'needs either "checkpoint" or "model"' });
    return training;
  }
  if (checkpoint !== undefined) {
    if (steps !== undefined) {
      report({ path: [...path, 'steps'], message: 'a checkpoint is not trained further: leave "steps" out' });
    }
    return { ...training, teacher: { source: { kind: 'checkpoint', path: checkpoint }, ...loss } };
  }
  const architecture = writtenArchitecture(model!, task, space, [...path, 'model'], report);
  const source = { kind: 'model', architecture, steps: steps ?? training.rungs.at(-1)! } as const;
  return { ...training, teacher: { source, ...loss } };
}

function checkLayer({ nHeads, nKvHeads, dFf }: Layer, path: Path, report: Report): void {
  if (nHeads === 0 && dFf === 0) {
    report({ path, message: 'neither attention nor feed-forward: leave the layer out' });
  } else if (nHeads === 0 && nKvHeads !== 0) {
    report({ path: [...path, 'nKvHeads'], message: `must be 0 where nHeads is 0, found ${nKvHeads}` });
  } else if (nHeads > 0 && (nKvHeads === 0 || nHeads % nKvHeads !== 0)) {
    report({ path: [...path, 'nKvHeads'], message: `nKvHeads ${nKvHeads} does not divide nHeads ${nHeads}` });
  }
}

function normaliseObjectives(
  names: readonly string[],
  metrics: MetricTable,
  report: Report,
): readonly MetricName[] {
  for (const [index, name] of names.entries()) {
    const path = ['objectives', index];
    if (!Object.hasOwn(metrics, name)) {
      const known = Object.keys(metrics);
      const hint = didYouMean(name, known) || `; known are ${known.join(', ')}`;
      report({ path, message: `unknown metric ${show(name)}${hint}` });
    } else if (names.indexOf(name) !== index) {
      report({ path, message: `${show(name)} is listed twice` });
    }
  }
  return names;
}

function constraint(text: string, path: Path, metrics: MetricTable, report: Report): Constraint[] {
  try {
    return [parseConstraint(text, metrics)];
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    report({ path, message: error.message, offset: error.offset });
    return [];
  }
}

/** A bound that candidates take turns at: of a number, on what is known without training. */
function sweptBound(text: string, path: Path, metrics: MetricTable, report: Report): Constraint[] {
  const found = constraint(text, path, metrics, report);
  for (const { metric, bound } of found) {
    if (metricOf(metrics, metric).trained) {
      report({ path, message: `${metric} is known only after training: sweep what costs nothing to know` });
    } else if (bound.kind === 'relative') {
      report({ path, message: 'a swept bound is a number, not a share of the baseline' });
    }
  }
  return found;
}

/** Members of the largest space that is listed whole. */
const MOST_LISTED = 10_000n;

/** Distinct candidates: as many as wished, or all members where the search lists the space. */
function candidatesOf(
  { algorithm, candidates }: RawSpec['search'],
  parts: Pick<RunSpec, 'space' | 'deployment' | 'task' | 'draft'>,
  report: Report,
): number {
  if (algorithm !== 'exhaustive') return candidates ?? 32;
  const nMembers = countMembers(compileSpace(parts));
  if (nMembers > MOST_LISTED) {
    const message = `exhaustive trains every member, and this space has ${nMembers}: at most ${MOST_LISTED} allowed`;
    report({ path: ['search', 'algorithm'], message });
    return Number(MOST_LISTED);
  }
  if (candidates !== undefined && candidates < nMembers) {
    const message = `exhaustive trains all ${nMembers} members: leave candidates out, or take another algorithm`;
    report({ path: ['search', 'candidates'], message });
  }
  return Number(nMembers);
}

/** Parents by default: a twentieth of the candidates, at least 8, never more than there are. */
function normaliseSearch(
  search: RawSpec['search'],
  parts: Pick<RunSpec, 'space' | 'deployment' | 'task' | 'draft'>,
  metrics: MetricTable,
  report: Report,
): SearchSpec {
  const { algorithm, eta, lag, deploymentsPerArchitecture } = search;
  const candidates = candidatesOf(search, parts, report);
  const population = search.population ?? Math.min(candidates, Math.max(8, Math.ceil(candidates / 20)));
  const without = distinct(search.without, ['search', 'without'], report);
  const sweep = search.sweep.flatMap((text, index) =>
    sweptBound(text, ['search', 'sweep', index], metrics, report),
  );
  const inOrder = SEARCH_INGREDIENTS.filter((ingredient) => without.includes(ingredient));
  return {
    algorithm,
    candidates,
    population,
    eta,
    lag,
    deploymentsPerArchitecture,
    ...(sweep.length === 0 ? {} : { sweep }),
    ...(inOrder.length === 0 ? {} : { without: inOrder }),
  };
}
