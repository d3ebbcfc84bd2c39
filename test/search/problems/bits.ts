// Binary test problems with known hypervolumes (definitions: LOTZ, OneMaxMin, MNK landscapes, knapsack).
import { type Genes, geneProblem, mulberry32, type TestProblem } from './genes.ts';

const bits = (n: number) => Array.from({ length: n }, () => 2);

/** Leading ones against trailing zeros; exact hypervolume n (n - 1) / 2. */
export function lotz(n: number): TestProblem {
  const truth = (x: Genes) => {
    const firstZero = x.indexOf(0);
    const lastOne = x.lastIndexOf(1);
    return { objectives: [-(firstZero < 0 ? n : firstZero), -(n - 1 - lastOne)], violations: [] };
  };
  return geneProblem({ name: `lotz${n}`, cardinality: bits(n), reference: [0, 0], truth });
}

/** Ones against zeros; every string is on the front. */
export function oneMaxMin(n: number): TestProblem {
  const truth = (x: Genes) => {
    const ones = x.reduce((sum, bit) => sum + bit, 0);
    return { objectives: [-ones, ones - n], violations: [] };
  };
  return geneProblem({ name: `onemaxmin${n}`, cardinality: bits(n), reference: [0, 0], truth });
}

/** MNK landscape with 20 bits and 4 links a bit: rugged. Seeds 20240103 (two objectives) and 20240104 (three). */
export function mnk(nObjectives: 2 | 3): TestProblem {
  const [n, k] = [20, 4];
  const random = mulberry32(nObjectives === 2 ? 20240103 : 20240104);
  const landscapes = Array.from({ length: nObjectives }, () =>
    Array.from({ length: n }, (_, locus) => {
      const links: number[] = [];
      while (links.length < k) {
        const link = Math.floor(random() * n);
        if (link !== locus && !links.includes(link)) links.push(link);
      }
      return { loci: [locus, ...links], table: Array.from({ length: 2 ** (k + 1) }, () => random()) };
    }),
  );
  const truth = (x: Genes) => ({
    objectives: landscapes.map(
      (loci) =>
        -loci.reduce((sum, one) => sum + one.table[one.loci.reduce((at, l) => 2 * at + x[l]!, 0)]!, 0) / n,
    ),
    violations: [],
  });
  return geneProblem({
    name: `mnk${nObjectives}`,
    cardinality: bits(n),
    reference: Array.from({ length: nObjectives }, () => 0),
    truth,
  });
}

/** 100 items, two profits, one capacity (seed 20240101): overweight strings are infeasible. */
export function knapsack(constraintsAreCheap: boolean): TestProblem {
  const n = 100;
  const random = mulberry32(20240101);
  const row = () => Array.from({ length: n }, () => 10 + Math.floor(random() * 91));
  const profits = [row(), row()];
  const weights = row();
  const capacity = Math.floor(weights.reduce((a, b) => a + b, 0) / 2);
  const sum = (x: Genes, values: readonly number[]) => x.reduce((s, bit, k) => s + bit * values[k]!, 0);
  const truth = (x: Genes) => ({
    objectives: profits.map((profit) => -sum(x, profit)),
    violations: [Math.max(0, sum(x, weights) / capacity - 1)],
  });
  return geneProblem({
    name: 'knapsack100',
    cardinality: bits(n),
    reference: [0, 0],
    truth,
    constraintsAreCheap,
  });
}
