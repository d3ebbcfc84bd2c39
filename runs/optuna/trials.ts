// What became of a run's candidates, as Optuna's trials. A trial is a candidate: complete where it was measured at the
// rung that the front is made of, pruned where it stopped below, failed where training or measuring did.
import { type MetricValues, metricOf, metricTable } from '../../space/metrics.ts';
import type { RunSpec } from '../../space/spec.ts';
import { groupBy } from '../loop/attempts.ts';
import type { EvaluationResult, RunReader } from '../store/queries.ts';
import type { CandidateRecord } from '../store/records.ts';
import { type Distribution, type Parameters, parametersOf } from './parameters.ts';

export type TrialState = 'COMPLETE' | 'PRUNED' | 'FAIL' | 'WAITING';

export interface Trial {
  readonly number: number;
  readonly state: TrialState;
  /** Milliseconds since 1970; absent where nothing was done yet. */
  readonly startedAt?: number;
  readonly completedAt?: number;
  /** In the order of the objectives, natural units; empty unless complete. */
  readonly values: readonly number[];
  readonly parameters: Parameters;
  /** Loss by optimiser steps. */
  readonly intermediate: readonly (readonly [step: number, loss: number])[];
  /** One a constraint, 0 = met; absent where nothing was judged. */
  readonly constraints?: readonly number[];
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface Study {
  readonly name: string;
  readonly directions: readonly ('MINIMIZE' | 'MAXIMIZE')[];
  readonly metricNames: readonly string[];
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly distributions: ReadonlyMap<string, Distribution>;
  readonly trials: readonly Trial[];
}

function stateOf(results: readonly EvaluationResult[], topRung: number): TrialState {
  const last = results.at(-1);
  if (last === undefined) return 'WAITING';
  // Turned down before it was trained: stopped early, but no failure.
  if (last.state === 'infeasible') return 'PRUNED';
  if (last.state !== 'ok') return 'FAIL';
  return last.rung >= topRung ? 'COMPLETE' : 'PRUNED';
}

/** Beside the candidate's place in the run, every metric that is no objective. */
function attributesOf(
  { key, origin, parents, architectureHash, deployedCosts }: CandidateRecord,
  last: EvaluationResult | undefined,
  objectives: ReadonlySet<string>,
): Record<string, unknown> {
  const metrics: MetricValues = { ...deployedCosts, ...last?.values };
  return {
    key,
    architecture: architectureHash,
    origin,
    parents,
    ...(last === undefined ? {} : { rung: last.rung, result: last.state }),
    ...(last?.reason === undefined ? {} : { reason: last.reason }),
    ...(last?.trainedLoss === undefined ? {} : { trainedLoss: last.trainedLoss }),
    ...Object.fromEntries(Object.entries(metrics).filter(([metric]) => !objectives.has(metric))),
  };
}

/** A run as a study. @throws {@link StoreError} */
export function studyOf(reader: RunReader, runId: string): Study {
  const details = reader.run(runId);
  const spec = details.spec as RunSpec;
  const metrics = metricTable(spec);
  const candidates = reader.candidates(runId);
  const results = groupBy(reader.evaluations(runId), ({ candidate }) => String(candidate));
  const topRung = reader.front(runId)?.rung ?? 0;
  const objectives = details.objectives.map(({ metric }) => metric);
  const names = new Set<string>(objectives);
  const { values, distributions } = parametersOf(spec, candidates);
  const trials = candidates.map((candidate, i): Trial => {
    const own = results.get(String(candidate.number)) ?? [];
    const last = own.at(-1);
    const state = stateOf(own, topRung);
    const losses = own.filter(({ loss }) => loss !== undefined);
    return {
      number: candidate.number,
      state,
      ...(last === undefined ? {} : timesOf(own)),
      values: state === 'COMPLETE' ? objectives.map((metric) => last!.values[metric]!) : [],
      parameters: values[i]!,
      intermediate: losses.map(({ rung, loss }) => [spec.training.rungs[rung]!, loss!]),
      ...(last === undefined ? {} : { constraints: last.violations }),
      attributes: attributesOf(candidate, last, names),
    };
  });
  return {
    name: `${details.name} (${details.id})`,
    directions: objectives.map((metric) =>
      metricOf(metrics, metric).better === 'higher' ? 'MAXIMIZE' : 'MINIMIZE',
    ),
    metricNames: objectives,
    attributes: {
      run: details.id,
      seed: spec.seed,
      algorithm: spec.search.algorithm,
      corpus: spec.task.corpus,
      accelerator: spec.accelerator,
      constraints: spec.constraints.map(({ text }) => text),
      specification: details.specSha256,
      versions: details.versions,
    },
    distributions,
    trials,
  };
}

/** From the start of its first training to its last result. */
function timesOf(results: readonly EvaluationResult[]) {
  const [first, last] = [results[0]!, results.at(-1)!];
  return {
    startedAt: first.finishedAt - 1000 * (first.trainSeconds ?? 0),
    completedAt: last.finishedAt,
  };
}
