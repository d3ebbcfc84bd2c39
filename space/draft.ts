// The draft of a deployment: what proposes tokens that the target then verifies. A member has none, or one of three
// kinds; 'none' is always among the choices.
//
// A draft is canonical:
//   - a self-draft has fewer layers than the target, so a target of one layer has none;
//   - a draft model repeats one layer, with key-value heads that divide its query heads;
//   - look-up has no confidence: it is always sure.
import type { Architecture, Layer } from './architecture.ts';
import type { WeightFormat } from './number-formats.ts';
import type { Rng } from './random.ts';

/** Tokens that a round drafts at most: a number, or whatever is fastest for the acceptance that the pair has. */
export type DraftLength = number | 'best';

interface DraftRule {
  readonly draftLength: DraftLength;
  /** Drafting stops where the product of the draft's confidences falls below; 0 = a fixed length. */
  readonly confidence: number;
}

/** What followed the last tokens when they stood in the text before. */
interface LookupDraft extends DraftRule {
  readonly kind: 'lookup';
}

/** The first layers of the target with its head. */
interface SelfDraft extends DraftRule {
  readonly kind: 'self';
  readonly nLayers: number;
}

/** A model of its own: trained like a candidate, all of its weights in one format, on one of the target's cards. */
export interface ModelDraft extends DraftRule {
  readonly kind: 'model';
  readonly architecture: Architecture;
  readonly weightFormat: WeightFormat;
}

export type Draft = LookupDraft | SelfDraft | ModelDraft;

/** Tokens at the start of a text of one context that are its prompt where a pair is measured: a quarter. */
export function pairPromptTokens(contextLength: number): number {
  return Math.max(1, Math.round(0.25 * contextLength));
}

/** Tokens that a round can draft at most: it lies in what the target writes after the prompt. */
export function longestDraft(contextLength: number): number {
  return contextLength - pairPromptTokens(contextLength);
}

/** The shapes of draft models. Lists are as in a space: sorted upwards, not empty. */
export interface DraftModelChoices {
  readonly dModel: readonly number[];
  readonly headDim: readonly number[];
  readonly tieEmbeddings: readonly boolean[];
  readonly depth: readonly number[];
  readonly nHeads: readonly number[];
  readonly nKvHeads: readonly number[];
  readonly dFf: readonly number[];
  readonly weightFormat: readonly WeightFormat[];
}

/** The drafts that a space allows beside none. */
export interface DraftChoices {
  readonly model?: DraftModelChoices;
  readonly self: boolean;
  readonly lookup: boolean;
  /** Numbers upwards, then `best`. */
  readonly draftLength: readonly DraftLength[];
  readonly confidence: readonly number[];
}

/** What draft models share with their targets. */
export type SharedShape = Pick<Architecture, 'vocabSize' | 'contextLength' | 'ropeTheta'>;

const nearest = (choices: readonly number[], value: number): number =>
  choices.reduce((best, choice) => (Math.abs(choice - value) < Math.abs(best - value) ? choice : best));
const oneOf = <T>(choices: readonly T[], value: T): T => (choices.includes(value) ? value : choices[0]!);

/** Key-value heads that go with so many query heads; never empty in a valid spec. */
const kvHeadsFor = ({ nKvHeads }: DraftModelChoices, nHeads: number): number[] =>
  nKvHeads.filter((kvHeads) => nHeads % kvHeads === 0);

/** Kinds of drafts for a target of `depth` layers. */
function kindsFor({ model, self, lookup }: DraftChoices, depth: number): Draft['kind'][] {
  return [
    ...(model === undefined ? [] : (['model'] as const)),
    ...(self && depth > 1 ? (['self'] as const) : []),
    ...(lookup ? (['lookup'] as const) : []),
  ];
}

function modelArchitecture(
  choices: DraftModelChoices,
  { vocabSize, contextLength, ropeTheta }: SharedShape,
  wanted: Pick<Architecture, 'dModel' | 'headDim' | 'tieEmbeddings'> & { depth: number; layer: Layer },
): Architecture {
  const nHeads = nearest(choices.nHeads, wanted.layer.nHeads);
  const layer = {
    nHeads,
    nKvHeads: nearest(kvHeadsFor(choices, nHeads), wanted.layer.nKvHeads),
    dFf: nearest(choices.dFf, wanted.layer.dFf),
  };
  return {
    dModel: nearest(choices.dModel, wanted.dModel),
    headDim: nearest(choices.headDim, wanted.headDim),
    vocabSize,
    contextLength,
    tieEmbeddings: oneOf(choices.tieEmbeddings, wanted.tieEmbeddings),
    ropeTheta,
    layers: Array.from({ length: nearest(choices.depth, wanted.depth) }, () => layer),
  };
}

function ruleOf(choices: DraftChoices, { draftLength, confidence }: DraftRule): DraftRule {
  const numbers = choices.draftLength.filter((length) => typeof length === 'number');
  return {
    draftLength:
      typeof draftLength === 'number' && numbers.length > 0
        ? nearest(numbers, draftLength)
        : oneOf(choices.draftLength, draftLength),
    confidence: nearest(choices.confidence, confidence),
  };
}

/** The draft of a target of `depth` layers that is nearest to `draft`; none where its kind is not allowed. */
export function repairDraft(
  choices: DraftChoices | undefined,
  draft: Draft | undefined,
  depth: number,
  shared: SharedShape,
): Draft | undefined {
  if (choices === undefined || draft === undefined) return undefined;
  if (!kindsFor(choices, depth).includes(draft.kind)) return undefined;
  const rule = ruleOf(choices, draft);
  switch (draft.kind) {
    case 'lookup':
      return { kind: 'lookup', ...rule, confidence: 0 };
    case 'self':
      return { kind: 'self', nLayers: Math.min(Math.max(1, draft.nLayers), depth - 1), ...rule };
    case 'model': {
      const { architecture, weightFormat } = draft;
      const { layers } = architecture;
      return {
        kind: 'model',
        architecture: modelArchitecture(choices.model!, shared, {
          ...architecture,
          depth: layers.length,
          layer: layers[0]!,
        }),
        weightFormat: oneOf(choices.model!.weightFormat, weightFormat),
        ...rule,
      };
    }
  }
}

/** A random draft for a target of `depth` layers, none as likely as each kind. */
export function sampleDraft(
  choices: DraftChoices | undefined,
  depth: number,
  shared: SharedShape,
  rng: Rng,
): Draft | undefined {
  if (choices === undefined) return undefined;
  const kind = rng.pick<Draft['kind'] | undefined>([undefined, ...kindsFor(choices, depth)]);
  return kind === undefined ? undefined : sampleOfKind(choices, kind, depth, shared, rng);
}

function sampleOfKind(
  choices: DraftChoices,
  kind: Draft['kind'],
  depth: number,
  shared: SharedShape,
  rng: Rng,
): Draft {
  const rule = { draftLength: rng.pick(choices.draftLength), confidence: rng.pick(choices.confidence) };
  if (kind === 'lookup') return { kind, ...rule, confidence: 0 };
  if (kind === 'self') return { kind, nLayers: 1 + rng.below(depth - 1), ...rule };
  const model = choices.model!;
  const nHeads = rng.pick(model.nHeads);
  const layer = { nHeads, nKvHeads: rng.pick(kvHeadsFor(model, nHeads)), dFf: rng.pick(model.dFf) };
  const architecture = modelArchitecture(model, shared, {
    dModel: rng.pick(model.dModel),
    headDim: rng.pick(model.headDim),
    tieEmbeddings: rng.pick(model.tieEmbeddings),
    depth: rng.pick(model.depth),
    layer,
  });
  return { kind, architecture, weightFormat: rng.pick(model.weightFormat), ...rule };
}

/** How many genes a draft is: whether and how it drafts, and everything of it that has a choice. */
export function countDraftGenes(choices: DraftChoices | undefined, draft: Draft | undefined): number {
  return choices === undefined ? 0 : 1 + openGenes(choices, draft).length;
}

type DraftGene = keyof DraftRule | keyof DraftModelChoices | 'nLayers';

function openGenes(choices: DraftChoices, draft: Draft | undefined): DraftGene[] {
  if (draft === undefined) return [];
  const rule =
    draft.kind === 'lookup' ? (['draftLength'] as const) : (['draftLength', 'confidence'] as const);
  const open: DraftGene[] = rule.filter((name) => choices[name].length > 1);
  if (draft.kind === 'self') open.push('nLayers');
  if (draft.kind === 'model') {
    const model = choices.model!;
    open.push(
      ...(Object.keys(model) as (keyof DraftModelChoices)[]).filter((name) => model[name].length > 1),
    );
  }
  return open;
}

/**
 * Changes gene `number` of a canonical draft: 0 is its kind, the others what is open of it; `step` picks another choice
 * of an ordered list.
 */
export function mutateDraft(
  choices: DraftChoices,
  draft: Draft | undefined,
  number: number,
  depth: number,
  shared: SharedShape,
  rng: Rng,
  step: <T>(list: readonly T[], current: T, rng: Rng) => T,
): Draft | undefined {
  if (number === 0 || draft === undefined) {
    const kinds: (Draft['kind'] | undefined)[] = [undefined, ...kindsFor(choices, depth)];
    const others = kinds.filter((kind) => kind !== draft?.kind);
    const kind = others.length === 0 ? undefined : rng.pick(others);
    return kind === undefined ? undefined : sampleOfKind(choices, kind, depth, shared, rng);
  }
  const gene = openGenes(choices, draft)[number - 1]!;
  if (gene === 'draftLength')
    return { ...draft, draftLength: step(choices.draftLength, draft.draftLength, rng) };
  if (gene === 'confidence') return { ...draft, confidence: step(choices.confidence, draft.confidence, rng) };
  if (draft.kind === 'self') {
    const depths = Array.from({ length: depth - 1 }, (_, i) => i + 1);
    return { ...draft, nLayers: step(depths, draft.nLayers, rng) };
  }
  return mutateModel(choices.model!, draft as ModelDraft, gene as keyof DraftModelChoices, shared, rng, step);
}

function mutateModel(
  choices: DraftModelChoices,
  draft: ModelDraft,
  gene: keyof DraftModelChoices,
  shared: SharedShape,
  rng: Rng,
  step: <T>(list: readonly T[], current: T, rng: Rng) => T,
): ModelDraft {
  const { architecture } = draft;
  const { dModel, headDim, tieEmbeddings, layers } = architecture;
  const wanted = { dModel, headDim, tieEmbeddings, depth: layers.length, layer: layers[0]! };
  const changed = (change: Partial<typeof wanted>): ModelDraft => ({
    ...draft,
    architecture: modelArchitecture(choices, shared, { ...wanted, ...change }),
  });
  const { layer } = wanted;
  switch (gene) {
    case 'weightFormat':
      return { ...draft, weightFormat: step(choices.weightFormat, draft.weightFormat, rng) };
    case 'tieEmbeddings':
      return changed({ tieEmbeddings: !tieEmbeddings });
    case 'dModel':
    case 'headDim':
    case 'depth':
      return changed({ [gene]: step(choices[gene], wanted[gene], rng) });
    case 'nKvHeads':
      return changed({
        layer: { ...layer, nKvHeads: step(kvHeadsFor(choices, layer.nHeads), layer.nKvHeads, rng) },
      });
    case 'nHeads':
    case 'dFf':
      return changed({ layer: { ...layer, [gene]: step(choices[gene], layer[gene], rng) } });
  }
}

/** Whether a draft is canonical for a target of `depth` layers. */
export function containsDraft(
  choices: DraftChoices | undefined,
  draft: Draft | undefined,
  depth: number,
  shared: SharedShape,
): boolean {
  // Repair writes its keys in one order.
  return JSON.stringify(repairDraft(choices, draft, depth, shared)) === JSON.stringify(draft);
}

/** Distinct drafts of a target of `depth` layers, none among them. */
export function countDrafts(choices: DraftChoices | undefined, depth: number): bigint {
  if (choices === undefined) return 1n;
  const { model, self, lookup, draftLength, confidence } = choices;
  const size = (items: readonly unknown[]) => BigInt(items.length);
  const rules = size(draftLength) * size(confidence);
  let total = 1n;
  if (lookup) total += size(draftLength);
  if (self) total += BigInt(depth - 1) * rules;
  if (model !== undefined) {
    const heads = model.nHeads.reduce((sum, nHeads) => sum + kvHeadsFor(model, nHeads).length, 0);
    const { dModel, headDim, tieEmbeddings, depth: depths, dFf, weightFormat } = model;
    const shapes = [dModel, headDim, tieEmbeddings, depths, dFf].reduce(
      (n, list) => n * size(list),
      BigInt(heads),
    );
    total += shapes * size(weightFormat) * rules;
  }
  return total;
}

/** Every draft of a target of `depth` layers once, none first. */
export function allDrafts(
  choices: DraftChoices | undefined,
  depth: number,
  shared: SharedShape,
): (Draft | undefined)[] {
  if (choices === undefined) return [undefined];
  const rules = choices.draftLength.flatMap((draftLength) =>
    choices.confidence.map((confidence) => ({ draftLength, confidence })),
  );
  const lookups = choices.draftLength.map(
    (draftLength) => ({ kind: 'lookup', draftLength, confidence: 0 }) as const,
  );
  const selves = Array.from({ length: depth - 1 }, (_, i) => i + 1).flatMap((nLayers) =>
    rules.map((rule) => ({ kind: 'self', nLayers, ...rule }) as const),
  );
  const models = (choices.model === undefined ? [] : allModels(choices.model, shared)).flatMap((model) =>
    rules.map((rule) => ({ ...model, ...rule })),
  );
  return [undefined, ...(choices.lookup ? lookups : []), ...(choices.self ? selves : []), ...models];
}

function allModels(choices: DraftModelChoices, shared: SharedShape) {
  const { dModel, headDim, tieEmbeddings, depth, nHeads, dFf, weightFormat } = choices;
  const layers = nHeads.flatMap((heads) =>
    kvHeadsFor(choices, heads).flatMap((nKvHeads) =>
      dFf.map((width) => ({ nHeads: heads, nKvHeads, dFf: width })),
    ),
  );
  const wanted = dModel.flatMap((width) =>
    headDim.flatMap((head) =>
      tieEmbeddings.flatMap((tied) =>
        depth.flatMap((nLayers) =>
          layers.map((layer) => ({
            dModel: width,
            headDim: head,
            tieEmbeddings: tied,
            depth: nLayers,
            layer,
          })),
        ),
      ),
    ),
  );
  return wanted.flatMap((shape) =>
    weightFormat.map((format) => ({
      kind: 'model' as const,
      architecture: modelArchitecture(choices, shared, shape),
      weightFormat: format,
    })),
  );
}

/**
 * Drafts that a target of `depth` layers could have beside the ones it has: look-up and every self-draft, with the best
 * length, and the given models. Each is canonical and listed once.
 */
export function draftsFor(
  choices: DraftChoices | undefined,
  depth: number,
  models: readonly Architecture[],
  shared: SharedShape,
): Draft[] {
  if (choices === undefined) return [];
  const draftLength = choices.draftLength.at(-1)!;
  const confidence = choices.confidence[0]!;
  const rule = { draftLength, confidence };
  const wanted: Draft[] = [
    { kind: 'lookup', draftLength, confidence: 0 },
    ...Array.from(
      { length: Math.max(0, depth - 1) },
      (_, i) => ({ kind: 'self', nLayers: i + 1, ...rule }) as const,
    ),
    ...models.flatMap((architecture) =>
      (choices.model?.weightFormat ?? []).map(
        (weightFormat) => ({ kind: 'model', architecture, weightFormat, ...rule }) as const,
      ),
    ),
  ];
  const found = wanted.flatMap((draft) => repairDraft(choices, draft, depth, shared) ?? []);
  return [...new Map(found.map((draft) => [JSON.stringify(draft), draft])).values()];
}
