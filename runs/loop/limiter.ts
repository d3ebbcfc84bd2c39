// At most n tasks at once, in the order in which they were asked for; short ones go before long ones.

/** Runs a task as soon as there is room for it. What is `short` does not queue behind what is not. */
export type Limiter = <T>(task: () => Promise<T>, length?: 'long' | 'short') => Promise<T>;

/** A limiter that has at most `maxActive` tasks under way. */
export function createLimiter(maxActive: number): Limiter {
  const waiting = { short: [] as (() => void)[], long: [] as (() => void)[] };
  let nActive = 0;
  return async (task, length = 'long') => {
    if (nActive >= maxActive) await new Promise<void>((resolve) => waiting[length].push(resolve));
    else nActive++;
    try {
      return await task();
    } finally {
      // The place is handed on, not given back, so that no newcomer slips in between.
      const next = waiting.short.shift() ?? waiting.long.shift();
      if (next === undefined) nActive--;
      else next();
    }
  };
}
