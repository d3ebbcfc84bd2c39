// The GPT-S space of HW-GPT-Bench in closed form: ln perplexity (needs training), ln latency and ln memory (known).
import { readFileSync } from 'node:fs';
import { type Genes, geneProblem, type TestProblem } from './genes.ts';

interface Replay {
  readonly cardinality: readonly number[];
  readonly weights: Readonly<Record<string, readonly (readonly number[])[]>>;
  readonly test_vectors: readonly (Readonly<Record<string, number>> & {
    readonly genome: readonly number[];
  })[];
}

export const replay = JSON.parse(
  readFileSync(new URL('../../fixtures/search/hwgpt_s_replay.json', import.meta.url), 'utf8'),
) as Replay;

const HWGPT_REFERENCE = [Math.log(45), Math.log(30), Math.log(1000)] as const;
/** Of 180,000 evaluations of an evolutionary search; not proved to be the greatest. */
export const HWGPT_BEST_KNOWN = 0.614525056168799;
/** What generational NSGA-II with population 50 has after 400 evaluations, mean of 10 seeds. */
export const HWGPT_NSGA2_P50_AT_400 = 0.5061923679694382;
export const N_LAYERS_MAX = 12;

/** The features that the replay's weights belong to; see the fixture. */
function replayFeatures(genes: Genes): number[] {
  const nLayers = genes[1]! + 10;
  const features = [1, genes[1] === 1 ? 1 : 0, genes[1] === 2 ? 1 : 0, genes[2]!];
  let ratios = 0;
  for (let layer = 0; layer < N_LAYERS_MAX; layer++) {
    const active = layer < nLayers ? 1 : 0;
    const ratio = active * (genes[3 + layer]! + 2);
    const heads = genes[3 + N_LAYERS_MAX + layer]!;
    const centred = active * (ratio - 3);
    features.push(
      centred,
      active * centred * centred,
      active * (heads === 1 ? 1 : 0),
      active * (heads === 2 ? 1 : 0),
    );
    ratios += ratio;
  }
  features.push(ratios / 36, (ratios / 36) ** 2, Math.log(ratios));
  return features;
}

function replayValue(target: string, genes: Genes): number {
  const weights = replay.weights[target]![genes[0]!]!;
  return replayFeatures(genes).reduce((sum, feature, k) => sum + feature * weights[k]!, 0);
}

/** Genes of layers that do not exist are 0. */
export function canonicalHwgpt(genes: number[]): number[] {
  return genes.map((gene, at) => (at >= 3 && (at - 3) % N_LAYERS_MAX >= genes[1]! + 10 ? 0 : gene));
}

/** One-hot genes; the genes of a layer only where it exists. */
function oneHot(genes: Genes): number[] {
  const features: number[] = [];
  for (const [at, gene] of genes.entries()) {
    const exists = at < 3 || (at - 3) % N_LAYERS_MAX < genes[1]! + 10;
    for (let value = 1; value < replay.cardinality[at]!; value++) {
      features.push(exists && gene === value ? 1 : 0);
    }
  }
  return features;
}

export function hwgpt(): TestProblem {
  return geneProblem({
    name: 'hwgpt-s',
    cardinality: replay.cardinality,
    reference: HWGPT_REFERENCE,
    isCheap: [false, true, true],
    canonical: canonicalHwgpt,
    features: oneHot,
    kinds: replay.cardinality.map((_, at) =>
      at < 3 ? ['width', 'depth', 'bias'][at]! : at < 3 + N_LAYERS_MAX ? 'feed-forward' : 'heads',
    ),
    truth: (genes) => ({
      objectives: ['perplexity', 'lat_ms_a100', 'mem_mb_bf16_a100'].map((target) =>
        replayValue(target, genes),
      ),
      violations: [],
    }),
  });
}
