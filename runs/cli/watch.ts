// Showing something again and again while a run goes on.
import { setTimeout as sleep } from 'node:timers/promises';
import { isTerminal } from './terminal.ts';

export interface Frame {
  readonly text: string;
  /** False ends the watch after this frame. */
  readonly isRunning: boolean;
}

const INTERVAL_MS = 1000;
/** Cursor to the upper left, and everything below it away. */
const CLEAR = '\u001b[H\u001b[J';

/**
 * Prints `look()` whenever it says something new, until the run has come to its end. A terminal shows one frame in
 * place; elsewhere frames follow each other.
 */
export async function watch(
  look: () => Frame,
  stream: { readonly isTTY?: boolean; write(text: string): unknown },
  intervalMs = INTERVAL_MS,
): Promise<void> {
  let shown: string | undefined;
  for (;;) {
    const { text, isRunning } = look();
    if (text !== shown)
      stream.write(`${isTerminal(stream) ? CLEAR : shown === undefined ? '' : '\n'}${text}\n`);
    shown = text;
    if (!isRunning) return;
    await sleep(intervalMs);
  }
}
