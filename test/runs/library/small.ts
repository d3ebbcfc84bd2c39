// A space whose losses come from a formula, for tests of everything around a run that is started from code.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  countParameters,
  type Definition,
  type DefinitionSettings,
  defineEvaluator,
  defineMetric,
  defineSpace,
  type EvaluatorFunctions,
} from '../../../runs/library/index.ts';
import { newDatabase } from '../harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'paretoformer-library-'));
const sentence = (n: number) =>
  `The whale number ${n} swam ${n % 7} miles to the ${n % 2 ? 'north' : 'south'}.\n\n`;
writeFileSync(join(folder, 'text.txt'), Array.from({ length: 400 }, (_, n) => sentence(n)).join(''));

const DEFINITION = {
  name: 'small',
  task: { corpus: 'text.txt', contextLength: 32 },
  space: {
    dModel: [32, 64],
    headDim: 16,
    depth: { min: 1, max: 3 },
    layers: { nHeads: [2, 4], nKvHeads: [1, 2], dFf: [64, 128] },
  },
  deployment: { weightFormat: ['fp16', 'mxfp4-e2m1'] },
  accelerator: 'nvidia-l4',
  search: { candidates: 12, population: 4, lag: 4 },
  training: { rungs: [10, 20], warmupSteps: 2, evaluationTokens: 64 },
} satisfies Definition;

export function smallSpace(change: Partial<Definition> = {}, settings: DefinitionSettings = {}) {
  return defineSpace({ ...DEFINITION, ...change }, { folder, ...settings });
}

/** Energy by another name: exact, and known before training. */
export const carbon = (factor = 1) =>
  defineMetric({
    name: 'carbon',
    better: 'lower',
    about: 'grams of CO2 a token',
    value: (_model, cost) => factor * cost.energyJoulesPerToken,
  });

const formula = (functions: Partial<EvaluatorFunctions> = {}) =>
  defineEvaluator({
    train: ({ architecture, rung }) => 1 + 30 / Math.sqrt(countParameters(architecture)) + 0.2 / (rung + 1),
    measure: ({ deployment }, loss) =>
      loss + (deployment.layers[0]!.attention.weightFormat === 'fp16' ? 0 : 0.05),
    ...functions,
  });

/** Settings of a run that takes no time, in a database of its own. */
export const quick = (functions: Partial<EvaluatorFunctions> = {}) => ({
  database: newDatabase(),
  threads: 2,
  evaluator: formula(functions),
});
