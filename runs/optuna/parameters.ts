// The genome of a run's candidates as Optuna's parameters, one named value for each choice that varies on its own.
// What all layers, or both parts of a layer, share in every candidate of the run is one parameter.
import type { Candidate } from '../../space/candidate.ts';
import { compileSpace } from '../../space/compiled-space.ts';
import { type Deployment, LAYER_PARTS, type LayerPart, type WeightStorage } from '../../space/deployment.ts';
import type { RunSpec } from '../../space/spec.ts';
import { hasPart, storageChoices } from '../../space/storage-genes.ts';

export type ParameterValue = number | string | boolean;

/** What a parameter chooses from, in Optuna's own JSON. */
export interface Distribution {
  readonly name: 'IntDistribution' | 'CategoricalDistribution';
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** One candidate's values by parameter name; what it lacks (layers beyond its depth) has no value. */
export type Parameters = ReadonlyMap<string, ParameterValue>;

export interface ParameterTable {
  /** In the order of the candidates. */
  readonly values: readonly Parameters[];
  readonly distributions: ReadonlyMap<string, Distribution>;
}

type Property = keyof WeightStorage;
const PROPERTIES = ['weightFormat', 'sparsity'] as const satisfies readonly Property[];

/** A property of one part of one layer of a candidate. */
interface Cell {
  readonly layer: number;
  readonly part: LayerPart;
  readonly value: ParameterValue;
}

function cellsOf({ architecture, deployment }: Candidate, property: Property): Cell[] {
  return architecture.layers.flatMap((layer, at) =>
    LAYER_PARTS.filter((part) => hasPart(layer, part)).map((part) => ({
      layer: at,
      part,
      value: deployment.layers[at]![part][property],
    })),
  );
}

/** Whether cells that `keyOf` puts together have one value in every candidate. */
function isShared(candidates: readonly Cell[][], keyOf: (cell: Cell) => unknown): boolean {
  return candidates.every((cells) => {
    const known = new Map<unknown, ParameterValue>();
    return cells.every((cell) => {
      const key = keyOf(cell);
      if (!known.has(key)) known.set(key, cell.value);
      return known.get(key) === cell.value;
    });
  });
}

/** The name under which a cell's property varies in this run. */
function namingOf(candidates: readonly Cell[][], property: Property): (cell: Cell) => string {
  if (isShared(candidates, () => 0)) return () => property;
  if (isShared(candidates, ({ part }) => part)) return ({ part }) => `${part}.${property}`;
  if (isShared(candidates, ({ layer }) => layer)) return ({ layer }) => `layers.${layer}.${property}`;
  return ({ layer, part }) => `layers.${layer}.${part}.${property}`;
}

function shapeOf({ architecture, deployment }: Candidate): [string, ParameterValue][] {
  const { dModel, headDim, tieEmbeddings, layers } = architecture;
  return [
    ['dModel', dModel],
    ['headDim', headDim],
    ['tieEmbeddings', tieEmbeddings],
    ['depth', layers.length],
    ...layers.flatMap(({ nHeads, nKvHeads, dFf }, at): [string, ParameterValue][] => [
      [`layers.${at}.nHeads`, nHeads],
      ...(nHeads === 0 ? [] : [[`layers.${at}.nKvHeads`, nKvHeads] as [string, ParameterValue]]),
      [`layers.${at}.dFf`, dFf],
    ]),
    ...PROPERTIES.map((property): [string, ParameterValue] => [
      `embedding.${property}`,
      deployment.embedding[property],
    ]),
    ['kvCacheFormat', deployment.kvCacheFormat],
    ['cards', deployment.nCards],
  ];
}

function draftParameters({ draft }: Deployment): [string, ParameterValue][] {
  if (draft === undefined) return [['draft', 'none']];
  const { kind, draftLength, confidence } = draft;
  const named = (own: Readonly<Record<string, ParameterValue>>) =>
    Object.entries({ ...own, length: draftLength, confidence }).map(
      ([name, value]): [string, ParameterValue] => [`draft.${name}`, value],
    );
  switch (kind) {
    case 'lookup':
      return [['draft', kind], ...named({})];
    case 'self':
      return [['draft', kind], ...named({ layers: draft.nLayers })];
    case 'model': {
      const { architecture, weightFormat } = draft;
      const { dModel, headDim, layers } = architecture;
      return [['draft', kind], ...named({ dModel, headDim, depth: layers.length, weightFormat })];
    }
  }
}

/** What the specification offers for a parameter; empty where its name is none. */
function offeredBy(spec: RunSpec): (name: string) => readonly ParameterValue[] {
  const { space, deployment } = spec;
  const storage = storageChoices(compileSpace(spec));
  const fixed: Readonly<Record<string, readonly ParameterValue[]>> = {
    dModel: space.dModel,
    headDim: space.headDim,
    tieEmbeddings: space.tieEmbeddings,
    depth: space.depth,
    kvCacheFormat: deployment.kvCacheFormat,
    cards: deployment.cards,
  };
  return (name) => {
    const known = fixed[name];
    if (known !== undefined) return known;
    if (name === 'draft' || name.startsWith('draft.')) return [];
    const last = name.split('.').at(-1)!;
    if (last in space.layers) return space.layers[last as keyof typeof space.layers];
    const parts = (Object.keys(storage) as (keyof typeof storage)[]).filter((part) =>
      name.startsWith('embedding.') ? part === 'embedding' : part !== 'embedding',
    );
    const named = parts.filter((part) => name.split('.').includes(part));
    return (named.length > 0 ? named : parts).flatMap((part) =>
      storage[part].map((each) => each[last as Property]),
    );
  };
}

/** Whole numbers at equal distances are a range; anything else is a list. */
function distributionOf(values: readonly ParameterValue[]): Distribution {
  const distinct = [...new Set(values)];
  const sorted = distinct.every((value) => typeof value === 'number')
    ? distinct.toSorted((a, b) => a - b)
    : undefined;
  if (sorted?.every(Number.isInteger)) {
    const [low, high] = [sorted[0]!, sorted.at(-1)!];
    const step = sorted.length === 1 ? 1 : sorted[1]! - low;
    if (sorted.every((value, i) => value === low + i * step))
      return { name: 'IntDistribution', attributes: { log: false, step, low, high } };
  }
  return { name: 'CategoricalDistribution', attributes: { choices: sorted ?? distinct } };
}

/** All parameters of a run's candidates. */
export function parametersOf(spec: RunSpec, candidates: readonly Candidate[]): ParameterTable {
  const values = candidates.map(
    (candidate) =>
      new Map([
        ...shapeOf(candidate),
        ...(spec.draft === undefined ? [] : draftParameters(candidate.deployment)),
      ]),
  );
  for (const property of PROPERTIES) {
    const cells = candidates.map((candidate) => cellsOf(candidate, property));
    const nameOf = namingOf(cells, property);
    cells.forEach((own, i) => {
      for (const cell of own) values[i]!.set(nameOf(cell), cell.value);
    });
  }
  const seen = new Map<string, Set<ParameterValue>>();
  for (const row of values)
    for (const [name, value] of row) seen.set(name, (seen.get(name) ?? new Set()).add(value));
  const offered = offeredBy(spec);
  const distributions = new Map(
    // What lies outside the space (the baseline may) comes last.
    [...seen].map(([name, own]) => [name, distributionOf([...offered(name), ...own])]),
  );
  return { values, distributions };
}

/** Optuna stores every value as a number: itself, or its place in the list. */
export function storedValue({ name, attributes }: Distribution, value: ParameterValue): number {
  return name === 'IntDistribution'
    ? (value as number)
    : (attributes.choices as ParameterValue[]).indexOf(value);
}
