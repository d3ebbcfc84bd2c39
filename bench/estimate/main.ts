// How many whole-model estimates a second one core makes: 32 unlike layers, formats and sparsities by layer.

import type { ModelShape } from '../../hardware/index.ts';
import { estimateCost, loadAccelerator, uniformDeployment } from '../../hardware/index.ts';
import type { Deployment } from '../../space/deployment.ts';

const N_LAYERS = 32;
const N_MODELS = 1000;
const N_ESTIMATES = 200_000;
const N_REPEATS = 5;

/** Model `i` of the pool: kv heads and feed-forward widths differ from layer to layer. */
function modelAt(i: number): ModelShape {
  return {
    dModel: 4096,
    headDim: 128,
    vocabSize: 32_000,
    contextLength: 4096,
    tieEmbeddings: false,
    ropeTheta: 10_000,
    layers: Array.from({ length: N_LAYERS }, (_, j) => ({
      nHeads: 32,
      nKvHeads: 2 ** ((i * 7 + j * 3) % 6),
      dFf: 1024 * (1 + ((i * 5 + j * 11) % 16)),
    })),
  };
}

const FORMATS = ['fp16', 'mxfp6-e2m3', 'mxfp4-e2m1'] as const;
const SPARSITIES = [0, 0.5, 0.8] as const;

function deploymentAt(i: number): Deployment {
  return {
    ...uniformDeployment(N_LAYERS),
    layers: Array.from({ length: N_LAYERS }, (_, j) => ({
      attention: { weightFormat: FORMATS[(i + j) % 3]!, sparsity: SPARSITIES[(i * j) % 3]! },
      feedForward: { weightFormat: FORMATS[(i + 2 * j) % 3]!, sparsity: SPARSITIES[(i + j) % 3]! },
    })),
  };
}

const models = Array.from({ length: N_MODELS }, (_, i) => modelAt(i));
const deployments = Array.from({ length: N_MODELS }, (_, i) => deploymentAt(i));
const workload = { batch: 1, promptTokens: 1024, generatedTokens: 1024 };

/** Best of the repeats: microseconds of processor time for one estimate. */
function microsecondsOf(name: string): number {
  const accelerator = loadAccelerator(name);
  let best = Number.POSITIVE_INFINITY;
  let consumed = 0;
  for (let repeat = 0; repeat < N_REPEATS; repeat += 1) {
    const before = process.cpuUsage();
    for (let i = 0; i < N_ESTIMATES; i += 1) {
      const architecture = models[i % N_MODELS]!;
      const deployment = deployments[(i * 7 + repeat) % N_MODELS]!;
      consumed += estimateCost({ architecture, deployment, accelerator, workload }).decodeSecondsPerToken;
    }
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / N_ESTIMATES);
  }
  if (!(consumed > 0)) throw new Error('the estimates are empty');
  return best;
}

for (const name of ['qualcomm-ai100-ultra', 'nvidia-a100-80gb']) {
  const microseconds = microsecondsOf(name);
  console.log(
    `${name}: ${microseconds.toFixed(2)} us an estimate, ${Math.round(1e6 / microseconds).toLocaleString('en')} a second`,
  );
}
