// Energy of one device: between idle and load by the share in which memory or arithmetic works.
import type { Accelerator } from './accelerator.ts';

/** Joules of one device over `seconds`, `busySeconds` of them at load. */
export function deviceJoules({ power }: Accelerator, busySeconds: number, seconds: number): number {
  return power.idleWatts * seconds + (power.loadWatts - power.idleWatts) * Math.min(busySeconds, seconds);
}
