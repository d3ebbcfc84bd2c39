// An evaluator of one's own in place of training: here a formula for the loss, which tries a large space in seconds. A
// table of results, a service or another trainer fits as well.
import { countParameters, defineEvaluator, defineSpace, openRuns, run } from 'paretoformer';

const scalingLaw = defineEvaluator({
  train: ({ architecture, rung }) => 1.2 + 30 / countParameters(architecture) ** 0.32 + 0.2 / (rung + 1),
  measure: ({ deployment }, trainedLoss) => {
    const cast = deployment.layers.filter(({ feedForward }) => feedForward.weightFormat !== 'fp16').length;
    return trainedLoss + (0.05 * cast) / deployment.layers.length;
  },
});

const space = defineSpace({
  name: 'scaling-law',
  task: { corpus: 'sotu' },
  space: {
    dModel: { min: 64, max: 512, step: 64 },
    headDim: [32, 64],
    depth: { min: 2, max: 12 },
    layers: { nHeads: [4, 8], nKvHeads: [1, 2, 4], dFf: { min: 128, max: 2048, step: 128 } },
  },
  deployment: { weightFormat: { choices: ['fp16', 'mxfp4-e2m1'], perLayer: true } },
  accelerator: 'nvidia-h100-sxm',
  search: { algorithm: 'nsga2', candidates: 200, population: 20 },
});

const { runId } = await run(space, { evaluator: scalingLaw }).outcome;
console.log(`front of ${openRuns().front(runId)?.members.length} members: paretoformer report ${runId}`);
