// A normalised spec written back as the YAML file that it could have come from: reading that file again gives an
// equal spec, so whoever holds a report can repeat the run.
import { Document, isMap, isScalar, isSeq, visit } from 'yaml';
import type { Architecture } from '../../space/architecture.ts';
import type { Candidate } from '../../space/candidate.ts';
import type { LayerPart, WeightStorage } from '../../space/deployment.ts';
import type {
  DraftSpec,
  LayerChoices,
  PartChoices,
  RunSpec,
  SearchSpec,
  TrainingSpec,
} from '../../space/spec.ts';
import { hasPart } from '../../space/storage-genes.ts';

/** Keys of a map that still read well on one line. */
const SHORT = 6;

/** One value where there is one, else the list. */
function choices<T>(values: readonly T[]): T | readonly T[] {
  return values.length === 1 ? values[0]! : values;
}

function ofLayers<T>({ choices: values, nGroups }: LayerChoices<T>) {
  if (nGroups === undefined) return { choices: values, perLayer: true };
  return nGroups === 1 ? choices(values) : { choices: values, groups: nGroups };
}

function ofParts<T>(property: PartChoices<T>) {
  if (property.kind === 'alike') return ofLayers(property);
  return { attention: ofLayers(property.attention), feedForward: ofLayers(property.feedForward) };
}

/** The file's form of an architecture; layers in one list, because they may differ. */
function modelOf({ dModel, headDim, tieEmbeddings, layers }: Architecture) {
  return { dModel, headDim, tieEmbeddings, layers };
}

function searchOf({ sweep, ...search }: SearchSpec) {
  return sweep === undefined ? search : { ...search, sweep: sweep.map(({ text }) => text) };
}

function trainingOf({ teacher, ...training }: TrainingSpec) {
  if (teacher === undefined) return training;
  const { source, ...loss } = teacher;
  const named =
    source.kind === 'checkpoint'
      ? { checkpoint: source.path }
      : { model: modelOf(source.architecture), steps: source.steps };
  return { ...training, teacher: { ...named, ...loss } };
}

function draftOf({ choices: { model, self, lookup, draftLength, confidence }, ...measured }: DraftSpec) {
  const shapes = Object.entries(model ?? {}).map(([name, values]) => [name, choices<unknown>(values)]);
  return {
    ...(model === undefined ? {} : { model: Object.fromEntries(shapes) }),
    self,
    lookup,
    length: choices(draftLength),
    confidence: choices(confidence),
    ...measured,
  };
}

function baselineOf({ architecture, deployment }: Candidate) {
  const { layers } = architecture;
  const { embedding, kvCacheFormat, nCards } = deployment;
  // All layers have one storage a part: the first layer that has the part says it.
  const stored = (part: LayerPart) =>
    deployment.layers[layers.findIndex((layer) => hasPart(layer, part))]?.[part];
  const [attention, feedForward] = [stored('attention'), stored('feedForward')];
  const byPart = <K extends keyof WeightStorage>(property: K) => {
    const [a, b] = [attention ?? feedForward, feedForward ?? attention].map((each) => each![property]);
    return a === b ? a : { attention: a, feedForward: b };
  };
  return {
    ...modelOf(architecture),
    weightFormat: byPart('weightFormat'),
    sparsity: byPart('sparsity'),
    headFormat: embedding.weightFormat,
    headSparsity: embedding.sparsity,
    kvCacheFormat,
    cards: nCards,
  };
}

/** The YAML text of a spec, every default spelled out. */
export function specYaml(spec: RunSpec): string {
  const {
    specVersion,
    name,
    seed,
    task,
    space,
    deployment,
    draft,
    baseline,
    objectives,
    constraints,
    search,
    training,
    metrics,
    ...plain
  } = spec;
  const { tokenizer } = task;
  const { weightFormat, sparsity, headFormat, headSparsity, kvCacheFormat, cards } = deployment;
  const { nHeads, nKvHeads, dFf } = space.layers;
  const file = {
    specVersion,
    name,
    seed,
    task: {
      ...task,
      tokenizer: tokenizer.kind === 'bytes' ? 'bytes' : { bpe: { vocabSize: tokenizer.vocabSize } },
    },
    space: {
      ...space,
      dModel: choices(space.dModel),
      headDim: choices(space.headDim),
      depth: choices(space.depth),
      tieEmbeddings: choices(space.tieEmbeddings),
      layers: { nHeads: choices(nHeads), nKvHeads: choices(nKvHeads), dFf: choices(dFf) },
    },
    deployment: {
      ...deployment,
      weightFormat: ofParts(weightFormat),
      sparsity: ofParts(sparsity),
      headFormat: choices(headFormat),
      headSparsity: choices(headSparsity),
      kvCacheFormat: choices(kvCacheFormat),
      cards: choices(cards),
    },
    ...(draft === undefined ? {} : { draft: draftOf(draft) }),
    ...(baseline === undefined ? {} : { baseline: baselineOf(baseline) }),
    objectives,
    constraints: constraints.map(({ text }) => text),
    search: searchOf(search),
    training: trainingOf(training),
    // Sections that the file and the normalised spec write alike.
    ...plain,
  };
  const document = new Document(file, { aliasDuplicateObjects: false });
  const own = Object.keys(metrics ?? {}).join(' and ');
  if (own !== '')
    document.commentBefore = ` ${own}: computed by the program that started this run; start it there`;
  // Short collections stand on one line, as people write them.
  visit(document, {
    Collection: (_, node) => {
      const values = isMap(node) ? node.items.map(({ value }) => value) : isSeq(node) ? node.items : [];
      const isPlain = (value: unknown) => isScalar(value) && !String(value.value).includes(' ');
      node.flow = values.every(isPlain) && (isSeq(node) || values.length <= SHORT);
    },
  });
  return document.toString({ lineWidth: 100, flowCollectionPadding: false });
}
