// What an export says when a file does not hold what was meant to be written.
import { RunError } from '../run-error.ts';

/** @throws {@link RunError} naming the file, unless `holds`. */
export function mustHold(holds: boolean, file: string, problem: string): void {
  if (!holds) throw new RunError(`${file} failed its check: ${problem}; nothing was exported`);
}
