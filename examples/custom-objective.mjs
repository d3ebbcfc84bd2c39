// A metric of one's own among the objectives: grams of CO2, from the energy that the cost model expects.
import { defineMetric, defineSpace, openRuns, run } from 'paretoformer';

const GRAMS_PER_KILOWATT_HOUR = 380;

const carbon = defineMetric({
  name: 'carbon',
  better: 'lower',
  about: 'grams of CO2 for a million generated tokens',
  value: (_model, cost) => (cost.energyJoulesPerToken / 3.6) * GRAMS_PER_KILOWATT_HOUR,
});

const space = defineSpace({
  name: 'carbon',
  task: { corpus: 'sotu', contextLength: 64 },
  space: { dModel: [32, 48], headDim: 16, depth: [1, 2], layers: { nHeads: 2, nKvHeads: 1, dFf: [64, 128] } },
  scale: { width: 64, heads: 16, vocabSize: 32_000, contextLength: 2048 },
  accelerator: 'qualcomm-ai100-ultra',
  objectives: ['loss', carbon],
  constraints: ['carbon <= 400'],
  search: { candidates: 4, deploymentsPerArchitecture: 0 },
  training: { rungs: [100], warmupSteps: 10, evaluationTokens: 8192 },
});

const { runId } = await run(space).outcome;
for (const { candidate, evaluation } of openRuns().front(runId)?.members ?? []) {
  console.log(`candidate ${candidate.number}: ${evaluation.values.carbon} g, loss ${evaluation.values.loss}`);
}
