// Real-valued test problems (Zitzler, Deb, Thiele 2000; Deb et al. 2005; Jain and Deb 2014; Ma and Wang 2019), and the
// variation that their published results were reached with.
import type { Individual } from '../../../search/generational.ts';
import { deriveRng, type Rng } from '../../../space/random.ts';

type Vector = readonly number[];

export interface RealProblem {
  readonly name: string;
  readonly lower: Vector;
  readonly upper: Vector;
  readonly reference: Vector;
  /** Objectives, and constraints that are met where they are <= 0. */
  readonly evaluate: (x: Vector) => { readonly f: number[]; readonly g: number[] };
}

const unit = (n: number) => ({
  lower: Array.from({ length: n }, () => 0),
  upper: Array.from({ length: n }, () => 1),
});
const sum = (values: Vector) => values.reduce((a, b) => a + b, 0);
const zdtG = (x: Vector) => 1 + (9 * sum(x.slice(1))) / (x.length - 1);

/** Front values of DTLZ problems from angles or positions and the distance g. */
function sphere(x: Vector, g: number): number[] {
  const [a, b] = [(x[0]! * Math.PI) / 2, (x[1]! * Math.PI) / 2];
  return [(1 + g) * Math.cos(a) * Math.cos(b), (1 + g) * Math.cos(a) * Math.sin(b), (1 + g) * Math.sin(a)];
}

function mw3(x: Vector): { f: number[]; g: number[] } {
  let distance = 1;
  for (let i = 1; i < x.length; i++) distance += 2 * (x[i]! + (x[i - 1]! - 0.5) ** 2 - 1) ** 2;
  const f1 = x[0]!;
  const f2 = distance * (1 - f1 / distance);
  const l = Math.SQRT2 * (f2 - f1);
  const wave = Math.sin(0.75 * Math.PI * l);
  return { f: [f1, f2], g: [f1 + f2 - 1.05 - 0.45 * wave ** 6, 0.85 - f1 - f2 + 0.3 * wave ** 2] };
}

function osy(x: Vector): { f: number[]; g: number[] } {
  const [a, b, c, d, e, h] = x as [number, number, number, number, number, number];
  return {
    f: [
      -(25 * (a - 2) ** 2 + (b - 2) ** 2 + (c - 1) ** 2 + (d - 4) ** 2 + (e - 1) ** 2),
      a ** 2 + b ** 2 + c ** 2 + d ** 2 + e ** 2 + h ** 2,
    ],
    g: [
      (2 - a - b) / 2,
      (a + b - 6) / 6,
      (b - a - 2) / 2,
      (a - 3 * b - 2) / 2,
      ((c - 3) ** 2 + d - 4) / 4,
      (4 - (e - 3) ** 2 - h) / 4,
    ],
  };
}

export const ZDT1: RealProblem = {
  name: 'zdt1',
  ...unit(30),
  reference: [1.1, 1.1],
  evaluate: (x) => ({ f: [x[0]!, zdtG(x) * (1 - Math.sqrt(x[0]! / zdtG(x)))], g: [] }),
};

export const REAL_PROBLEMS: readonly RealProblem[] = [
  ZDT1,
  {
    name: 'zdt2',
    ...unit(30),
    reference: [1.1, 1.1],
    evaluate: (x) => ({ f: [x[0]!, zdtG(x) * (1 - (x[0]! / zdtG(x)) ** 2)], g: [] }),
  },
  {
    name: 'zdt3',
    ...unit(30),
    reference: [1.1, 1.1],
    evaluate: (x) => {
      const ratio = x[0]! / zdtG(x);
      return { f: [x[0]!, zdtG(x) * (1 - Math.sqrt(ratio) - ratio * Math.sin(10 * Math.PI * x[0]!))], g: [] };
    },
  },
  {
    name: 'zdt6',
    ...unit(10),
    reference: [1.1, 1.1],
    evaluate: (x) => {
      const f1 = 1 - Math.exp(-4 * x[0]!) * Math.sin(6 * Math.PI * x[0]!) ** 6;
      const g = 1 + 9 * (sum(x.slice(1)) / 9) ** 0.25;
      return { f: [f1, g * (1 - (f1 / g) ** 2)], g: [] };
    },
  },
  {
    name: 'dtlz2_3',
    ...unit(12),
    reference: [1.1, 1.1, 1.1],
    evaluate: (x) => ({ f: sphere(x, sum(x.slice(2).map((v) => (v - 0.5) ** 2))), g: [] }),
  },
  {
    name: 'bnh',
    lower: [0, 0],
    upper: [5, 3],
    reference: [140, 50],
    evaluate: ([a, b]) => ({
      f: [4 * a! ** 2 + 4 * b! ** 2, (a! - 5) ** 2 + (b! - 5) ** 2],
      g: [((a! - 5) ** 2 + b! ** 2 - 25) / 25, (7.7 - (a! - 8) ** 2 - (b! + 3) ** 2) / 7.7],
    }),
  },
  { name: 'osy', lower: [0, 0, 1, 0, 1, 0], upper: [10, 10, 5, 6, 5, 10], reference: [0, 80], evaluate: osy },
  {
    name: 'c1dtlz1_3',
    ...unit(7),
    reference: [0.55, 0.55, 0.55],
    evaluate: (x) => {
      const rest = x.slice(2).map((v) => (v - 0.5) ** 2 - Math.cos(20 * Math.PI * (v - 0.5)));
      const g = 100 * (5 + sum(rest));
      const scale = 0.5 * (1 + g);
      const f = [scale * x[0]! * x[1]!, scale * x[0]! * (1 - x[1]!), scale * (1 - x[0]!)];
      return { f, g: [-(1 - f[2]! / 0.6 - (f[0]! + f[1]!) / 0.5)] };
    },
  },
  {
    name: 'c2dtlz2_3',
    ...unit(12),
    reference: [1.1, 1.1, 1.1],
    evaluate: (x) => {
      const f = sphere(x, sum(x.slice(2).map((v) => (v - 0.5) ** 2)));
      const squares = sum(f.map((v) => v * v));
      const corners = f.map((v) => (v - 1) ** 2 + squares - v * v - 0.16);
      const middle = sum(f.map((v) => (v - 1 / Math.sqrt(3)) ** 2)) - 0.16;
      return { f, g: [Math.min(...corners, middle)] };
    },
  },
  { name: 'mw3', ...unit(15), reference: [1.1, 1.1], evaluate: mw3 },
];

function individual(problem: RealProblem, x: Vector): Individual<Vector> {
  const { f, g } = problem.evaluate(x);
  return {
    genome: x,
    objectives: f,
    totalViolation: g.reduce((total, value) => total + Math.max(0, value), 0),
  };
}

/** One gene pair by simulated binary crossover within bounds (Deb and Agrawal 1995). */
function crossedGenes(
  a: number,
  b: number,
  low: number,
  high: number,
  eta: number,
  rng: Rng,
): [number, number] {
  const [x1, x2] = a < b ? [a, b] : [b, a];
  if (x2 - x1 < 1e-14) return [a, b];
  const u = rng.uniform();
  const spread = (beta: number) => {
    const alpha = 2 - beta ** -(eta + 1);
    return u <= 1 / alpha ? (u * alpha) ** (1 / (eta + 1)) : (1 / (2 - u * alpha)) ** (1 / (eta + 1));
  };
  const near = 0.5 * (x1 + x2 - spread(1 + (2 * (x1 - low)) / (x2 - x1)) * (x2 - x1));
  const far = 0.5 * (x1 + x2 + spread(1 + (2 * (high - x2)) / (x2 - x1)) * (x2 - x1));
  const clipped = [near, far].map((value) => Math.min(high, Math.max(low, value))) as [number, number];
  return rng.chance(1, 2) ? clipped : [clipped[1], clipped[0]];
}

function mutatedGene(x: number, low: number, high: number, eta: number, rng: Rng): number {
  const u = rng.uniform();
  const power = 1 / (eta + 1);
  const [down, up] = [1 - (x - low) / (high - low), 1 - (high - x) / (high - low)];
  const step =
    u < 0.5
      ? (2 * u + (1 - 2 * u) * down ** (eta + 1)) ** power - 1
      : 1 - (2 * (1 - u) + 2 * (u - 0.5) * up ** (eta + 1)) ** power;
  return Math.min(high, Math.max(low, x + step * (high - low)));
}

/** Two children: SBX with eta 15 in nine of ten pairs, polynomial mutation with eta 20 in one of n genes. */
export function realChildren(problem: RealProblem, a: Vector, b: Vector, rng: Rng): Individual<Vector>[] {
  const { lower, upper } = problem;
  const children: [number[], number[]] = [[...a], [...b]];
  if (rng.chance(9, 10)) {
    for (let k = 0; k < a.length; k++) {
      if (!rng.chance(1, 2)) continue;
      const [first, second] = crossedGenes(a[k]!, b[k]!, lower[k]!, upper[k]!, 15, rng);
      children[0][k] = first;
      children[1][k] = second;
    }
  }
  for (const child of children) {
    for (let k = 0; k < child.length; k++) {
      if (rng.chance(1, child.length)) child[k] = mutatedGene(child[k]!, lower[k]!, upper[k]!, 20, rng);
    }
  }
  return children.map((child) => individual(problem, child));
}

/** Uniform members of the box. */
export function realSamples(problem: RealProblem, n: number, seed: number): Individual<Vector>[] {
  const rng = deriveRng(seed, 0, 'real');
  return Array.from({ length: n }, () =>
    individual(
      problem,
      problem.lower.map((low, k) => low + (problem.upper[k]! - low) * rng.uniform()),
    ),
  );
}
