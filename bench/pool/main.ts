// npx tsx bench/pool/main.ts [--rounds 3] [--candidates 4] [--steps 60] [--threads 1,2]
// Candidates an hour with two worker threads against one, in turn, on real text. Needs as many idle cores.
import { parseArgs } from 'node:util';
import { loadCorpus } from '../../evaluators/data/corpus.ts';
import { type Dataset, prepareDataset } from '../../evaluators/data/dataset.ts';
import { createTrainerPool } from '../../evaluators/pool/pool.ts';
import type { Evaluator } from '../../evaluators/port.ts';
import type { Architecture } from '../../space/architecture.ts';
import { hashOf } from '../../space/candidate.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    candidates: { type: 'string', default: '4' },
    steps: { type: 'string', default: '60' },
    threads: { type: 'string', default: '1,2' },
  },
});

const CONTEXT = 128;

/** Equal work for every candidate, so that no thread waits at the end of a round. */
function candidateOf(number: number): Architecture {
  return {
    dModel: 96,
    headDim: 24,
    vocabSize: 256,
    contextLength: CONTEXT,
    tieEmbeddings: true,
    ropeTheta: 10_000 + number,
    layers: [4, 2, 1, 2].map((nKvHeads) => ({ nHeads: 4, nKvHeads, dFf: 256 })),
  };
}

function poolOf(maxThreads: number, data: Dataset): Evaluator {
  const settings = {
    rungs: [Number(values.steps)],
    batch: 8,
    learningRate: 0.003,
    warmupSteps: 10,
    weightDecay: 0.1,
    beta1: 0.9,
    beta2: 0.95,
    epsilon: 1e-8,
    gradientClip: 1,
    evaluationTokens: 8192,
  };
  return createTrainerPool({ seed: 1, settings, timeoutSeconds: 3600, data, maxThreads });
}

let number = 0;
async function secondsOfRound(pool: Evaluator, nCandidates: number): Promise<number> {
  const start = performance.now();
  const outcomes = await Promise.all(
    Array.from({ length: nCandidates }, () => {
      const architecture = candidateOf(number++);
      return pool.evaluate({ architecture, architectureHash: hashOf(architecture), rung: 0 });
    }),
  );
  const failed = outcomes.find(({ kind }) => kind !== 'ok');
  if (failed !== undefined) throw new Error(JSON.stringify(failed));
  return (performance.now() - start) / 1000;
}

const data = prepareDataset(loadCorpus('sotu', '.'), { kind: 'bytes' }, 0.05, CONTEXT);
const threads = values.threads.split(',').map(Number);
const pools = threads.map((maxThreads) => poolOf(maxThreads, data));
// A first round starts every thread and is not counted.
for (const [i, pool] of pools.entries()) await secondsOfRound(pool, threads[i]!);
const best = threads.map(() => Number.POSITIVE_INFINITY);
for (let round = 0; round < Number(values.rounds); round++) {
  for (const [i, pool] of pools.entries())
    best[i] = Math.min(best[i]!, await secondsOfRound(pool, Number(values.candidates)));
}
await Promise.all(pools.map((pool) => pool.close()));
const perHour = best.map((seconds) => (3600 * Number(values.candidates)) / seconds);
for (const [i, rate] of perHour.entries()) {
  console.log(
    `${threads[i]} thread${threads[i] === 1 ? '' : 's'}: ${rate.toFixed(0)} candidates an hour, ${(rate / perHour[0]!).toFixed(2)} x`,
  );
}
