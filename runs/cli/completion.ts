// `completion`: scripts that let a shell complete commands, options, runs and candidates, and what those scripts ask.
import type { Command } from 'commander';
import { metricTable } from '../../space/metrics.ts';
import { markLabels, marksOf } from '../candidates/marks.ts';
import { formatMetric } from '../format.ts';
import { RunReader } from '../store/queries.ts';
import { StoreError } from '../store/store-error.ts';
import { SHELLS } from './command-shape.ts';
import { type CommonOptions, print, UsageError } from './terminal.ts';

const EXAMPLES = `
Examples:
  source <(paretoformer completion bash)       in this shell; zsh as well
  paretoformer completion fish | source
  paretoformer completion bash > ~/.local/share/bash-completion/completions/paretoformer`;

/** Runs that are offered, newest first. */
const MOST_RUNS = 50;

/** Adds the command; `completeProgram` makes the program with all of its commands. */
export function addCompletion(program: Command, completeProgram: () => Promise<Command>): void {
  program
    .command('completion')
    .description('print a completion script for bash, zsh or fish')
    .argument('<shell>', 'bash, zsh or fish')
    .allowExcessArguments()
    .addHelpText('after', EXAMPLES)
    .action(async (shell: string, _options, command: Command) => {
      const { db } = command.optsWithGlobals<CommonOptions>();
      const known = SHELLS.find((each) => each === shell);
      if (known !== undefined) await printScript(known, completeProgram);
      // What the scripts ask while a word is completed.
      else if (shell === 'runs') printLines(db, runLines);
      else if (shell === 'candidates')
        printLines(db, (reader) => candidateLines(reader, command.args[1] ?? 'latest'));
      else throw new UsageError(`no completion for "${shell}"; known: ${SHELLS.join(', ')}`);
    });
}

async function printScript(
  shell: (typeof SHELLS)[number],
  completeProgram: () => Promise<Command>,
): Promise<void> {
  const [{ listAccelerators }, { commandShapes }, { completionScript }] = await Promise.all([
    import('../../hardware/index.ts'),
    import('./command-shape.ts'),
    import('./completion-scripts.ts'),
  ]);
  const shapes = commandShapes(await completeProgram(), listAccelerators());
  process.stdout.write(completionScript(shell, shapes));
}

/** Prints `value TAB description` lines; nothing where there is no such database or run. */
function printLines(db: string, linesOf: (reader: RunReader) => readonly string[]): void {
  try {
    const reader = new RunReader(db);
    try {
      const lines = linesOf(reader);
      if (lines.length > 0) print(lines.join('\n'));
    } finally {
      reader.close();
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
  }
}

function runLines(reader: RunReader): string[] {
  const runs = reader.runs().toReversed().slice(0, MOST_RUNS);
  if (runs.length === 0) return [];
  return ['latest\tthe newest run', ...runs.map(({ id, name, state }) => `${id}\t${name}, ${state}`)];
}

/** The members of the front: those that one looks at. */
function candidateLines(reader: RunReader, run: string): string[] {
  const id = reader.resolve(run);
  const { objectives, spec } = reader.run(id);
  const metrics = metricTable(spec);
  const members = reader.front(id)?.members ?? [];
  const names = objectives.map(({ metric }) => metric);
  const marks = marksOf(
    names,
    members.map(({ evaluation }) => evaluation.values),
    metrics,
  );
  const labels = markLabels(marks, members.length, metrics);
  const standOut = [
    ...(members.length === 0 ? [] : ['pick\tthe one that pick proposes']),
    ...(marks.knee === undefined ? [] : [`knee\tcandidate ${members[marks.knee]!.candidate.number}`]),
  ];
  const numbered = members.map(({ candidate, evaluation }, at) => {
    const values = names.map((name) => `${name} ${formatMetric(metrics, name, evaluation.values[name])}`);
    const label = labels[at] === '' ? '' : `${labels[at]}: `;
    return `${candidate.number}\t${label}${values.join(', ')}`;
  });
  return [...standOut, ...numbered];
}
