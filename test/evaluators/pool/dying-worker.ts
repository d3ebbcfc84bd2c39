// A worker whose thread ends, hangs, throws, runs out of memory or stays in the runtime for the rungs that say so, and trains for the others.

import { TaskSignals, type WorkerTask } from '../../../evaluators/pool/messages.ts';
import train from '../../../evaluators/pool/train-worker.ts';

export const EXIT = 100;
export const HANG = 101;
export const THROW = 102;
export const EXHAUST = 103;
export const INSIDE = 104;
/** How long `INSIDE` is as if inside the runtime. */
export const SECONDS_INSIDE = 2;

function outOfMemory(): unknown {
  try {
    return new ArrayBuffer(2 ** 45);
  } catch (error) {
    return error;
  }
}

export default function work(task: WorkerTask): ReturnType<typeof train> {
  const { rung } = 'target' in task.task ? task.task.target : task.task;
  if (rung === EXIT) process.exit(3);
  if (rung === THROW) throw new Error('a bug\nwith a second line');
  if (rung === HANG) for (;;);
  if (rung === INSIDE) {
    const line = new TaskSignals(task.signals);
    line.enter();
    for (const start = performance.now(); performance.now() - start < 1000 * SECONDS_INSIDE; );
    line.leave();
    return Promise.resolve({ kind: 'failed', reason: 'not ended while inside' });
  }
  if (rung === EXHAUST) throw outOfMemory();
  return train(task);
}
