// A run as a stream of events and an outcome. Events wait for whoever reads them; the run never does.
import type { RunEvent, RunListener } from '../loop/events.ts';
import type { RunOutcome } from '../loop/execute.ts';

/** A run under way: loop over its events, or wait for its outcome, or both. */
export interface Run extends AsyncIterable<RunEvent> {
  /** How the run ended. Rejects with what made it fail. */
  readonly outcome: Promise<RunOutcome>;
  /** Stops the run cleanly, as leaving the loop does: what is done is stored, and `resume` goes on from there. */
  stop(): Promise<RunOutcome>;
}

/**
 * Begins a run. Its events are kept until they are read; of the progress of one training only the latest is.
 * Leaving the loop over them stops the run and waits until it has.
 */
export function streamRun(
  begin: (emit: RunListener, signal: AbortSignal) => Promise<RunOutcome>,
  outer?: AbortSignal,
): Run {
  const own = new AbortController();
  const signal = outer === undefined ? own.signal : AbortSignal.any([outer, own.signal]);
  /** Unread events in their order. Progress has the name of its training, so that the latest takes the place. */
  const unread = new Map<RunEvent | string, RunEvent>();
  let wake: (() => void) | undefined;
  let isRead = false;
  let hasEnded = false;

  const emit: RunListener = (event) => {
    unread.set(event.kind === 'progress' ? `${event.architectureHash}/${event.rung}` : event, event);
    wake?.();
  };
  const take = (): RunEvent | undefined => {
    for (const [name, event] of unread) {
      unread.delete(name);
      return event;
    }
    return undefined;
  };

  // Not before the caller has what this returns.
  const outcome = Promise.resolve()
    .then(() => begin(emit, signal))
    .finally(() => {
      hasEnded = true;
      wake?.();
    });
  const stop = () => {
    own.abort();
    return outcome;
  };

  async function* events(): AsyncGenerator<RunEvent, void> {
    try {
      for (;;) {
        const event = take();
        if (event !== undefined) yield event;
        else if (hasEnded) break;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      // Where the loop was left early, this stops the run; a failure of the run ends the loop as well.
      await stop();
    }
  }

  return {
    outcome,
    stop,
    [Symbol.asyncIterator]: () => {
      if (isRead) throw new Error('the events of a run can be read once');
      isRead = true;
      // The loop tells of a failure: the outcome need not as well.
      outcome.catch(() => {});
      return events();
    },
  };
}
