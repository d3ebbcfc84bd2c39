// What every command shares: where output goes, exit codes, and errors as one line.
import { CommanderError } from 'commander';
import { CheckpointError } from '../../evaluators/checkpoint/checkpoint-error.ts';
import { CorpusError } from '../../evaluators/data/corpus.ts';
import { EngineError } from '../../evaluators/engine/engine-error.ts';
import { HardwareError } from '../../hardware/index.ts';
import { ExpressionError } from '../../space/expression.ts';
import { SpecError } from '../../space/spec-error.ts';
import { RunError } from '../run-error.ts';
import { StoreError } from '../store/store-error.ts';

export const EXIT_OK = 0;
export const EXIT_FAILURE = 1;
export const EXIT_USAGE = 2;
export const EXIT_INTERRUPTED = 130;

/** Options that every command takes. */
export interface CommonOptions {
  readonly db: string;
  readonly json?: boolean;
  readonly debug?: boolean;
}

/** A command line that makes no sense; exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Writes to standard output, a line end added. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** The one JSON document of a command. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, 2));
}

/** Notes, warnings and progress: never on standard output, which may be piped. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** What to tell of an error, without a stack, and the exit code that goes with it. */
export function describeError(error: unknown): { readonly text: string; readonly exitCode: number } {
  if (error instanceof SpecError) return { text: error.message, exitCode: EXIT_USAGE };
  if (error instanceof CommanderError) {
    const text = error.message.replace(/^error: /, '').replace(/\n\(/, ' (');
    return { text: `paretoformer: ${text}`, exitCode: error.exitCode === 0 ? EXIT_OK : EXIT_USAGE };
  }
  const isUsage = [UsageError, ExpressionError, HardwareError, EngineError].some(
    (kind) => error instanceof kind,
  );
  const isKnown =
    isUsage || [StoreError, RunError, CorpusError, CheckpointError].some((kind) => error instanceof kind);
  const message = error instanceof Error ? error.message : String(error);
  const text = `paretoformer: ${message.split('\n')[0]}${isKnown ? '' : ' (a bug: --debug shows where)'}`;
  return { text, exitCode: isUsage ? EXIT_USAGE : EXIT_FAILURE };
}

/** A whole number from an option. @throws {@link UsageError} */
export function wholeNumber(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < minimum) {
      throw new UsageError(`expected a whole number of at least ${minimum}, not "${text}"`);
    }
    return value;
  };
}
