// Test problems whose genomes are lists of small whole numbers.
import type { CheapFacts, MutationShare, Problem } from '../../../search/port.ts';
import type { Rng } from '../../../space/random.ts';

export type Genes = readonly number[];

export interface TestProblem extends Problem<Genes> {
  readonly name: string;
  readonly cardinality: readonly number[];
  /** Everything, as training would tell it. Violations are >= 0. */
  truth(genes: Genes): { readonly objectives: number[]; readonly violations: number[] };
  readonly reference: readonly number[];
}

export interface GeneProblemSpec {
  readonly name: string;
  readonly cardinality: readonly number[];
  readonly reference: readonly number[];
  readonly truth: TestProblem['truth'];
  /** Which objectives are known without training; none by default. */
  readonly isCheap?: readonly boolean[];
  readonly constraintsAreCheap?: boolean;
  readonly canonical?: (genes: number[]) => number[];
  readonly features?: (genes: Genes) => readonly number[];
  /** The kind of each gene, where mutations are told apart. */
  readonly kinds?: readonly string[];
}

/** Uniform crossover; each gene is reset to another value with probability 1 / n, at least one. */
export function geneProblem(spec: GeneProblemSpec): TestProblem {
  const { cardinality, truth } = spec;
  const canonical = spec.canonical ?? ((genes) => genes);
  const isCheap = spec.isCheap ?? spec.reference.map(() => false);
  const reset = (genes: number[], at: number, rng: Rng) => {
    genes[at] = (genes[at]! + 1 + rng.below(cardinality[at]! - 1)) % cardinality[at]!;
  };
  const facts = (genes: Genes): CheapFacts => {
    const { objectives, violations } = truth(genes);
    return {
      objectives: objectives.map((value, k) => (isCheap[k] ? value : undefined)),
      violations: spec.constraintsAreCheap === true ? violations : violations.map(() => 0),
    };
  };
  return {
    name: spec.name,
    cardinality,
    reference: spec.reference,
    nObjectives: spec.reference.length,
    truth,
    facts,
    key: (genes) => genes.join(','),
    sample: (rng) => canonical(cardinality.map((n) => rng.below(n))),
    mutate: (genes, rng, kind) => {
      const child = [...genes];
      if (kind !== undefined) {
        const own = spec.kinds!.flatMap((each, at) => (each === kind ? [at] : []));
        reset(child, rng.pick(own), rng);
        // As many changes as below, on average: one, and what a third of the chances gives.
        for (const at of child.keys()) if (rng.chance(3, 8 * child.length)) reset(child, at, rng);
        return canonical(child);
      }
      let nChanged = 0;
      for (const at of child.keys()) {
        if (!rng.chance(1, child.length)) continue;
        reset(child, at, rng);
        nChanged += 1;
      }
      if (nChanged === 0) reset(child, rng.below(child.length), rng);
      return canonical(child);
    },
    cross: (a, b, rng) => canonical(a.map((gene, at) => (rng.chance(1, 2) ? gene : b[at]!))),
    ...(spec.features === undefined ? {} : { features: spec.features }),
    ...(spec.kinds === undefined ? {} : { mutationKinds: () => sharesOf(spec.kinds!) }),
  };
}

/** Each kind once, with its share of the genes. */
function sharesOf(kinds: readonly string[]): MutationShare[] {
  return [...new Set(kinds)].map((kind) => ({
    kind,
    share: kinds.filter((each) => each === kind).length / kinds.length,
  }));
}

/** The generator that the published instances were drawn with. */
export function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A fixed rugged function of the genes in [-1, 1). */
export function rug(genes: Genes): number {
  let hash = 2166136261;
  for (const gene of genes) hash = Math.imul(hash ^ (gene + 1), 16777619);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 31 - 1;
}
