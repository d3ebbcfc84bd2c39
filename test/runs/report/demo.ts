// A database of a run with real costs and an analytic loss: fronts as a user meets them, in a second or two.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { TrainingTask } from '../../../evaluators/port.ts';
import { startRun } from '../../../runs/loop/execute.ts';
import { planCosts } from '../../../runs/plan/cost-plan.ts';
import { parseSpec } from '../../../space/load-spec.ts';
import type { RunSpec } from '../../../space/spec.ts';
import { analyticLoss, fakeEvaluator } from '../fake.ts';
import { fakeRun } from '../harness.ts';

const EXAMPLES = resolve(import.meta.dirname, '../../../examples');

export interface DemoOptions {
  readonly seed?: number;
  readonly name?: string;
  readonly candidates?: number;
  readonly change?: (spec: RunSpec) => RunSpec;
  /** Called before every training, to look at the run while it goes on. */
  readonly beforeTraining?: (nthTraining: number) => Promise<void>;
}

/** The spec of the demonstration: `examples/compressed-serving.yaml` with a baseline that it has to beat. */
export function demoSpec({
  seed = 3,
  name = 'compressed-serving',
  candidates = 120,
  change,
}: DemoOptions = {}): RunSpec {
  const text = readFileSync(join(EXAMPLES, 'compressed-serving.yaml'), 'utf8');
  const withBaseline = `${text}\nbaseline: {dModel: 128, headDim: 16, layer: {nHeads: 8, nKvHeads: 4, dFf: 384}, depth: 6}\n`;
  const parsed = parseSpec(withBaseline, 'compressed-serving.yaml');
  const spec: RunSpec = {
    ...parsed,
    seed,
    name,
    search: { ...parsed.search, algorithm: 'nsga2', candidates },
  };
  return change?.(spec) ?? spec;
}

/** One in nineteen diverges, so that there is something to account for. */
function fate(task: TrainingTask) {
  const { architecture, rung, architectureHash } = task;
  const draw = Number.parseInt(architectureHash.slice(0, 6), 16);
  if (draw % 19 === 0) return { kind: 'diverged', step: 57, reason: 'the loss is not a number' } as const;
  const bitsPerByte = analyticLoss({ architecture, rung }) + 0.0004 * (draw % 97);
  return {
    kind: 'ok',
    bitsPerByte,
    steps: 100,
    tokens: 102_400,
    trainSeconds: 12,
    compileSeconds: 1,
  } as const;
}

/** Runs the demonstration to its end. Returns the run's id. */
export async function demoRun(databasePath: string, options: DemoOptions = {}): Promise<string> {
  const spec = demoSpec(options);
  const plan = {
    ...planCosts(spec, EXAMPLES),
    dataset: { corpusSha256: 'c'.repeat(64), unigramBitsPerByte: 4.4 },
  };
  const inner = fakeEvaluator({ maxDelayMs: 0, fate });
  let nTrainings = 0;
  const evaluator = {
    ...inner,
    evaluate: async (...task: Parameters<typeof inner.evaluate>) => {
      await options.beforeTraining?.(nTrainings++);
      return inner.evaluate(...task);
    },
  };
  const outcome = await startRun(plan, fakeRun(databasePath, 2, evaluator).options);
  return outcome.runId;
}
