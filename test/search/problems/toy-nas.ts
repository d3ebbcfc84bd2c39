// A closed-form stand-in for transformer search: 11 genes, 2.9 million members, three objectives, three constraints.
// The loss is not additive and has a rugged part of +-0.01; latency, memory and the constraints are known beforehand.
import { type Genes, geneProblem, rug, type TestProblem } from './genes.ts';

const D_MODEL = [128, 192, 256, 320, 384, 448, 512, 640];
const HEADS = [2, 4, 8, 16];
const KV_GROUP = [1, 2, 4, 8];
const FFN = [1, 1.5, 2, 2.5, 3, 4];
const WINDOW = [64, 128, 256];
const BITS = [4, 8, 16];
const CARDINALITY = [21, 8, 4, 4, 6, 3, 3, 3, 2, 2, 3];
const KINDS = 'depth model heads group ffn attention window activation norm tied bits'.split(' ');
const MEMORY_BUDGET_MB = 60;

function shapeOf(genes: Genes) {
  const [depth, model, heads, group, ffn, attention, window, activation, norm, tied, bits] = genes;
  return {
    depth: depth! + 4,
    dModel: D_MODEL[model!]!,
    heads: HEADS[heads!]!,
    group: KV_GROUP[group!]!,
    ffn: FFN[ffn!]!,
    attention: attention!,
    window: WINDOW[window!]!,
    activation: activation!,
    norm: norm!,
    tied: tied!,
    bits: BITS[bits!]!,
  };
}

function lossOf(genes: Genes, nBlocks: number): number {
  const s = shapeOf(genes);
  const headDim = s.dModel / s.heads;
  const size = 3.2 * (nBlocks / 1e6) ** -0.21;
  const shape =
    0.03 * Math.log(s.dModel / s.depth / 32) ** 2 +
    0.02 * Math.log(headDim / 48) ** 2 +
    0.03 * Math.log(s.ffn / 2.6) ** 2 +
    0.012 * Math.log2(s.group);
  const attention = [0, 0.02 + 3 / s.window, 0.16][s.attention]!;
  const activation = [0.06, 0.025, 0][s.activation]!;
  const quantised = [0.05 + 0.06 / Math.sqrt(nBlocks / 1e6), 0.008, 0][BITS.indexOf(s.bits)]!;
  return (
    1.4 +
    size +
    shape +
    attention +
    activation +
    quantised -
    0.01 * s.norm +
    0.015 * s.tied +
    0.01 * rug(genes)
  );
}

function truth(genes: Genes) {
  const s = shapeOf(genes);
  const mats = s.activation === 2 ? 3 : 2;
  const nBlocks = s.depth * s.dModel ** 2 * (2 + 2 / s.group + mats * s.ffn);
  const nEmbedding = 8192 * s.dModel * (2 - s.tied);
  const kvMb =
    (s.depth * 2 * (s.dModel / s.group) * (s.attention === 1 ? s.window : s.attention === 2 ? 16 : 1024)) /
    5e5;
  const memoryMb = ((nBlocks + nEmbedding) * s.bits) / 8e6 + kvMb;
  const scores = [1024, s.window, 48][s.attention]! * s.dModel * s.depth;
  const latencyMs = (nBlocks / 3e7) * (0.5 + s.bits / 32) + scores / 2.5e7 + 0.02 * s.depth;
  const headDim = s.dModel / s.heads;
  return {
    objectives: [lossOf(genes, nBlocks), latencyMs, memoryMb],
    violations: [
      Math.max(0, memoryMb / MEMORY_BUDGET_MB - 1),
      Math.max(0, 1 - headDim / 16),
      Math.max(0, s.group / s.heads - 1),
    ],
  };
}

/** Numbers of the shape, logarithms of its sizes, and one-hot categories. */
function features(genes: Genes): number[] {
  const s = shapeOf(genes);
  const mats = s.activation === 2 ? 3 : 2;
  const nBlocks = s.depth * s.dModel ** 2 * (2 + 2 / s.group + mats * s.ffn);
  const oneOf = (n: number, value: number) => Array.from({ length: n }, (_, k) => (k === value ? 1 : 0));
  return [
    Math.log(nBlocks),
    Math.log(s.depth),
    Math.log(s.dModel),
    Math.log(s.heads),
    Math.log(s.group),
    Math.log(s.ffn),
    ...oneOf(3, s.attention),
    s.attention === 1 ? Math.log(s.window / 128) : 0,
    ...oneOf(3, s.activation),
    s.norm,
    s.tied,
    ...oneOf(3, genes[10]!),
  ];
}

const REFERENCE = [4, 3, 60] as const;
/** Exact, from all 2,903,040 canonical members, 64.2 % of them feasible; 1,940 are on the front. */
export const TOY_NAS_EXACT = 144.9358412401987;

export function toyNas(constraintsAreCheap = true): TestProblem {
  return geneProblem({
    name: 'toy-nas',
    cardinality: CARDINALITY,
    reference: REFERENCE,
    isCheap: [false, true, true],
    constraintsAreCheap,
    canonical: (genes) => genes.map((gene, at) => (at === 6 && genes[5] !== 1 ? 0 : gene)),
    features,
    kinds: KINDS,
    truth,
  });
}
