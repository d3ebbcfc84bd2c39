// At most n tasks at once, in the order in which they were asked for.

/** A function that starts each task as soon as fewer than `maxActive` are under way. */
export function createLimiter(maxActive: number): <T>(task: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let nActive = 0;
  return async (task) => {
    if (nActive >= maxActive) await new Promise<void>((resolve) => waiting.push(resolve));
    else nActive++;
    try {
      return await task();
    } finally {
      // The place is handed on, not given back, so that no newcomer slips in between.
      const next = waiting.shift();
      if (next === undefined) nActive--;
      else next();
    }
  };
}
