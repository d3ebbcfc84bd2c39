// What every command shares: where output goes, exit codes, and errors as one line.
import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { CommanderError, InvalidArgumentError } from 'commander';
import { CheckpointError } from '../../evaluators/checkpoint/checkpoint-error.ts';
import { CorpusError } from '../../evaluators/data/corpus.ts';
import { EngineError } from '../../evaluators/engine/engine-error.ts';
import { HardwareError } from '../../hardware/errors.ts';
import { ExpressionError } from '../../space/expression.ts';
import { SpecError } from '../../space/spec-error.ts';
import { type Column, fittingColumns, formatTable, plural, wrapText } from '../format.ts';
import { RunError } from '../run-error.ts';
import { StoreError } from '../store/store-error.ts';

export const EXIT_OK = 0;
export const EXIT_FAILURE = 1;
export const EXIT_USAGE = 2;
export const EXIT_INTERRUPTED = 130;

/** What the help says of an argument that names a run. */
export const RUN_ARGUMENT = "latest, a run's id or a part of it that is unique, or its name";

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

/** Whether a stream is a terminal that moves its cursor: not a file, not one that calls itself dumb. */
export function isTerminal(stream: { readonly isTTY?: boolean }): boolean {
  return stream.isTTY === true && process.env.TERM !== 'dumb';
}

/** Whether to write in colour; NO_COLOR says no (https://no-color.org). */
export function hasColor(stream: { readonly isTTY?: boolean }): boolean {
  return isTerminal(stream) && (process.env.NO_COLOR ?? '') === '';
}

/** Stands out on a terminal with colours; the same text elsewhere. */
export function bold(text: string): string {
  return hasColor(process.stdout) ? `\u001b[1m${text}\u001b[22m` : text;
}

/** Columns of the terminal that output goes to; undefined where it goes elsewhere, and lines may be of any length. */
export function terminalWidth(): number | undefined {
  // Some pseudo-terminals claim to have no columns.
  return isTerminal(process.stdout) && process.stdout.columns > 0 ? process.stdout.columns : undefined;
}

/** Prose, broken between words where it goes to a terminal; `indent` blanks before the lines after the first. */
export function prose(text: string, indent = 0): string {
  const width = terminalWidth();
  return width === undefined ? text : wrapText(text, width, indent);
}

/**
 * A table that keeps to the terminal's width: columns that can shrink are cut, and where that is not enough those named
 * in `spare` are left out, one after the other. `nLeftOut` says how many went.
 */
export function fittedTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  spare: readonly string[],
): { readonly text: string; readonly nLeftOut: number } {
  const room = terminalWidth() ?? Number.POSITIVE_INFINITY;
  const kept = fittingColumns(columns, rows, room, spare);
  const only = <T>(cells: readonly T[]) => kept.map((at) => cells[at]!);
  const text = formatTable(only(columns), rows.map(only), room);
  return { text, nLeftOut: columns.length - kept.length };
}

/** Says that columns are missing, and where they are; nothing where none is. */
export function leftOutLines(nLeftOut: number, whereAll: string): string[] {
  return nLeftOut === 0
    ? []
    : [`(${plural(nLeftOut, 'column')} left out: ${whereAll}, or a wider terminal, shows all)`];
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
    // A group of commands without one of them has shown its help.
    if (error.code === 'commander.help') return { text: '', exitCode: EXIT_USAGE };
    const text = error.message.replace(/^error: /, '').replace(/\n\(/, ' (');
    return { text: `paretoformer: ${text}`, exitCode: error.exitCode === 0 ? EXIT_OK : EXIT_USAGE };
  }
  const isUsage = [UsageError, ExpressionError, HardwareError, EngineError].some(
    (kind) => error instanceof kind,
  );
  const isKnown =
    isUsage || [StoreError, RunError, CorpusError, CheckpointError].some((kind) => error instanceof kind);
  const message = error instanceof Error ? error.message : String(error);
  // Conditions of a file are reported with their place; this one was typed.
  const option = error instanceof ExpressionError ? '--where: ' : '';
  const text = `paretoformer: ${option}${message.split('\n')[0]}${isKnown ? '' : ' (a bug: --debug shows where)'}`;
  return { text, exitCode: isUsage ? EXIT_USAGE : EXIT_FAILURE };
}

/** Writes a file that was asked for. @throws {@link RunError} */
export function writeResult(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: `there is no folder ${dirname(path)}`,
      EISDIR: 'it is a folder',
      EACCES: 'permission denied',
      ENOSPC: 'the disk is full',
    };
    throw new RunError(`${path} cannot be written: ${reasons[code ?? ''] ?? code}`);
  }
}

/** A whole number from an option; commander names the option. @throws InvalidArgumentError */
export function wholeNumber(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < minimum) {
      throw new InvalidArgumentError(`Expected a whole number of at least ${minimum}.`);
    }
    return value;
  };
}
