#!/usr/bin/env node
// The program itself: its arguments, its exit code, and readers that hang up.
import { runCommandLine } from './program.ts';
import { describeError, EXIT_FAILURE, EXIT_OK } from './terminal.ts';

// A reader that has seen enough ('| head') is no error; nobody listening to progress is none either.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT_OK);
  throw error;
});
process.stderr.on('error', () => {});
process.on('uncaughtException', (error) => {
  process.stderr.write(`${describeError(error).text}\n`);
  if (process.argv.includes('--debug')) console.error(error);
  process.exit(EXIT_FAILURE);
});
process.exitCode = await runCommandLine(process.argv.slice(2));
