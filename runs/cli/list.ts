// `list`: the runs of a database.
import type { Command } from 'commander';
import { formatDuration } from '../format.ts';
import { RunReader, type RunSummary } from '../store/queries.ts';
import { type CommonOptions, fittedTable, leftOutLines, print, printJson } from './terminal.ts';

const EXAMPLES = `
Examples:
  paretoformer list
  paretoformer list --json`;

export function addList(program: Command): void {
  program
    .command('list')
    .description('list the runs of the database, newest last')
    .addHelpText('after', EXAMPLES)
    .action((_options, command: Command) => {
      const { db, json } = command.optsWithGlobals<CommonOptions>();
      const reader = new RunReader(db);
      try {
        const runs = reader.runs();
        if (json === true) printJson(runs.map(withIsoTimes));
        else print(runs.length === 0 ? "no runs yet; 'paretoformer run FILE' starts one" : tableOf(runs));
      } finally {
        reader.close();
      }
    });
}

/** Times as ISO 8601 for JSON. */
function withIsoTimes(run: RunSummary) {
  return {
    ...run,
    createdAt: new Date(run.createdAt).toISOString(),
    lastEventAt: new Date(run.lastEventAt).toISOString(),
  };
}

function tableOf(runs: readonly RunSummary[]): string {
  const left = (heading: string) => ({ heading, align: 'left' as const });
  const columns = [
    left('run'),
    { ...left('name'), canShrink: true },
    left('state'),
    left('started'),
    { heading: 'candidates' },
    { heading: 'evaluations' },
    { heading: 'trained' },
    { heading: 'front' },
    { heading: 'hypervolume' },
  ];
  const rows = runs.map((run) => [
    run.id,
    run.name,
    run.state,
    new Date(run.createdAt).toISOString().slice(0, 16).replace('T', ' '),
    String(run.nCandidates),
    String(run.nEvaluations),
    formatDuration(run.trainingSeconds),
    run.front === undefined ? '-' : String(run.front.nMembers),
    run.front === undefined ? '-' : run.front.hypervolume.toFixed(4),
  ]);
  const { text, nLeftOut } = fittedTable(columns, rows, ['evaluations', 'trained', 'hypervolume', 'started']);
  return [text, ...leftOutLines(nLeftOut, '--json')].join('\n');
}
