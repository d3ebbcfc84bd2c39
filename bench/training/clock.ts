// Seconds of one piece of work. The clock of the processor counts only what this process ran, so a machine that is
// busy with other things disturbs it less than the wall clock; on an idle core the two agree.

export type Clock = 'wall' | 'cpu';

/** @throws Error */
export function clockOf(text: string): Clock {
  if (text === 'wall' || text === 'cpu') return text;
  throw new Error(`--clock is wall or cpu, not "${text}"`);
}

function now(clock: Clock): number {
  if (clock === 'wall') return performance.now() / 1000;
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

export async function timed<T>(
  clock: Clock,
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly seconds: number }> {
  const start = now(clock);
  const value = await work();
  return { value, seconds: now(clock) - start };
}

export async function secondsOf(clock: Clock, work: () => Promise<unknown>): Promise<number> {
  return (await timed(clock, work)).seconds;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}
