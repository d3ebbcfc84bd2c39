import { describe, expect, it } from 'vitest';
import { defineEvaluator } from '../../evaluators/index.ts';
import { estimateCost, loadAccelerator } from '../../hardware/index.ts';
import { hashOf } from '../../space/candidate.ts';
import { alikeLayer, plainDeployment } from '../../space/deployment.ts';

const architecture = {
  dModel: 64,
  headDim: 16,
  vocabSize: 256,
  contextLength: 64,
  tieEmbeddings: false,
  ropeTheta: 10_000,
  layers: [
    { nHeads: 4, nKvHeads: 2, dFf: 128 },
    { nHeads: 0, nKvHeads: 0, dFf: 96 },
  ],
};
const task = { architecture, architectureHash: hashOf(architecture), rung: 1 };
const deployment = {
  ...plainDeployment(2),
  layers: [
    alikeLayer({ weightFormat: 'mxfp4-e2m1', sparsity: 0 }),
    alikeLayer({ weightFormat: 'int8', sparsity: 0.5 }),
  ],
};

describe('an evaluator from functions', () => {
  it('gives the loss that they give, and counts the rest', async () => {
    const plain = defineEvaluator({ train: ({ rung }) => 3 - rung });
    expect(await plain.evaluate(task)).toMatchObject({ kind: 'ok', bitsPerByte: 2, steps: 0, tokens: 0 });
    const full = defineEvaluator({ train: async () => ({ bitsPerByte: 2, steps: 7, tokens: 70 }) });
    expect(await full.evaluate(task)).toMatchObject({ kind: 'ok', bitsPerByte: 2, steps: 7, tokens: 70 });
    const failure = { kind: 'diverged', step: 3, reason: 'it blew up' } as const;
    expect(await defineEvaluator({ train: () => failure }).evaluate(task)).toEqual(failure);
  });

  it('measures with their loss of the training, which it asks for where another process trained', async () => {
    let nTrained = 0;
    const evaluator = defineEvaluator({
      train: () => 2 + ++nTrained,
      measure: ({ deployment: { layers } }, loss) => loss + layers.length,
    });
    expect(await evaluator.measure({ ...task, deployment })).toMatchObject({ kind: 'ok', bitsPerByte: 5 });
    expect(await evaluator.measure({ ...task, deployment })).toMatchObject({ bitsPerByte: 5 });
    expect(nTrained).toBe(1);
    const plain = defineEvaluator({ train: () => 2 });
    expect(await plain.measure({ ...task, deployment })).toMatchObject({ kind: 'ok', bitsPerByte: 2 });
    const failing = defineEvaluator({ train: () => ({ kind: 'failed', reason: 'no such model' }) });
    expect(await failing.measure({ ...task, deployment })).toEqual({
      kind: 'failed',
      reason: 'no such model',
    });
  });

  it('stores what the cost model expects', async () => {
    const evaluator = defineEvaluator({ train: () => 2 });
    const measured = await evaluator.measure({ ...task, deployment });
    if (measured.kind !== 'ok') throw new Error(measured.kind);
    const workload = { batch: 1, promptTokens: 32, generatedTokens: 32 };
    const accelerator = loadAccelerator('nvidia-l4');
    const { breakdown, weightBytes } = estimateCost({ architecture, deployment, accelerator, workload });
    const ofLayer = (at: number) =>
      breakdown.filter(({ layer }) => layer === at).reduce((sum, row) => sum + row.weightBytes, 0);
    // The cost model counts each layer's gains as well: one or two vectors in half precision.
    for (const [at, bits] of measured.layerBits.entries()) {
      expect(ofLayer(at) - bits / 8).toBeGreaterThanOrEqual(0);
      expect(ofLayer(at) - bits / 8).toBeLessThanOrEqual(2 * 2 * architecture.dModel);
    }
    expect(measured.encodedBits / 8 / weightBytes).toBeCloseTo(1, 3);
  });

  it('is cancelled by its signal, and closed', async () => {
    const controller = new AbortController();
    let isClosed = false;
    const evaluator = defineEvaluator({
      train: async (_, signal) => {
        controller.abort();
        expect(signal.aborted).toBe(true);
        return 2;
      },
      close: () => {
        isClosed = true;
      },
    });
    expect(await evaluator.evaluate(task, controller.signal)).toEqual({ kind: 'cancelled' });
    await evaluator.close();
    expect(isClosed).toBe(true);
  });
});
