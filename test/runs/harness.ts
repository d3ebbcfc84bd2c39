// Runs of the analytic world: a spec in code, a throw-away database, and what a run came to in comparable form.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunEvent } from '../../runs/loop/events.ts';
import { resumeRun, startRun } from '../../runs/loop/execute.ts';
import type { ExecuteOptions, Runnable } from '../../runs/loop/runnable.ts';
import { RunReader } from '../../runs/store/queries.ts';
import type { Candidate } from '../../space/candidate.ts';
import { parseConstraint } from '../../space/constraint.ts';
import { parseSpec } from '../../space/load-spec.ts';
import type { MetricName } from '../../space/metrics.ts';
import type { RunSpec } from '../../space/spec.ts';
import { type FakeEvaluator, fakeEvaluator, fakeProblem } from './fake.ts';

const YAML = `
specVersion: 1
name: fake
seed: 7
task: { corpus: moby-dick, contextLength: 64 }
space:
  dModel: [32, 48, 64]
  headDim: 16
  depth: { min: 1, max: 4 }
  layers: { nHeads: [2, 4], nKvHeads: [1, 2, 4], dFf: [0, 64, 128] }
deployment: { weightFormat: [fp16, int8, mxfp4-e2m1] }
accelerator: qualcomm-ai100-ultra
workload: { promptTokens: 32, generatedTokens: 32 }
search: { algorithm: nsga2, candidates: 30, population: 8, eta: 3, lag: 6 }
training: { rungs: [10, 30], warmupSteps: 2 }
`;

export interface FakeRunOptions {
  readonly objectives?: readonly MetricName[];
  readonly constraints?: readonly string[];
  readonly baseline?: Candidate;
  readonly search?: Partial<RunSpec['search']>;
  readonly training?: Partial<RunSpec['training']>;
  readonly seed?: number;
}

export function fakeRunnable(options: FakeRunOptions = {}): Runnable {
  const parsed = parseSpec(YAML, 'fake.yaml');
  const { objectives = ['loss', 'decodeLatency'], constraints = [], baseline, seed = 7 } = options;
  const spec: RunSpec = {
    ...parsed,
    seed,
    objectives,
    constraints: constraints.map((text) => parseConstraint(text)),
    ...(baseline === undefined ? {} : { baseline }),
    search: { ...parsed.search, ...options.search },
    training: { ...parsed.training, ...options.training },
  };
  const dataset = { corpusSha256: 'f'.repeat(64), unigramBitsPerByte: 4.4 };
  return { spec, specFolder: '/', problem: fakeProblem(options), dataset };
}

export function newDatabase(): string {
  return join(mkdtempSync(join(tmpdir(), 'paretoformer-')), 'runs.db');
}

export interface FakeRun {
  readonly events: RunEvent[];
  readonly evaluator: FakeEvaluator;
  readonly options: ExecuteOptions;
}

/** Options of a run in the analytic world; `onEvent` may call `stop`. */
export function fakeRun(
  databasePath: string,
  maxThreads = 2,
  evaluator = fakeEvaluator(),
  onEvent: (event: RunEvent, stop: () => void) => void = () => {},
): FakeRun {
  const events: RunEvent[] = [];
  const controller = new AbortController();
  const emit = (event: RunEvent) => {
    events.push(event);
    onEvent(event, () => controller.abort());
  };
  const options: ExecuteOptions = {
    databasePath,
    maxThreads,
    createEvaluator: () => evaluator,
    emit,
    signal: controller.signal,
  };
  return { events, evaluator, options };
}

/** All that a run stored, without ids, times and attempts, ready for toEqual. */
export function storedResult(databasePath: string, runId?: string) {
  const reader = new RunReader(databasePath);
  try {
    const id = runId ?? reader.resolve('latest');
    const fronts = reader.generations(id).map(({ generation }) => {
      const front = reader.front(id, generation)!;
      return {
        ...front,
        members: front.members.map(({ candidate, evaluation }) => [candidate.number, evaluation.number]),
      };
    });
    return {
      objectives: reader.run(id).objectives,
      surrogate: reader.surrogateReports(id),
      lossForecasts: reader.lossForecasts(id),
      candidates: reader.candidates(id),
      evaluations: reader
        .evaluations(id)
        .map((each) => ({ ...each, finishedAt: 0, trainSeconds: 0, attempt: 0, measurement: 0 })),
      fronts,
    };
  } finally {
    reader.close();
  }
}

/** A whole run without interruption, in its own database. */
export async function undisturbed(runnable: Runnable, maxThreads = 2) {
  const path = newDatabase();
  const outcome = await startRun(runnable, fakeRun(path, maxThreads).options);
  if (outcome.kind !== 'finished') throw new Error('interrupted');
  return storedResult(path);
}

export { resumeRun, startRun };
