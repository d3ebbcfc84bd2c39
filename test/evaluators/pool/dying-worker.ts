// A worker whose thread ends, hangs, throws or runs out of memory for the rungs that say so, and trains for the others.

import type { WorkerTask } from '../../../evaluators/pool/messages.ts';
import train from '../../../evaluators/pool/train-worker.ts';

export const EXIT = 100;
export const HANG = 101;
export const THROW = 102;
export const EXHAUST = 103;

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
  if (rung === EXHAUST) throw outOfMemory();
  return train(task);
}
