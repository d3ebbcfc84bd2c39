// Input that makes no sense is a typed error before anything is priced.
import type { Layer } from '../space/architecture.ts';
import type { LayerDeployment, WeightStorage } from '../space/deployment.ts';
import { KV_CACHE_FORMATS, WEIGHT_FORMATS } from '../space/number-formats.ts';
import type { CostInput } from './cost-input.ts';
import { HardwareError } from './errors.ts';

const MAX_HEADS = 4095;
const MAX_FEED_FORWARD = 2 ** 28;

function isCount(value: number, minimum: number): boolean {
  return Number.isSafeInteger(value) && value >= minimum;
}

/** Heads, kv heads and feed-forward of one block, and how it is stored. @throws HardwareError */
export function checkLayer({ nHeads, nKvHeads, dFf }: Layer, stored: LayerDeployment): void {
  const bad = (message: string): never => {
    throw new HardwareError('bad-architecture', message);
  };
  if (!isCount(nHeads, 0) || nHeads > MAX_HEADS) bad(`nHeads must be 0 to ${MAX_HEADS}, not ${nHeads}`);
  if (!isCount(nKvHeads, 0)) bad(`nKvHeads must be a whole number, not ${nKvHeads}`);
  if (!isCount(dFf, 0) || dFf > MAX_FEED_FORWARD) bad(`dFf must be 0 or more, not ${dFf}`);
  if (nHeads > 0 && (nKvHeads === 0 || nKvHeads > nHeads || nHeads % nKvHeads !== 0)) {
    bad(`nKvHeads must divide nHeads: ${nKvHeads} kv heads, ${nHeads} heads`);
  }
  checkStorage(stored.attention);
  checkStorage(stored.feedForward);
}

/** @throws HardwareError for a format that is none, or a sparsity out of range. */
export function checkStorage({ weightFormat, sparsity }: WeightStorage): void {
  if (!(WEIGHT_FORMATS as readonly string[]).includes(weightFormat)) {
    throw new HardwareError('unsupported-format', `unknown weight format ${JSON.stringify(weightFormat)}`);
  }
  if (!(sparsity >= 0 && sparsity < 1)) {
    throw new HardwareError('bad-deployment', `sparsity must be at least 0 and below 1, not ${sparsity}`);
  }
}

/** Everything of an input but how its weights are stored, and its blocks. @throws HardwareError */
export function checkInput({ architecture, deployment, accelerator, workload }: CostInput): void {
  for (const name of ['dModel', 'headDim', 'vocabSize'] as const) {
    if (!isCount(architecture[name], 1)) {
      throw new HardwareError(
        'bad-architecture',
        `${name} must be a whole number from 1, not ${architecture[name]}`,
      );
    }
  }
  const minimum = { batch: 1, promptTokens: 1, generatedTokens: 0 } as const;
  for (const [name, least] of Object.entries(minimum) as [keyof typeof minimum, number][]) {
    if (!isCount(workload[name], least)) {
      throw new HardwareError(
        'bad-workload',
        `${name} must be a whole number from ${least}, not ${workload[name]}`,
      );
    }
  }
  const { nCards, kvCacheFormat } = deployment;
  if (!isCount(nCards, 1) || nCards > accelerator.maxCards) {
    throw new HardwareError(
      'bad-deployment',
      `nCards must be 1 to ${accelerator.maxCards} on ${accelerator.name}, not ${nCards}`,
    );
  }
  if (nCards * accelerator.devicesPerCard > 1 && accelerator.links.length === 0) {
    throw new HardwareError('bad-deployment', `${accelerator.name} has no link figures: one card only`);
  }
  if (!(KV_CACHE_FORMATS as readonly string[]).includes(kvCacheFormat)) {
    throw new HardwareError('unsupported-format', `unknown KV-cache format ${JSON.stringify(kvCacheFormat)}`);
  }
  if (!accelerator.kvCacheFormats.includes(kvCacheFormat)) {
    throw new HardwareError(
      'unsupported-format',
      `${accelerator.name} has no ${kvCacheFormat} KV cache; it has ${accelerator.kvCacheFormats.join(', ')}`,
    );
  }
}
