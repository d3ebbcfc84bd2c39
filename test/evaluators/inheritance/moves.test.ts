import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alignLayers, commonShare } from '../../../evaluators/inheritance/align.ts';
import { gatherColumns, gatherRows, largest, NEW } from '../../../evaluators/inheritance/gather.ts';
import { rotaryNumbers } from '../../../evaluators/inheritance/head-dim.ts';
import { planHeads } from '../../../evaluators/inheritance/heads.ts';
import { inheritWeights } from '../../../evaluators/inheritance/inherit.ts';
import { initialWeights, parameterSpecs } from '../../../evaluators/model/parameters.ts';
import type { Architecture } from '../../../space/architecture.ts';
import { deriveRng } from '../../../space/random.ts';
import { randomModel, TIED } from '../generation/models.ts';

const attention = fc.constantFrom(
  ...[0, 1, 2, 3, 4, 6].flatMap((nHeads) =>
    nHeads === 0
      ? [{ nHeads, nKvHeads: 0 }]
      : [1, 2, 3, 4, 6].filter((n) => nHeads % n === 0).map((nKvHeads) => ({ nHeads, nKvHeads })),
  ),
);
const layers = fc
  .record({ heads: attention, dFf: fc.constantFrom(0, 3, 8, 13) })
  .map(({ heads, dFf }) => ({ ...heads, dFf }))
  .filter(({ nHeads, dFf }) => nHeads + dFf > 0);
const architectures: fc.Arbitrary<Architecture> = fc.record({
  dModel: fc.constantFrom(5, 8, 12),
  headDim: fc.constantFrom(2, 4, 6, 8),
  vocabSize: fc.constant(11),
  contextLength: fc.constant(16),
  tieEmbeddings: fc.boolean(),
  ropeTheta: fc.constant(10_000),
  layers: fc.array(layers, { minLength: 1, maxLength: 5 }),
});
const rng = () => deriveRng(9, 0, 'inheritance');

describe('inheritWeights', () => {
  it('gives every weight of the child, finite, for any pair', () => {
    fc.assert(
      fc.property(architectures, architectures, (from, to) => {
        const parent = randomModel(from, 2);
        const weights = inheritWeights(parent, to, rng());
        const sizes = parameterSpecs(to).map(({ name, shape }) => [name, shape.reduce((a, b) => a * b, 1)]);
        const found = Object.entries(weights).map(([name, values]) => [name, values.length]);
        expect(Object.fromEntries(found)).toEqual(Object.fromEntries(sizes));
        expect(Object.values(weights).every((values) => values.every(Number.isFinite))).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it('is the same for the same arguments, and leaves the parent as it was', () => {
    fc.assert(
      fc.property(architectures, architectures, (from, to) => {
        const parent = randomModel(from, 2);
        const before = structuredClone(parent);
        const weights = inheritWeights(parent, to, rng());
        expect(inheritWeights(parent, to, rng())).toEqual(weights);
        expect(parent).toEqual(before);
      }),
      { numRuns: 50 },
    );
  });

  it('gives the parent back where nothing changed', () => {
    fc.assert(
      fc.property(architectures, (architecture) => {
        const parent = randomModel(architecture, 2);
        expect(inheritWeights(parent, architecture, rng())).toEqual(parent.weights);
      }),
      { numRuns: 50 },
    );
  });

  it('takes back what it made room for: larger and smaller again is the parent', () => {
    const parent = randomModel(TIED, 3);
    const larger: Architecture = {
      ...TIED,
      headDim: 16,
      layers: [{ nHeads: 4, nKvHeads: 2, dFf: 40 }],
    };
    const grown = { architecture: larger, weights: inheritWeights(parent, larger, rng()) };
    const back = inheritWeights(grown, TIED, rng());
    for (const [name, values] of Object.entries(parent.weights)) {
      for (const [at, value] of values.entries()) expect(back[name]![at]).toBeCloseTo(value, 5);
    }
  });

  it('refuses another vocabulary', () => {
    const parent = randomModel(TIED, 1);
    expect(() => inheritWeights(parent, { ...TIED, vocabSize: 20 }, rng())).toThrow(RangeError);
  });
});

describe('alignLayers', () => {
  const square = (...widths: number[]): Architecture => ({
    ...TIED,
    layers: widths.map((dFf) => ({ nHeads: 0, nKvHeads: 0, dFf })),
  });

  it('follows insertion, deletion and duplication', () => {
    expect(alignLayers(square(10, 20, 30), square(10, 20, 30))).toEqual([0, 1, 2]);
    expect(alignLayers(square(10, 20, 30), square(10, 30))).toEqual([0, 2]);
    expect(alignLayers(square(10, 30), square(10, 20, 30))).toEqual([0, undefined, 1]);
    expect(alignLayers(square(10, 30), square(10, 10, 30))).toContain(undefined);
    expect(alignLayers(square(10), square(5, 10, 5))).toEqual([undefined, 0, undefined]);
  });

  it('leaves alike layers out where depths stay most alike', () => {
    expect(alignLayers(square(9, 9, 9, 9, 9), square(9, 9, 9))).toEqual([0, 2, 4]);
  });

  it('finds as much in common as the best of all pairings', () => {
    const widths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
    const common = (from: number[], to: number[]): number => {
      if (from.length === 0 || to.length === 0) return 0;
      return Math.max(
        Math.min(from[0]!, to[0]!) + common(from.slice(1), to.slice(1)),
        common(from.slice(1), to),
        common(from, to.slice(1)),
      );
    };
    fc.assert(
      fc.property(widths, widths, (from, to) => {
        const found = alignLayers(square(...from), square(...to)).reduce<number>(
          (sum, source, at) => sum + (source === undefined ? 0 : Math.min(from[source]!, to[at]!)),
          0,
        );
        expect(found).toBe(common(from, to));
      }),
    );
  });

  it('keeps the order, and takes no layer twice', () => {
    fc.assert(
      fc.property(architectures, architectures, (from, to) => {
        const sources = alignLayers(from, to).filter((source) => source !== undefined);
        expect(sources).toEqual([...new Set(sources)].sort((a, b) => a - b));
      }),
    );
  });
});

describe('commonShare', () => {
  it('is 1 for equals alone, symmetric, and falls with every change', () => {
    fc.assert(
      fc.property(architectures, architectures, (a, b) => {
        const share = commonShare(a, b);
        expect(share).toBeGreaterThan(0);
        expect(share).toBeLessThanOrEqual(1);
        expect(commonShare(b, a)).toBe(share);
        expect(commonShare(a, a)).toBe(1);
      }),
    );
    const half = { ...TIED, dModel: TIED.dModel / 2 };
    expect(commonShare(TIED, half)).toBeCloseTo(0.5, 9);
  });
});

describe('planHeads', () => {
  const flat = (n: number) => Array.from({ length: n }, () => 1);

  it('merges and repeats whole groups', () => {
    const merged = planHeads({ nHeads: 4, nKvHeads: 4 }, { nHeads: 4, nKvHeads: 2 }, flat(4));
    expect(merged).toEqual({
      heads: [0, 1, 2, 3],
      kvHeads: [
        [0, 1],
        [2, 3],
      ],
    });
    const repeated = planHeads({ nHeads: 4, nKvHeads: 2 }, { nHeads: 4, nKvHeads: 4 }, flat(4));
    expect(repeated).toEqual({ heads: [0, 1, 2, 3], kvHeads: [[0], [0], [1], [1]] });
  });

  it('keeps the most important head of each group', () => {
    const plan = planHeads({ nHeads: 4, nKvHeads: 2 }, { nHeads: 2, nKvHeads: 2 }, [1, 9, 3, 2]);
    expect(plan).toEqual({ heads: [1, 2], kvHeads: [[0], [1]] });
  });

  it('places every head once where there is room', () => {
    fc.assert(
      fc.property(attention, attention, (from, to) => {
        fc.pre(from.nHeads > 0 && to.nHeads > 0);
        const { heads, kvHeads } = planHeads(from, to, flat(from.nHeads));
        expect(heads).toHaveLength(to.nHeads);
        expect(kvHeads).toHaveLength(to.nKvHeads);
        expect(kvHeads.every((means) => means.length > 0)).toBe(true);
        const old = heads.filter((head) => head !== NEW);
        expect(new Set(old).size).toBe(old.length);
        const isMultiple = to.nHeads % from.nHeads === 0 && to.nKvHeads % from.nKvHeads === 0;
        if (isMultiple) expect(old).toHaveLength(from.nHeads);
      }),
    );
  });
});

describe('rotaryNumbers', () => {
  it('keeps frequencies exactly where one size divides the other', () => {
    expect(rotaryNumbers(4, 8)).toEqual([0, NEW, 1, NEW, 2, NEW, 3, NEW]);
    expect(rotaryNumbers(8, 4)).toEqual([0, 2, 4, 6]);
    expect(rotaryNumbers(6, 6)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('uses every pair once where heads grow, and none twice where they shrink', () => {
    const sizes = fc.integer({ min: 1, max: 40 }).map((half) => 2 * half);
    fc.assert(
      fc.property(sizes, sizes, (from, to) => {
        const old = rotaryNumbers(from, to).filter((number) => number !== NEW);
        expect(new Set(old).size).toBe(Math.min(from, to));
        expect(old.every((number) => number >= 0 && number < from)).toBe(true);
      }),
    );
  });
});

describe('gathering', () => {
  const source = Float32Array.from([1, 2, 3, 4, 5, 6]);
  it('takes rows, columns and new ones', () => {
    expect([...gatherRows(source, 2, [2, NEW, 0], () => 9)]).toEqual([5, 6, 9, 9, 1, 2]);
    expect([...gatherColumns(source, 3, [2, NEW, 0], () => 9)]).toEqual([3, 9, 1, 6, 9, 4]);
  });
  it('finds the largest, the first of equals, in their order', () => {
    expect(largest([3, 9, 3, 1], 2)).toEqual([0, 1]);
    expect(largest([1, 2], 5)).toEqual([0, 1]);
  });
});

it('first values of a whole model are those drawn one after the other', () => {
  const weights = initialWeights(TIED, rng());
  expect(Object.keys(weights)).toEqual(parameterSpecs(TIED).map(({ name }) => name));
});
