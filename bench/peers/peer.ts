// PyTorch as a process that answers lines: one line out, one JSON line back.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export class Peer {
  readonly #python: string;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly #failed: Promise<unknown>;

  constructor(python: string) {
    this.#python = python;
    const script = fileURLToPath(new URL('./pytorch.py', import.meta.url));
    const env = { ...process.env, OMP_NUM_THREADS: '1', MKL_NUM_THREADS: '1' };
    this.#process = spawn(python, [script], { env });
    this.#process.stderr.pipe(process.stderr);
    // A process that has died reads nothing.
    this.#process.stdin.on('error', () => {});
    this.#failed = once(this.#process, 'error').catch((error: unknown) => error);
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** @throws Error where Python or torch is not there */
  async ask<T>(line: string): Promise<T> {
    this.#process.stdin.write(`${line}\n`);
    const answer = await Promise.race([this.#lines.next(), this.#failed.then(() => undefined)]);
    if (answer === undefined || answer.done === true) {
      throw new Error(`${this.#python} with torch does not run here: ${this.#python} -m pip install torch`);
    }
    return JSON.parse(answer.value) as T;
  }

  close(): void {
    this.#process.stdin.end();
  }
}
