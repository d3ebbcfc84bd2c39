// What a guided search over a space of this project's own costs beside the training: processor time and memory.

import { keepHeapSmall } from '../../runs/cli/small-heap.ts';
import { defineSpace } from '../../runs/library/index.ts';
import { planCosts } from '../../runs/plan/cost-plan.ts';
import { createSearch } from '../../search/index.ts';
import { countParameters } from '../../space/architecture.ts';
import { type Candidate, hashOf } from '../../space/candidate.ts';
import { compileSpace } from '../../space/compiled-space.ts';
import { countMembers } from '../../space/count.ts';
import { drive } from '../../test/search/drive.ts';

/** What one training of a typical run takes; longer ones make the search's share smaller. */
const SECONDS_A_TRAINING = 20;
const MARKS = [100, 500, 1000, 2000] as const;

/** Depths up to 16, each layer with heads, width, format and sparsity of its own. */
function bigSpace() {
  return defineSpace({
    task: { corpus: 'sotu', contextLength: 128 },
    space: {
      dModel: [128, 192, 256, 320, 384],
      headDim: [16, 32],
      depth: { min: 4, max: 16 },
      layers: { nHeads: [2, 4, 8], nKvHeads: [1, 2, 4, 8], dFf: [256, 384, 512, 768, 1024] },
    },
    deployment: {
      weightFormat: { choices: ['fp16', 'fp8', 'mxfp6-e2m3', 'mxfp4-e2m1'], perLayer: true },
      sparsity: { choices: [0, 0.5], perLayer: true },
      kvCacheFormat: ['fp16', 'fp8'],
    },
    scale: { width: 16, heads: 4, vocabSize: 32_000, contextLength: 4096 },
    accelerator: 'nvidia-h100-sxm',
    workload: { batch: 1, promptTokens: 1024, generatedTokens: 256 },
    objectives: ['loss', 'decodeLatency', 'memory'],
    search: { algorithm: 'guided', candidates: MARKS.at(-1)! },
  });
}

/** A closed-form loss: falls with size, rises with sparsity and few bits, and has a part of each candidate's own. */
function lossOf({ architecture, deployment }: Candidate): number {
  const bits = { fp16: 0, fp8: 0.01, 'mxfp6-e2m3': 0.02, 'mxfp4-e2m1': 0.08 } as Record<string, number>;
  const harm = deployment.layers
    .flatMap(({ attention, feedForward }) => [attention, feedForward])
    .reduce((sum, part) => sum + (bits[part.weightFormat] ?? 0.05) + 0.1 * part.sparsity ** 2, 0);
  const own = Number.parseInt(hashOf(architecture).slice(0, 6), 16) / 0xff_ffff;
  return (
    1.2 + 8 * countParameters(architecture) ** -0.15 + harm / (2 * deployment.layers.length) + 0.02 * own
  );
}

/** Prints a row at each mark. */
export function scaleTable(): void {
  keepHeapSmall();
  const { spec, folder } = bigSpace();
  const { problem } = planCosts(spec, folder);
  console.log(`${Number(countMembers(compileSpace(spec))).toExponential(1)} members\n`);
  console.log(`| candidates | search, CPU s | of ${SECONDS_A_TRAINING} s a training, % | most memory, MB |`);
  console.log('|---|---|---|---|');
  const search = createSearch(problem, 'guided', {
    seed: 1,
    nCandidates: spec.search.candidates,
    populationSize: spec.search.population,
    nRungs: 1,
    eta: spec.search.eta,
  });
  const start = process.cpuUsage();
  drive(
    search,
    ({ genome, candidate }) => {
      const n = candidate + 1;
      if ((MARKS as readonly number[]).includes(n)) {
        const { user, system } = process.cpuUsage(start);
        const seconds = (user + system) / 1e6;
        const share = (100 * seconds) / (n * SECONDS_A_TRAINING);
        const megabytes = process.resourceUsage().maxRSS / 1024;
        console.log(`| ${n} | ${seconds.toFixed(0)} | ${share.toFixed(2)} | ${megabytes.toFixed(0)} |`);
      }
      const { objectives, violations } = problem.judge(genome, lossOf(genome), undefined);
      return { objectives, violations };
    },
    { lag: 8 },
  );
}
