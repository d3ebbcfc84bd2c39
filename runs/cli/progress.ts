// How a run shows itself while it goes on: one spinner line on a terminal, plain lines elsewhere.
import ora from 'ora';
import { METRICS } from '../../space/metrics.ts';
import { formatDuration, formatMetric, formatNumber, plural } from '../format.ts';
import type { RunEvent, RunListener } from '../loop/events.ts';
import type { FrontRecord } from '../store/records.ts';
import { hasColor } from './terminal.ts';

/** Turns the events of a run into lines of text. Pure but for the clock that is passed in. */
export function createProgress(now: () => number) {
  let planned: readonly number[] = [];
  let rungs: readonly number[] = [];
  let stepsPerRung: readonly number[] = [];
  let nEvaluated = 0;
  let nAdopted = 0;
  let nSkipped = 0;
  let front: FrontRecord | undefined;
  let startedAt = now();
  /** Optimiser steps: of the evaluations that are done, those done before, and those under way. */
  let stepsDone = 0;
  let stepsTrained = 0;
  const underWay = new Map<string, number>();

  const budget = () => planned.reduce((sum, n) => sum + n, 0);

  const secondsLeft = (): number | undefined => {
    const trained = stepsTrained + [...underWay.values()].reduce((sum, steps) => sum + steps, 0);
    if (trained === 0) return undefined;
    const total = planned.reduce((sum, n, rung) => sum + n * stepsPerRung[rung]!, 0);
    const left = total - stepsDone - (trained - stepsTrained);
    if (left <= 0) return undefined;
    return ((now() - startedAt) / 1000 / trained) * left;
  };

  return {
    take(event: RunEvent): void {
      switch (event.kind) {
        case 'started':
        case 'resumed':
          ({ planned, rungs, stepsPerRung } = event);
          startedAt = now();
          break;
        case 'progress':
          underWay.set(
            `${event.architectureHash}/${event.rung}`,
            Math.max(0, event.progress.step - rungs[event.rung]! + stepsPerRung[event.rung]!),
          );
          break;
        case 'trained':
          underWay.delete(`${event.training.architectureHash}/${event.training.rung}`);
          stepsTrained += event.training.steps ?? 0;
          break;
        case 'evaluated':
          if (!event.isNew) nSkipped++;
          if (isAdopted(event)) {
            nAdopted++;
            break;
          }
          nEvaluated++;
          stepsDone += stepsPerRung[event.evaluation.rung]!;
          break;
        case 'generation':
          front = event.front;
          break;
        default:
      }
    },
    /** `generation 3, 24/43 evaluated, front 6, hypervolume 0.4213, about 1 min 05 s left` */
    line(): string {
      const left = secondsLeft();
      const parts = [
        `generation ${front?.generation ?? 0}`,
        `${nEvaluated}/${Math.max(nEvaluated, budget())} evaluated`,
      ];
      if (nAdopted > 0) parts.push(`${nAdopted} further deployments`);
      if (nSkipped > 0) parts.push(`${nSkipped} from before`);
      parts.push(
        `front ${front?.members.length ?? 0}`,
        `hypervolume ${(front?.hypervolume ?? 0).toFixed(4)}`,
      );
      if (left !== undefined) parts.push(`about ${formatDuration(left)} left`);
      return parts.join(', ');
    },
    /** `[12/43]`, for a line about one evaluation. */
    count(): string {
      return `[${nEvaluated}/${Math.max(nEvaluated, budget())}]`;
    },
  };
}

/** Further deployments of what was trained already are no part of the plan. */
function isAdopted({ candidate }: Extract<RunEvent, { kind: 'evaluated' }>): boolean {
  return candidate.origin === 'adopted';
}

/** One line about an evaluation that came to its end. */
function evaluationLine(event: Extract<RunEvent, { kind: 'evaluated' }>): string {
  const { candidate, evaluation } = event;
  const of = isAdopted(event) ? ` (candidate ${candidate.parents[0]} deployed anew)` : '';
  const head = `candidate ${candidate.number} rung ${evaluation.rung}${of}`;
  if (evaluation.state !== 'ok')
    return `${head}: ${evaluation.state} (${evaluation.reason ?? 'no reason given'})`;
  const { loss, decodeLatency } = evaluation.values;
  const misses = evaluation.violations.some((violation) => violation > 0) ? ', breaks a constraint' : '';
  const { speculation } = evaluation;
  const drafting =
    speculation === undefined
      ? ''
      : speculation.draftLength === 0
        ? ', drafting does not pay'
        : `, drafting pays ${speculation.speedup.toFixed(2)}x`;
  return `${head}: loss ${formatMetric(METRICS, 'loss', loss)}, decodeLatency ${formatMetric(METRICS, 'decodeLatency', decodeLatency)}${drafting}${misses}`;
}

export interface ProgressView {
  readonly listen: RunListener;
  /** Takes the line away, so that other output can follow. */
  end(): void;
}

const REFRESH_MS = 500;

/** A spinner that tells how far the run is. */
export function spinnerView(stream: NodeJS.WriteStream, now: () => number): ProgressView {
  const progress = createProgress(now);
  const color = hasColor(stream) ? 'cyan' : false;
  const spinner = ora({ stream, color, discardStdin: false, text: 'starting' }).start();
  let loss: number | undefined;
  const refresh = () => {
    const detail = loss === undefined ? '' : ` (training loss ${formatNumber(loss, 4)} nats)`;
    spinner.text = progress.line() + detail;
  };
  const timer = setInterval(refresh, REFRESH_MS);
  return {
    listen: (event) => {
      progress.take(event);
      if (event.kind === 'progress') loss = event.progress.loss;
      else refresh();
    },
    end: () => {
      clearInterval(timer);
      spinner.stop();
    },
  };
}

/** A line for each evaluation and each generation. */
export function plainView(write: (line: string) => void, now: () => number): ProgressView {
  const progress = createProgress(now);
  return {
    listen: (event) => {
      progress.take(event);
      switch (event.kind) {
        case 'started':
        case 'resumed':
          write(`run ${event.runId} (${event.name}) ${event.kind}, ${plural(event.maxThreads, 'thread')}`);
          break;
        case 'evaluated':
          if (event.isNew) write(`${isAdopted(event) ? '[+]' : progress.count()} ${evaluationLine(event)}`);
          break;
        case 'generation':
          write(progress.line());
          break;
        default:
      }
    },
    end: () => {},
  };
}
