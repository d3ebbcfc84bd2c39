// The command line: one file a command, errors as one line, exit codes 0 / 1 / 2 / 130.
import { Command } from 'commander';
import { SpecError } from '../../space/spec-error.ts';
import { packageVersion } from '../plan/version.ts';
import { DEFAULT_DATABASE } from '../store/store-error.ts';
import { describeError, EXIT_OK, EXIT_USAGE } from './terminal.ts';

const EXAMPLES = `
Examples:
  paretoformer init space.yaml           write a starter file and edit it
  paretoformer check space.yaml          validate it, see sizes, costs and time
  paretoformer run space.yaml            search; Ctrl-C stops, 'resume' continues
  paretoformer front                     the latest front; --sort, --where, --csv, --watch
  paretoformer show latest 12            one candidate, layer by layer
  paretoformer pick --weights loss=2,latency=1
  paretoformer report                    one page with charts; 'serve' shows all runs live
  paretoformer export latest 12 --out my-model`;

type AddCommand = (program: Command) => void;

interface CommandEntry {
  readonly name: string;
  /** A command's file is read only when it is asked for, or when all are listed: some need whole engines. */
  readonly load: () => Promise<AddCommand>;
}

/** Every command under the heading that it has in the help. */
const COMMANDS: Readonly<Record<string, readonly CommandEntry[]>> = {
  'Search:': [
    { name: 'init', load: async () => (await import('./init.ts')).addInit },
    { name: 'check', load: async () => (await import('./check.ts')).addCheck },
    { name: 'run', load: async () => (await import('./run.ts')).addRun },
    { name: 'resume', load: async () => (await import('./run.ts')).addResume },
  ],
  'Look at runs:': [
    { name: 'list', load: async () => (await import('./list.ts')).addList },
    { name: 'show', load: async () => (await import('./show.ts')).addShow },
    { name: 'front', load: async () => (await import('./front.ts')).addFront },
    { name: 'pick', load: async () => (await import('./pick.ts')).addPick },
    { name: 'compare', load: async () => (await import('./compare.ts')).addCompare },
    { name: 'pair', load: async () => (await import('./pair.ts')).addPair },
    { name: 'report', load: async () => (await import('./report.ts')).addReport },
    { name: 'serve', load: async () => (await import('./serve.ts')).addServe },
    { name: 'prune', load: async () => (await import('./prune.ts')).addPrune },
  ],
  'Take a model home:': [
    { name: 'export', load: async () => (await import('./export.ts')).addExport },
    { name: 'generate', load: async () => (await import('./generate.ts')).addGenerate },
    { name: 'optuna-export', load: async () => (await import('./optuna-export.ts')).addOptunaExport },
    { name: 'compress', load: async () => (await import('./compress.ts')).addCompress },
  ],
  'The cost model:': [
    { name: 'estimate', load: async () => (await import('./estimate.ts')).addEstimate },
    { name: 'hardware', load: async () => (await import('./hardware.ts')).addHardware },
    { name: 'calibrate', load: async () => (await import('./calibrate.ts')).addCalibrate },
  ],
  'Help:': [
    {
      name: 'completion',
      load: async () => {
        const { addCompletion } = await import('./completion.ts');
        return (program) => addCompletion(program, () => createProgram([]));
      },
    },
  ],
};

const helpCommand = new Command('help')
  .argument('[command]')
  .description('show how a command is used, with examples')
  .helpGroup('Help:');

/** The program with the command that `argv` names, or with all of them. */
export async function createProgram(argv: readonly string[]): Promise<Command> {
  const program = new Command('paretoformer')
    .description('Hardware-aware architecture search for transformer language models.')
    .version(packageVersion())
    .option('--db <file>', 'database of runs', DEFAULT_DATABASE)
    .option('--json', 'print one JSON document and nothing else')
    .option('--debug', 'show where an error came from')
    .configureHelp({ showGlobalOptions: true })
    .addHelpCommand(helpCommand)
    .addHelpText('after', EXAMPLES)
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  const named = commandOf(argv);
  for (const [heading, entries] of Object.entries(COMMANDS)) {
    program.commandsGroup(heading);
    for (const { name, load } of entries) {
      if (named === undefined || name === named) (await load())(program);
    }
  }
  return program;
}

/** The command that a command line names; undefined where all must be known, for help and misspelt names; '' = none. */
function commandOf(argv: readonly string[]): string | undefined {
  const names = Object.values(COMMANDS).flatMap((entries) => entries.map(({ name }) => name));
  const word = argv.find((each, at) => !each.startsWith('-') && argv[at - 1] !== '--db');
  if (word === undefined && /^(?:-V|--version)$/.test(argv[0] ?? '')) return '';
  return names.find((name) => name === word);
}

/** What to give where a required argument is missing. */
const ARGUMENT_HINTS: Readonly<Record<string, string>> = {
  run: "'latest', or an id that 'paretoformer list' shows",
  file: "'paretoformer init' writes a file to start from",
  candidate: "a number that 'paretoformer front RUN' shows",
};

/**
 * `; usage: paretoformer show [options] <run> [candidate]; ...` behind the error that an argument is missing, and where
 * the options are listed behind one that resembles none of them.
 */
function usageHint(error: unknown, program: Command, argv: readonly string[]): string {
  const { message } = error as Error;
  const command = program.commands.find((each) => argv.includes(each.name()));
  if (command === undefined) return '';
  if (error instanceof SpecError) return fileHint(error);
  if (message.startsWith('error: required option ')) {
    return `; 'paretoformer help ${command.name()}' has examples`;
  }
  if (/^error: unknown option '[^']+'$/.test(message)) {
    return `; 'paretoformer ${command.name()} --help' lists the options`;
  }
  const name = /^error: missing required argument '(\w+)'/.exec(message)?.[1];
  if (name === undefined) return '';
  const hint = ARGUMENT_HINTS[name] ?? (/^[ab]$/.test(name) ? ARGUMENT_HINTS.candidate : undefined);
  const usage = `; usage: ${program.createHelp().commandUsage(command)}`;
  return hint === undefined ? usage : `${usage}; ${hint}`;
}

/** What to do about a search space that is not there, or that is the text itself. */
function fileHint({ issues: [issue] }: SpecError): string {
  const file = issue?.place?.file;
  if (file === undefined) return '';
  if (issue?.message === 'no such file') return `; 'paretoformer init ${file}' writes one to start from`;
  if (issue?.message.startsWith('no such file') || /\.(?:ya?ml|json)$/.test(file)) return '';
  return `; a search space is a YAML file: 'paretoformer init space.yaml --corpus ${file}' writes one for a text`;
}

/** Runs one command line (without the program's name) and returns its exit code. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  process.exitCode = EXIT_OK;
  const program = await createProgram(argv);
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
    if (text !== '') process.stderr.write(`${text}${usageHint(error, program, argv)}\n`);
    if (argv.includes('--debug')) console.error(error);
    return exitCode;
  }
}
