// Runs a search against a function, as the run loop does: told in order, at most `lag` evaluations in flight.
import type { Ask, Search, Tell } from '../../search/port.ts';
import { deriveRng } from '../../space/random.ts';

export type Outcome = Omit<Extract<Tell, { kind: 'ok' }>, 'kind' | 'number'> | 'failed';

export interface DriveOptions {
  readonly lag?: number;
  readonly nWorkers?: number;
  /** Seeds the durations, and so the order in which evaluations finish. */
  readonly durationSeed?: number;
  readonly maxAsks?: number;
}

interface Running {
  readonly ask: Ask<unknown>;
  readonly endsAt: number;
}

/** The asks in their order. Evaluation j is asked once 0..j-lag have been told, whatever else has finished. */
export function drive<G>(
  search: Search<G>,
  evaluate: (ask: Ask<G>) => Outcome,
  { lag = 1, nWorkers = lag, durationSeed = 0, maxAsks = Number.POSITIVE_INFINITY }: DriveOptions = {},
): Ask<G>[] {
  const asks: Ask<G>[] = [];
  const queue: Ask<G>[] = [];
  const running: Running[] = [];
  const finished = new Map<number, Tell>();
  let nTold = 0;
  let now = 0;
  let isOver = false;
  const tellNext = () => {
    search.tell(finished.get(nTold)!);
    finished.delete(nTold);
    nTold += 1;
  };
  for (;;) {
    while (!isOver && asks.length < maxAsks && asks.length < nTold + lag) {
      const outcome = search.ask();
      if (outcome.kind === 'done') isOver = true;
      if (outcome.kind !== 'evaluate') break;
      asks.push(outcome);
      queue.push(outcome);
    }
    while (running.length < nWorkers && queue.length > 0) {
      const ask = queue.shift()!;
      running.push({ ask, endsAt: now + 1 + deriveRng(durationSeed, ask.number, 'duration').below(1000) });
    }
    if (running.length === 0 && finished.size === 0) return asks;
    if (finished.has(nTold)) {
      tellNext();
      continue;
    }
    running.sort((a, b) => a.endsAt - b.endsAt || a.ask.number - b.ask.number);
    const { ask, endsAt } = running.shift()!;
    now = endsAt;
    const outcome = evaluate(ask as Ask<G>);
    finished.set(
      ask.number,
      outcome === 'failed'
        ? { kind: 'failed', number: ask.number }
        : { kind: 'ok', number: ask.number, ...outcome },
    );
  }
}
