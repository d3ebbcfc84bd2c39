// Turns what a task threw, or what its thread died of, into an outcome.
import type { TaskFailure } from '../outcome.ts';

const OUT_OF_MEMORY = /out of memory|bad_alloc|allocation failed|failed to allocate|WORKER_OUT_OF_MEMORY/i;

export function outcomeOfError(error: unknown): TaskFailure {
  const { message, code } = error as { message?: string; code?: string };
  const reason = (message ?? String(error)).split('\n')[0]!;
  return OUT_OF_MEMORY.test(`${code ?? ''} ${reason}`)
    ? { kind: 'out-of-memory', reason }
    : { kind: 'failed', reason };
}
