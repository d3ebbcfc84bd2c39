// From what a worker answered to the fields that every stored attempt has.
import type { TaskFailure } from '../../evaluators/outcome.ts';
import type { TrainingState } from '../store/records.ts';

/** State and reason of a task that did not end well. */
export function failureFields(outcome: TaskFailure): {
  readonly state: Exclude<TrainingState, 'ok'>;
  readonly reason?: string;
} {
  switch (outcome.kind) {
    case 'diverged':
      return {
        state: 'diverged',
        reason: outcome.step === 0 ? outcome.reason : `step ${outcome.step}: ${outcome.reason}`,
      };
    case 'timed-out':
      return { state: 'timed-out', reason: `stopped after ${outcome.afterSeconds} s` };
    case 'cancelled':
      return { state: 'cancelled' };
    default:
      return { state: outcome.kind, reason: outcome.reason };
  }
}

/** What a call that should never reject came to when it did. */
export function failureOfError(error: unknown): TaskFailure {
  return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
}
