// How long a run would take: two short real trainings on this machine, each with a measurement, spread over the planned
// evaluations.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TrainingOutcome } from '../../evaluators/outcome.ts';
import { type Architecture, countAttentionMacs, countWeightMacs } from '../../space/architecture.ts';
import { type Candidate, hashOf } from '../../space/candidate.ts';
import { largestCandidate, smallestCandidate } from '../../space/extremes.ts';
import type { TrainingSpec } from '../../space/spec.ts';
import type { Survey } from './bounds.ts';
import { plannedEvaluations, stepsPerRung } from './budget.ts';
import type { RunPlan } from './plan.ts';
import { createTrainer } from './train.ts';

/** Optimiser steps of a timing; few, because the first ones are not the slowest. */
const TIMED_STEPS = 6;
/** A space whose larger models take longer than this for the timing is judged by what was timed. */
const PATIENCE_MS = 30_000;

interface Timing {
  readonly macsPerStep: number;
  readonly secondsPerStep: number;
  /** Compiling and measuring the loss of the model as trained. */
  readonly fixedSeconds: number;
  /** Compressing for a deployment and measuring that. */
  readonly measureSeconds: number;
}

/** Multiply-accumulates of one optimiser step: forward, and twice as many backward. */
function trainingMacs(architecture: Architecture, batch: number): number {
  const { contextLength } = architecture;
  const forward =
    countWeightMacs(architecture, contextLength) + countAttentionMacs(architecture, contextLength, 0);
  return 3 * batch * forward;
}

/** A teacher that is not trained costs its students as much. */
function shortened({ teacher, ...training }: TrainingSpec): TrainingSpec {
  if (teacher === undefined) return training;
  const { source } = teacher;
  const quick = source.kind === 'model' ? { ...source, steps: TIMED_STEPS } : source;
  return { ...training, teacher: { ...teacher, source: quick, writtenShare: 0 } };
}

function reasonOf(failure: Exclude<TrainingOutcome, { kind: 'ok' }>): string {
  if (failure.kind === 'cancelled') {
    return `${TIMED_STEPS} steps of its smallest model take more than ${PATIENCE_MS / 1000} s`;
  }
  return 'reason' in failure ? failure.reason : failure.kind;
}

async function timeTraining(plan: RunPlan, candidate: Candidate): Promise<Timing | string> {
  const { architecture, deployment } = candidate;
  const training = { ...shortened(plan.spec.training), rungs: [TIMED_STEPS], warmupSteps: 1 };
  const folder = mkdtempSync(join(tmpdir(), 'paretoformer-timing-'));
  const evaluator = createTrainer({ ...plan, spec: { ...plan.spec, training } }, 1, folder);
  const startedAt = performance.now();
  try {
    const task = { architecture, architectureHash: hashOf(architecture), rung: 0 };
    const outcome = await evaluator.evaluate(task, AbortSignal.timeout(PATIENCE_MS));
    if (outcome.kind !== 'ok') return reasonOf(outcome);
    const seconds = (performance.now() - startedAt) / 1000;
    const measured = await evaluator.measure({ ...task, deployment }, AbortSignal.timeout(PATIENCE_MS));
    if (measured.kind !== 'ok') return reasonOf(measured);
    return {
      macsPerStep: trainingMacs(architecture, training.batch),
      secondsPerStep: outcome.trainSeconds / TIMED_STEPS,
      fixedSeconds: seconds - outcome.trainSeconds,
      measureSeconds: measured.seconds,
    };
  } finally {
    await evaluator.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

export type RunTime =
  | { readonly kind: 'estimated'; readonly seconds: number }
  | { readonly kind: 'unknown'; readonly reason: string };

/**
 * Estimated time of a whole run on `maxThreads` threads; unknown when even the smallest member cannot be timed.
 * Seconds a step are taken as a line through the smallest and the largest member.
 */
export async function estimateRunTime(plan: RunPlan, survey: Survey, maxThreads: number): Promise<RunTime> {
  const { spec, space } = plan;
  const small = await timeTraining(plan, smallestCandidate(space));
  if (typeof small === 'string') return { kind: 'unknown', reason: small };
  const timed = await timeTraining(plan, largestCandidate(space));
  const large = typeof timed === 'string' ? undefined : timed;
  const secondsPerStep = (macs: number) => {
    if (large === undefined || large.macsPerStep <= small.macsPerStep) {
      return (small.secondsPerStep * macs) / small.macsPerStep;
    }
    const slope = (large.secondsPerStep - small.secondsPerStep) / (large.macsPerStep - small.macsPerStep);
    return small.secondsPerStep + Math.max(0, slope) * (macs - small.macsPerStep);
  };
  const { batch } = spec.training;
  const steps = stepsPerRung(spec.training);
  const architectures = survey.feasible.map(({ architecture }) => architecture);
  const meanSecondsPerStep =
    architectures.reduce((sum, architecture) => sum + secondsPerStep(trainingMacs(architecture, batch)), 0) /
    architectures.length;
  const mean = (of: (timing: Timing) => number) =>
    large === undefined ? of(small) : (of(small) + of(large)) / 2;
  const measureSeconds = mean((timing) => timing.measureSeconds);
  const fixedSeconds = mean((timing) => timing.fixedSeconds) + measureSeconds;
  const planned = plannedEvaluations(spec);
  const nFurther = planned.at(-1)! * spec.search.deploymentsPerArchitecture;
  const total = planned.reduce((sum, n, rung) => {
    return sum + n * (fixedSeconds + steps[rung]! * meanSecondsPerStep);
  }, nFurther * measureSeconds);
  const source = spec.training.teacher?.source;
  // Everything else waits for it.
  const teacherSeconds =
    source?.kind === 'model' ? source.steps * secondsPerStep(trainingMacs(source.architecture, batch)) : 0;
  return { kind: 'estimated', seconds: teacherSeconds + total / Math.min(maxThreads, spec.search.lag) };
}
