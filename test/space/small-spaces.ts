// Spaces small enough to enumerate, and random ones, for the tests of the genome.
import fc from 'fast-check';
import type { Candidate } from '../../space/candidate.ts';
import type { Space } from '../../space/compiled-space.ts';
import type { WeightStorage } from '../../space/deployment.ts';
import type { Draft, DraftChoices, DraftLength } from '../../space/draft.ts';
import { KV_CACHE_FORMATS, WEIGHT_FORMATS } from '../../space/number-formats.ts';
import type { PartChoices } from '../../space/spec.ts';
import { storageGenes } from '../../space/storage-genes.ts';

const sortedNumbers = (choices: fc.Arbitrary<number>, maxLength: number) =>
  fc.uniqueArray(choices, { minLength: 1, maxLength }).map((list) => list.sort((a, b) => a - b));

/** One for all, a group of layers, or every layer for itself; both parts alike or each its own. */
function partChoices<T>(choices: fc.Arbitrary<T[]>): fc.Arbitrary<PartChoices<T>> {
  const ofLayers = fc.record(
    { choices, nGroups: fc.integer({ min: 1, max: 3 }) },
    { requiredKeys: ['choices'] },
  );
  const byPart = fc.record({ attention: ofLayers, feedForward: ofLayers });
  return fc.oneof(
    ofLayers.map((alike) => ({ kind: 'alike' as const, ...alike })),
    byPart.map((parts) => ({ kind: 'by-part' as const, ...parts })),
  );
}

/** Drafts beside none, none at all in half of the cases. */
function draftChoices(most: number): fc.Arbitrary<DraftChoices> {
  const model = fc.record({
    dModel: sortedNumbers(fc.constantFrom(8, 16, 24), most),
    headDim: sortedNumbers(fc.constantFrom(4, 8), most),
    tieEmbeddings: fc.constantFrom([true], [false, true]),
    depth: sortedNumbers(fc.integer({ min: 1, max: 3 }), most),
    nHeads: sortedNumbers(fc.constantFrom(1, 2, 4), most),
    nKvHeads: fc.constantFrom([1], [1, 2]),
    dFf: sortedNumbers(fc.constantFrom(16, 32), most),
    weightFormat: fc.subarray([...WEIGHT_FORMATS], { minLength: 1, maxLength: most }),
  });
  const length = fc.constantFrom<DraftLength[]>(['best'], [2], [1, 4], [3, 'best']);
  return fc.record(
    {
      model,
      self: fc.boolean(),
      lookup: fc.boolean(),
      draftLength: length,
      confidence: fc.constantFrom([0], [0, 0.1]),
    },
    { requiredKeys: ['self', 'lookup', 'draftLength', 'confidence'] },
  );
}

/** Random spaces, with at most `most` choices a gene. */
export function spaces(most: number, deepest: number): fc.Arbitrary<Space> {
  const withoutDrafts = spacesWithoutDrafts(most, deepest);
  const drafted = fc.record({ space: withoutDrafts, draft: draftChoices(most) });
  return fc.oneof(
    { weight: 3, arbitrary: withoutDrafts },
    { weight: 1, arbitrary: drafted.map(({ space, draft }) => ({ ...space, draft })) },
  );
}

function spacesWithoutDrafts(most: number, deepest: number): fc.Arbitrary<Space> {
  return fc
    .record({
      vocabSize: fc.constant(256),
      contextLength: fc.constant(64),
      ropeTheta: fc.constant(10_000),
      dModel: sortedNumbers(fc.integer({ min: 1, max: 512 }), most),
      headDim: sortedNumbers(fc.constantFrom(2, 4, 16, 32, 64), most),
      tieEmbeddings: fc.constantFrom([true], [false], [false, true]),
      depth: sortedNumbers(fc.integer({ min: 1, max: deepest }), most),
      attention: sortedNumbers(fc.constantFrom(0, 1, 2, 3, 4, 6, 8), most).chain((heads) =>
        fc.constantFrom([1], [1, 2], [1, 2, 3, 4, 6, 8]).map((kvHeads) =>
          heads.map((nHeads) => ({
            nHeads,
            nKvHeads: nHeads === 0 ? [0] : kvHeads.filter((each) => nHeads % each === 0),
          })),
        ),
      ),
      dFf: sortedNumbers(fc.constantFrom(0, 16, 32, 100, 256), most),
      weightFormat: partChoices(fc.subarray([...WEIGHT_FORMATS], { minLength: 1, maxLength: most })),
      sparsity: partChoices(sortedNumbers(fc.constantFrom(0, 0.25, 0.5, 0.8, 0.9), most)),
      headFormat: fc.subarray([...WEIGHT_FORMATS], { minLength: 1, maxLength: most }),
      headSparsity: sortedNumbers(fc.constantFrom(0, 0.5), Math.min(most, 2)),
      kvCacheFormat: fc.subarray([...KV_CACHE_FORMATS], { minLength: 1, maxLength: Math.min(most, 4) }),
      nCards: sortedNumbers(fc.constantFrom(1, 2, 4, 8), most),
    })
    .filter(
      ({ attention, dFf }) => attention.some(({ nHeads }) => nHeads > 0) || dFf.some((width) => width > 0),
    );
}

/** All sequences of `length` items. */
function sequences<T>(items: readonly T[], length: number): T[][] {
  if (length === 0) return [[]];
  return sequences(items, length - 1).flatMap((head) => items.map((item) => [...head, item]));
}

/** Every draft that the choices spell for some target, canonical or not. */
function spelledDrafts({
  draft,
  vocabSize,
  contextLength,
  ropeTheta,
  depth: depths,
}: Space): (Draft | undefined)[] {
  if (draft === undefined) return [undefined];
  const rules = draft.draftLength.flatMap((draftLength) =>
    draft.confidence.map((confidence) => ({ draftLength, confidence })),
  );
  const found: (Draft | undefined)[] = [undefined];
  for (const rule of rules) {
    if (draft.lookup) found.push({ kind: 'lookup', ...rule });
    for (let nLayers = 1; draft.self && nLayers <= Math.max(...depths); nLayers++)
      found.push({ kind: 'self', nLayers, ...rule });
    if (draft.model === undefined) continue;
    const { dModel, headDim, tieEmbeddings, depth, nHeads, nKvHeads, dFf, weightFormat } = draft.model;
    for (const width of dModel)
      for (const head of headDim)
        for (const tied of tieEmbeddings)
          for (const nLayers of depth)
            for (const heads of nHeads)
              for (const kvHeads of nKvHeads.filter((each) => heads % each === 0))
                for (const inner of dFf)
                  for (const format of weightFormat) {
                    const layer = { nHeads: heads, nKvHeads: kvHeads, dFf: inner };
                    const architecture = {
                      dModel: width,
                      headDim: head,
                      vocabSize,
                      contextLength,
                      tieEmbeddings: tied,
                      ropeTheta,
                      layers: Array.from({ length: nLayers }, () => layer),
                    };
                    found.push({ kind: 'model', architecture, weightFormat: format, ...rule });
                  }
  }
  return found;
}

/** Every candidate that the choices spell, canonical or not: the oracle for membership and counting. */
export function* spelledCandidates(space: Space): Generator<Candidate> {
  const layers = space.attention.flatMap(({ nHeads, nKvHeads }) =>
    nKvHeads.flatMap((kvHeads) => space.dFf.map((dFf) => ({ nHeads, nKvHeads: kvHeads, dFf }))),
  );
  const anyOf = (property: 'weightFormat' | 'sparsity') => [
    ...new Set(storageGenes(space).flatMap((gene) => (gene.property === property ? gene.choices : []))),
  ];
  const storages = anyOf('weightFormat').flatMap((weightFormat) =>
    anyOf('sparsity').map((sparsity) => ({ weightFormat, sparsity }) as WeightStorage),
  );
  const stored = storages.flatMap((attention) => storages.map((feedForward) => ({ attention, feedForward })));
  const embeddings = space.headFormat.flatMap((weightFormat) =>
    space.headSparsity.map((sparsity) => ({ weightFormat, sparsity })),
  );
  const pairs = space.nCards.flatMap((nCards) =>
    spelledDrafts(space).map((draft) => [nCards, draft] as const),
  );
  for (const depth of space.depth)
    for (const dModel of space.dModel)
      for (const headDim of space.headDim)
        for (const tieEmbeddings of space.tieEmbeddings)
          for (const layerList of sequences(layers, depth))
            for (const storedList of sequences(stored, depth))
              for (const embedding of embeddings)
                for (const kvCacheFormat of space.kvCacheFormat)
                  for (const [nCards, draft] of pairs) {
                    const { vocabSize, contextLength, ropeTheta } = space;
                    yield {
                      architecture: {
                        dModel,
                        headDim,
                        vocabSize,
                        contextLength,
                        tieEmbeddings,
                        ropeTheta,
                        layers: layerList,
                      },
                      deployment: {
                        layers: storedList,
                        embedding,
                        kvCacheFormat,
                        nCards,
                        ...(draft === undefined ? {} : { draft }),
                      },
                    };
                  }
}
