// Seconds of one piece of work. The clock of the processor counts only what this process ran, so a machine that is
// busy with other things disturbs it less than the wall clock; on an idle core the two agree.

export type Clock = 'wall' | 'cpu';

function now(clock: Clock): number {
  if (clock === 'wall') return performance.now() / 1000;
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

export async function secondsOf(clock: Clock, work: () => Promise<unknown>): Promise<number> {
  const start = now(clock);
  await work();
  return now(clock) - start;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}
