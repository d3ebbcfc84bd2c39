// The command line: one file a command, errors as one line, exit codes 0 / 1 / 2 / 130.
import { Command } from 'commander';
import { packageVersion } from '../version.ts';
import { addCalibrate } from './calibrate.ts';
import { addCheck } from './check.ts';
import { addCompare } from './compare.ts';
import { addCompress } from './compress.ts';
import { addEstimate } from './estimate.ts';
import { addExport } from './export.ts';
import { addFront } from './front.ts';
import { addGenerate } from './generate.ts';
import { addHardware } from './hardware.ts';
import { addInit } from './init.ts';
import { addList } from './list.ts';
import { addOptunaExport } from './optuna-export.ts';
import { addPair } from './pair.ts';
import { addPick } from './pick.ts';
import { addReport } from './report.ts';
import { addResume, addRun } from './run.ts';
import { addServe } from './serve.ts';
import { addShow } from './show.ts';
import { describeError, EXIT_OK, EXIT_USAGE } from './terminal.ts';

const EXAMPLES = `
Examples:
  paretoformer init space.yaml           write a starter file and edit it
  paretoformer check space.yaml          validate it, see sizes, costs and time
  paretoformer run space.yaml            search; Ctrl-C stops, 'resume' continues
  paretoformer front latest --sort memory --where 'loss < 1.1 * best'
  paretoformer show latest 12            one candidate, layer by layer
  paretoformer pick latest --weights loss=2,latency=1
  paretoformer report latest             one page with charts; 'serve' shows all runs live`;

function createProgram(): Command {
  const program = new Command('paretoformer')
    .description('Hardware-aware architecture search for transformer language models.')
    .version(packageVersion())
    .option('--db <file>', 'database of runs', 'paretoformer.db')
    .option('--json', 'print one JSON document and nothing else')
    .option('--debug', 'show where an error came from')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', EXAMPLES)
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  for (const add of [
    addInit,
    addCheck,
    addRun,
    addResume,
    addList,
    addShow,
    addFront,
    addPick,
    addCompare,
    addPair,
    addGenerate,
    addReport,
    addServe,
    addExport,
    addOptunaExport,
    addEstimate,
    addCompress,
    addHardware,
    addCalibrate,
  ])
    add(program);
  return program;
}

/** Runs one command line (without the program's name) and returns its exit code. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  process.exitCode = EXIT_OK;
  const program = createProgram();
  if (argv.length === 0) {
    process.stderr.write(program.helpInformation() + EXAMPLES.concat('\n'));
    return EXIT_USAGE;
  }
  try {
    await program.parseAsync(argv, { from: 'user' });
    return Number(process.exitCode ?? EXIT_OK);
  } catch (error) {
    const { text, exitCode } = describeError(error);
    if (exitCode === EXIT_OK) return EXIT_OK;
    process.stderr.write(`${text}\n`);
    if (argv.includes('--debug')) console.error(error);
    return exitCode;
  }
}
