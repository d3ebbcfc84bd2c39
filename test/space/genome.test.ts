import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countParameters } from '../../space/architecture.ts';
import type { Candidate } from '../../space/candidate.ts';
import { compileSpace, type Space } from '../../space/compiled-space.ts';
import { countArchitectures, countMembers } from '../../space/count.ts';
import { crossCandidates } from '../../space/cross.ts';
import { alikeLayer, plainDeployment } from '../../space/deployment.ts';
import { largestCandidate, middleCandidate, smallestCandidate } from '../../space/extremes.ts';
import { architectureHash, candidateKey, containsCandidate, genesOf } from '../../space/genome.ts';
import { parseSpec } from '../../space/load-spec.ts';
import { mutateCandidate, mutationKinds } from '../../space/mutate.ts';
import type { WeightFormat } from '../../space/number-formats.ts';
import { deriveRng } from '../../space/random.ts';
import { deploymentsOf } from '../../space/redeploy.ts';
import { repairGenes, stretch } from '../../space/repair.ts';
import { sampleCandidate } from '../../space/sample.ts';
import type { LayerChoices } from '../../space/spec.ts';
import { spaces, spelledCandidates } from './small-spaces.ts';

const seeds = fc.nat({ max: 1_000_000 });

const TWO: LayerChoices<WeightFormat> = { choices: ['fp16', 'mxfp4-e2m1'] };

const tiny: Space = {
  vocabSize: 256,
  contextLength: 64,
  ropeTheta: 10_000,
  dModel: [64, 128],
  headDim: [16, 32],
  tieEmbeddings: [true],
  depth: [1, 2],
  attention: [
    { nHeads: 0, nKvHeads: [0] },
    { nHeads: 2, nKvHeads: [1, 2] },
  ],
  dFf: [0, 96],
  weightFormat: { kind: 'alike', ...TWO },
  sparsity: { kind: 'alike', choices: [0], nGroups: 1 },
  headFormat: ['fp16'],
  headSparsity: [0],
  kvCacheFormat: ['fp16', 'mxint8'],
  nCards: [1],
};

function members(space: Space): Map<string, Candidate> {
  const found = new Map<string, Candidate>();
  for (const candidate of spelledCandidates(space)) {
    if (containsCandidate(space, candidate)) found.set(candidateKey(candidate), candidate);
  }
  return found;
}

describe('nothing leaves the space', () => {
  test('a sample, and chains of mutations and crossovers', () => {
    fc.assert(
      fc.property(spaces(4, 9), seeds, (space, seed) => {
        let a = sampleCandidate(space, deriveRng(seed, 0, 'sample'));
        let b = sampleCandidate(space, deriveRng(seed, 1, 'sample'));
        expect(containsCandidate(space, a)).toBe(true);
        for (let step = 0; step < 12; step++) {
          const rng = deriveRng(seed, step, 'chain');
          const child = rng.chance(1, 2) ? mutateCandidate(space, a, rng) : crossCandidates(space, a, b, rng);
          expect(containsCandidate(space, child)).toBe(true);
          [a, b] = [child, a];
        }
      }),
      { numRuns: 300 },
    );
  });

  test('parents from another space: their children are members, repair leaves members alone', () => {
    fc.assert(
      fc.property(spaces(3, 6), spaces(3, 12), seeds, (space, other, seed) => {
        const rng = deriveRng(seed, 0, 'stranger');
        const stranger = sampleCandidate(other, rng);
        const member = sampleCandidate(space, rng);
        expect(repairGenes(space, genesOf(member))).toEqual(member);
        expect(containsCandidate(space, repairGenes(space, genesOf(stranger)))).toBe(true);
        expect(containsCandidate(space, mutateCandidate(space, stranger, rng))).toBe(true);
        expect(containsCandidate(space, crossCandidates(space, stranger, member, rng))).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test('smallest, middle and largest are members, in the order of their parameters', () => {
    fc.assert(
      fc.property(spaces(4, 6), seeds, (space, seed) => {
        const size = (candidate: Candidate) => countParameters(candidate.architecture);
        const [small, mid, large] = [
          smallestCandidate(space),
          middleCandidate(space),
          largestCandidate(space),
        ];
        for (const each of [small, mid, large]) expect(containsCandidate(space, each)).toBe(true);
        for (const each of [mid, sampleCandidate(space, deriveRng(seed, 0, 'any'))]) {
          expect(size(each)).toBeGreaterThanOrEqual(size(small));
          expect(size(each)).toBeLessThanOrEqual(size(large));
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('the size of a space', () => {
  test('a space counted by hand', () => {
    // Layers: (0 heads, 96), (2, 1 or 2 kv heads, 0 or 96) = 5, one of them without attention.
    // Architectures: 2 widths x (((5 - 1) x 2 + 1) + ((25 - 1) x 2 + 1)) = 2 x (9 + 49).
    expect(countArchitectures(tiny)).toBe(116n);
    // With 2 formats a layer, and 2 cache formats where there is attention.
    expect(countMembers(tiny)).toBe(2n * ((4n * 4n + 1n) * 2n + (24n * 4n + 1n) * 4n));
  });

  test('equals an enumeration', () => {
    fc.assert(
      fc.property(
        spaces(2, 2).filter((space) => countMembers(space) < 1000n),
        (space) => {
          const found = members(space);
          expect(BigInt(found.size)).toBe(countMembers(space));
          const architectures = new Set(
            [...found.values()].map((each) => architectureHash(each.architecture)),
          );
          expect(BigInt(architectures.size)).toBe(countArchitectures(space));
        },
      ),
      { numRuns: 40 },
    );
  });

  test('is exact far beyond the integers of a double', () => {
    const deep: Space = {
      ...tiny,
      depth: [64],
      dFf: [96],
      attention: [{ nHeads: 8, nKvHeads: [1, 2, 4, 8] }],
    };
    expect(countArchitectures(deep)).toBe(4n * 4n ** 64n);
  });
});

describe('reach', () => {
  test('sampling draws every member', () => {
    const left = members(tiny);
    for (let number = 0; number < 40_000 && left.size > 0; number++) {
      left.delete(candidateKey(sampleCandidate(tiny, deriveRng(1, number, 'reach'))));
    }
    expect([...left.keys()]).toEqual([]);
  });

  test('mutation walks to every member', () => {
    const left = members(tiny);
    let current = smallestCandidate(tiny);
    for (let number = 0; number < 60_000 && left.size > 0; number++) {
      current = mutateCandidate(tiny, current, deriveRng(2, number, 'walk'));
      left.delete(candidateKey(current));
    }
    expect([...left.keys()]).toEqual([]);
  });

  test('a mutant is not its parent, and differs in little', () => {
    const space: Space = {
      ...tiny,
      depth: [2, 3, 4, 5, 6, 7, 8],
      dFf: [0, 96, 128, 160],
      dModel: [64, 96, 128],
    };
    let same = 0;
    let genes = 0;
    const nMutants = 2000;
    for (let number = 0; number < nMutants; number++) {
      const rng = deriveRng(3, number, 'mutant');
      const parent = sampleCandidate(space, rng);
      const child = mutateCandidate(space, parent, rng);
      if (candidateKey(child) === candidateKey(parent)) same++;
      if (child.architecture.layers.length === parent.architecture.layers.length) {
        genes += differences(parent, child);
      }
    }
    expect(same).toBe(0);
    expect(genes / nMutants).toBeGreaterThan(0.7);
    expect(genes / nMutants).toBeLessThan(2);
  });

  test('a mutation of any kind gives a member; shares of kinds sum to 1', () => {
    fc.assert(
      fc.property(spaces(3, 4), seeds, (space, seed) => {
        const rng = deriveRng(seed, 0, 'kinds');
        const parent = sampleCandidate(space, rng);
        const kinds = mutationKinds(space, parent);
        for (const { kind } of kinds) {
          expect(containsCandidate(space, mutateCandidate(space, parent, rng, kind))).toBe(true);
        }
        if (kinds.length > 0) expect(kinds.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9);
      }),
      { numRuns: 100 },
    );
  });

  test('a mutation of one kind changes genes of that kind', () => {
    const space: Space = { ...tiny, depth: [2, 3, 4], dFf: [0, 96, 128, 160], dModel: [64, 96, 128] };
    const changedBy = (
      kind: 'depth' | 'feed-forward' | 'shape',
      isChanged: (a: Candidate, b: Candidate) => boolean,
    ) => {
      let n = 0;
      for (let number = 0; number < 200; number++) {
        const rng = deriveRng(5, number, kind);
        const parent = sampleCandidate(space, rng);
        n += Number(isChanged(parent, mutateCandidate(space, parent, rng, kind)));
      }
      return n / 200;
    };
    const depth = ({ architecture }: Candidate) => architecture.layers.length;
    // At times a new layer is empty, and so none.
    expect(changedBy('depth', (a, b) => depth(a) !== depth(b))).toBeGreaterThan(0.95);
    // By a layer that another mutation left empty.
    expect(changedBy('shape', (a, b) => depth(a) !== depth(b))).toBeLessThan(0.1);
    const shape = ({ architecture: { dModel, headDim } }: Candidate) => `${dModel} ${headDim}`;
    expect(changedBy('shape', (a, b) => shape(a) !== shape(b))).toBeGreaterThan(0.85);
    const widths = ({ architecture }: Candidate) => architecture.layers.map(({ dFf }) => dFf).join();
    expect(changedBy('feed-forward', (a, b) => widths(a) !== widths(b))).toBeGreaterThan(0.85);
  });

  test('a space of one member: the mutant is the parent', () => {
    const single: Space = {
      ...tiny,
      dModel: [64],
      headDim: [16],
      depth: [2],
      attention: [{ nHeads: 2, nKvHeads: [1] }],
      dFf: [96],
      weightFormat: { kind: 'alike', choices: ['fp16'] },
      kvCacheFormat: ['fp16'],
    };
    const only = smallestCandidate(single);
    expect(countMembers(single)).toBe(1n);
    expect(mutateCandidate(single, only, deriveRng(1, 1, 'only'))).toEqual(only);
  });
});

/** Genes in which two candidates of one depth differ. */
function differences(a: Candidate, b: Candidate): number {
  const flat = ({ architecture, deployment }: Candidate) => [
    architecture.dModel,
    architecture.headDim,
    deployment.kvCacheFormat,
    ...architecture.layers.flatMap((layer) => [layer.nHeads, layer.nKvHeads, layer.dFf]),
    ...deployment.layers.map((layer) => layer.attention.weightFormat),
  ];
  const other = flat(b);
  return flat(a).filter((value, index) => value !== other[index]).length;
}

describe('canonical form', () => {
  const stored = (weightFormat: WeightFormat) => alikeLayer({ weightFormat, sparsity: 0 });
  const block = { nHeads: 2, nKvHeads: 1, dFf: 96, ...stored('fp16') };
  const empty = { ...block, nHeads: 0, nKvHeads: 0, dFf: 0 };
  const genes = { ...genesOf(largestCandidate(tiny)), headDim: 32, kvCacheFormat: 'mxint8' as const };

  test('an empty layer is dropped where the depth allows it', () => {
    const { architecture, deployment } = repairGenes(tiny, { ...genes, blocks: [empty, block] });
    expect(architecture.layers).toEqual([{ nHeads: 2, nKvHeads: 1, dFf: 96 }]);
    expect(deployment.layers).toHaveLength(1);
  });

  test('and replaced by its neighbour where it does not', () => {
    const fixed = { ...tiny, depth: [2] };
    const { architecture } = repairGenes(fixed, { ...genes, blocks: [empty, block] });
    expect(architecture.layers).toEqual(
      Array.from({ length: 2 }, () => ({ nHeads: 2, nKvHeads: 1, dFf: 96 })),
    );
  });

  test('nothing but empty layers: the smallest layer there is', () => {
    const { architecture } = repairGenes(tiny, { ...genes, blocks: [empty, empty] });
    expect(architecture.layers).toEqual([smallestCandidate(tiny).architecture.layers[0]]);
  });

  test('without any attention, head size and cache format have one spelling', () => {
    const headless = { ...block, nHeads: 0, nKvHeads: 0 };
    const { architecture, deployment } = repairGenes(tiny, { ...genes, blocks: [headless] });
    expect(architecture.headDim).toBe(16);
    expect(deployment.kvCacheFormat).toBe('fp16');
    expect(containsCandidate(tiny, { architecture: { ...architecture, headDim: 32 }, deployment })).toBe(
      false,
    );
  });

  test('one format for all layers unless the space frees it', () => {
    const shared: Space = { ...tiny, weightFormat: { kind: 'alike', ...TWO, nGroups: 1 } };
    const mixed = [{ ...block, ...stored('mxfp4-e2m1') }, block];
    const { deployment } = repairGenes(shared, { ...genes, blocks: mixed });
    expect(deployment.layers).toEqual([stored('mxfp4-e2m1'), stored('mxfp4-e2m1')]);
  });

  test('groups of layers follow the first of them, each part by itself where the space says so', () => {
    const grouped: Space = {
      ...tiny,
      depth: [4],
      weightFormat: { kind: 'by-part', attention: { ...TWO, nGroups: 2 }, feedForward: TWO },
    };
    const narrow = { weightFormat: 'mxfp4-e2m1', sparsity: 0 } as const;
    const wide = { weightFormat: 'fp16', sparsity: 0 } as const;
    const headless = { ...block, nHeads: 0, nKvHeads: 0 };
    const blocks = [
      { ...headless, attention: wide, feedForward: wide },
      { ...block, attention: narrow, feedForward: narrow },
      { ...block, attention: wide, feedForward: narrow },
      { ...block, attention: narrow, feedForward: wide },
    ];
    const { layers } = repairGenes(grouped, { ...genes, blocks }).deployment;
    expect(layers).toEqual([
      // Without attention: written like the feed-forward.
      { attention: wide, feedForward: wide },
      { attention: narrow, feedForward: narrow },
      { attention: wide, feedForward: narrow },
      { attention: wide, feedForward: wide },
    ]);
  });

  test('stretch repeats and leaves out at even distances', () => {
    expect(stretch(['a', 'b', 'c'], 6)).toEqual(['a', 'a', 'b', 'b', 'c', 'c']);
    expect(stretch(['a', 'b', 'c', 'd'], 2)).toEqual(['a', 'c']);
    expect(stretch(['a', 'b', 'c'], 3)).toEqual(['a', 'b', 'c']);
  });
});

test('crossover: layers come with their storage from the same relative depth of a parent', () => {
  const space: Space = { ...tiny, depth: [4, 8], dFf: [16, 32], attention: [{ nHeads: 2, nKvHeads: [1] }] };
  const parent = (depth: number, dFf: number, weightFormat: 'fp16' | 'mxfp4-e2m1'): Candidate => {
    const base = largestCandidate(space);
    const layers = Array.from({ length: depth }, () => ({ nHeads: 2, nKvHeads: 1, dFf }));
    const deployment = {
      ...plainDeployment(depth),
      layers: layers.map(() => alikeLayer({ weightFormat, sparsity: 0 })),
    };
    return { architecture: { ...base.architecture, layers }, deployment };
  };
  const depths = new Set<number>();
  let nRuns = 0;
  for (let number = 0; number < 200; number++) {
    const rng = deriveRng(4, number, 'cross');
    const child = crossCandidates(space, parent(4, 16, 'fp16'), parent(8, 32, 'mxfp4-e2m1'), rng);
    const widths = child.architecture.layers.map(({ dFf }) => dFf);
    const formats = child.deployment.layers.map(({ attention }) => attention.weightFormat);
    expect(formats).toEqual(widths.map((dFf) => (dFf === 16 ? 'fp16' : 'mxfp4-e2m1')));
    depths.add(widths.length);
    if (widths.filter((dFf, index) => index > 0 && dFf !== widths[index - 1]).length === 1) nRuns++;
  }
  expect(depths).toEqual(new Set([4, 8]));
  expect(nRuns).toBeGreaterThan(50);
});

test('the same seed gives the same child, another seed another', () => {
  const spec = parseSpec(SPEC, 'seed.yaml');
  const space = compileSpace(spec);
  const draw = (seed: number) => candidateKey(sampleCandidate(space, deriveRng(seed, 0, 'sample')));
  expect(draw(1)).toBe(draw(1));
  expect(new Set(Array.from({ length: 50 }, (_, seed) => draw(seed))).size).toBeGreaterThan(45);
  expect(draw(1)).toBe('008c7dbdcd4f');
});

const SPEC = `
specVersion: 1
task: {corpus: sotu, tokenizer: {bpe: {vocabSize: 512}}}
space:
  dModel: [64, 96, 128]
  headDim: [16, 32]
  depth: {min: 2, max: 6}
  layers: {nHeads: [2, 3, 4], nKvHeads: [1, 2, 4], dFf: [0, 128, 256]}
accelerator: any
`;

test('a compiled space takes its vocabulary from the tokenizer and only dividing key-value heads', () => {
  const space = compileSpace(parseSpec(SPEC, 'compiled.yaml'));
  expect(space.vocabSize).toBe(512);
  expect(space.attention).toEqual([
    { nHeads: 2, nKvHeads: [1, 2] },
    { nHeads: 3, nKvHeads: [1] },
    { nHeads: 4, nKvHeads: [1, 2, 4] },
  ]);
  expect(space.weightFormat).toEqual({ kind: 'alike', choices: ['fp16'], nGroups: 1 });
});

describe('other deployments of an architecture', () => {
  test('are distinct members with the same architecture, at most as many as wanted', () => {
    fc.assert(
      fc.property(spaces(3, 4), seeds, fc.integer({ min: 1, max: 60 }), (space, seed, most) => {
        const member = sampleCandidate(space, deriveRng(seed, 0, 'member'));
        const found = deploymentsOf(space, member, most, deriveRng(seed, 1, 'deployments'));
        expect(found.length).toBeGreaterThan(0);
        expect(found.length).toBeLessThanOrEqual(most);
        expect(new Set(found.map(candidateKey)).size).toBe(found.length);
        for (const each of found) {
          expect(each.architecture).toEqual(member.architecture);
          expect(containsCandidate(space, each)).toBe(true);
        }
        expect(deploymentsOf(space, member, most, deriveRng(seed, 1, 'deployments'))).toEqual(found);
      }),
      { numRuns: 100 },
    );
  });

  test('hold every way of storing all layers alike where there is room', () => {
    const member = sampleCandidate(tiny, deriveRng(1, 0, 'member'));
    const { headFormat, nCards } = tiny;
    const found = deploymentsOf(tiny, member, 10_000, deriveRng(1, 1, 'deployments'));
    const alike = found.filter(
      ({ deployment: { layers } }) => new Set(layers.map((layer) => JSON.stringify(layer))).size === 1,
    );
    const hasAttention = member.architecture.layers.some(({ nHeads }) => nHeads > 0);
    const nCaches = hasAttention ? tiny.kvCacheFormat.length : 1;
    expect(alike).toHaveLength(TWO.choices.length * headFormat.length * nCaches * nCards.length);
  });
});
