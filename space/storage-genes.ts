// How the layers' storage is chosen: one gene may speak for one part of one layer, for both parts, or for a run of
// layers. Whatever varies the layers one by one ends in `tieStorage`, which makes every gene's layers agree again.
import type { Layer } from './architecture.ts';
import type { Space } from './compiled-space.ts';
import {
  isAlike,
  LAYER_PARTS,
  type LayerDeployment,
  type LayerPart,
  type WeightStorage,
} from './deployment.ts';

type Property = keyof WeightStorage;
type Value = WeightStorage[Property];

/** One property of some parts of the layers; `nGroups` as in `LayerChoices`. */
export interface StorageGene {
  readonly property: Property;
  readonly parts: readonly LayerPart[];
  readonly choices: readonly Value[];
  readonly nGroups?: number;
}

/** A layer that says how it is stored. */
type StoredLayer = Layer & LayerDeployment;

/** The storage genes of a space, open ones and those of one choice. */
export function storageGenes(space: Pick<Space, Property>): StorageGene[] {
  return (['weightFormat', 'sparsity'] as const).flatMap((property): StorageGene[] => {
    const choices = space[property];
    if (choices.kind === 'by-part') {
      return LAYER_PARTS.map((part) => ({ property, parts: [part], ...choices[part] }));
    }
    const { kind: _, ...alike } = choices;
    return [{ property, parts: LAYER_PARTS, ...alike }];
  });
}

/** Every way in which each part of a layer, and the embedding with the head, may be stored. */
export function storageChoices(
  space: Pick<Space, Property | 'headFormat' | 'headSparsity'>,
): Readonly<Record<LayerPart | 'embedding', readonly WeightStorage[]>> {
  const genes = storageGenes(space);
  const choicesOf = (part: LayerPart, property: Property) =>
    genes.find((gene) => gene.property === property && gene.parts.includes(part))!.choices;
  const inPart = (part: LayerPart) => allPairs(choicesOf(part, 'weightFormat'), choicesOf(part, 'sparsity'));
  return {
    attention: inPart('attention'),
    feedForward: inPart('feedForward'),
    embedding: allPairs(space.headFormat, space.headSparsity),
  };
}

function allPairs(formats: readonly Value[], sparsities: readonly Value[]): WeightStorage[] {
  return formats.flatMap((weightFormat) =>
    sparsities.map((sparsity) => ({ weightFormat, sparsity }) as WeightStorage),
  );
}

/** Runs of layers, first to last, that one gene speaks for: `[start, end)`. */
export function layerRuns({ nGroups }: StorageGene, nLayers: number): (readonly [number, number])[] {
  const n = Math.min(nGroups ?? nLayers, nLayers);
  return Array.from({ length: n }, (_, group) => [
    Math.ceil((group * nLayers) / n),
    Math.ceil(((group + 1) * nLayers) / n),
  ]);
}

/** Whether a layer has the part at all. */
export function hasPart({ nHeads, dFf }: Layer, part: LayerPart): boolean {
  return part === 'attention' ? nHeads > 0 : dFf > 0;
}

/** `layer` with `value` in all of the gene's parts. */
export function withStorage<L extends LayerDeployment>(
  layer: L,
  { parts, property }: StorageGene,
  value: Value,
): L {
  const changed = parts.map((part) => [part, { ...layer[part], [property]: value }]);
  return { ...layer, ...Object.fromEntries(changed) };
}

/** What the gene says of a run of layers: the value of the first part that is there; undefined where none is. */
export function valueIn({ parts, property }: StorageGene, layers: readonly StoredLayer[]): Value | undefined {
  for (const layer of layers) {
    const part = parts.find((each) => hasPart(layer, each));
    if (part !== undefined) return layer[part][property];
  }
  return undefined;
}

/**
 * Layers whose storage is a member's: each gene has one of its choices throughout its run, the one that `nearest` gives
 * for what its first layer has, and parts that are left out are written like the other part of their layer.
 */
export function tieStorage<L extends StoredLayer>(
  genes: readonly StorageGene[],
  layers: readonly L[],
  nearest: (gene: StorageGene, value: Value) => Value,
): L[] {
  const tied = [...layers];
  for (const gene of genes) {
    for (const [start, end] of layerRuns(gene, layers.length)) {
      const value = valueIn(gene, layers.slice(start, end));
      if (value === undefined) continue;
      for (let at = start; at < end; at++) tied[at] = withStorage(tied[at]!, gene, nearest(gene, value));
    }
  }
  return tied.map((layer) => {
    if (layer.nHeads === 0) return { ...layer, attention: layer.feedForward };
    return layer.dFf === 0 ? { ...layer, feedForward: layer.attention } : layer;
  });
}

/** Whether the layers' storage is a member's, as `tieStorage` leaves it. */
export function holdsStorage(genes: readonly StorageGene[], layers: readonly StoredLayer[]): boolean {
  const isChosen = genes.every(({ choices, property, parts, ...gene }) =>
    layerRuns({ choices, property, parts, ...gene }, layers.length).every(([start, end]) => {
      const values = layers
        .slice(start, end)
        .flatMap((layer) =>
          parts.filter((part) => hasPart(layer, part)).map((part) => layer[part][property]),
        );
      return values.every((value) => choices.includes(value) && value === values[0]);
    }),
  );
  return (
    isChosen &&
    layers.every(
      ({ nHeads, dFf, attention, feedForward }) =>
        (nHeads > 0 && dFf > 0) || isAlike({ attention, feedForward }),
    )
  );
}
