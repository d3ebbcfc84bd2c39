// `optuna-export`: a run as a study that Optuna and its dashboard open.
import type { Command } from 'commander';
import { studyOf, type TrialState } from '../optuna/trials.ts';
import { writeStudy } from '../optuna/write-study.ts';
import { RunReader } from '../store/queries.ts';
import { type CommonOptions, print, printJson, RUN_ARGUMENT } from './terminal.ts';

interface OptunaExportOptions extends CommonOptions {
  readonly out: string;
  readonly force?: boolean;
}

const EXAMPLES = `
Examples:
  paretoformer optuna-export latest                       writes study.db
  paretoformer optuna-export latest --out runs/today.db
  optuna-dashboard sqlite:///study.db                     looks at it, where that is installed`;

export function addOptunaExport(program: Command): void {
  program
    .command('optuna-export')
    .description('write a run as a study that Optuna and optuna-dashboard open')
    .argument('<run>', RUN_ARGUMENT)
    .option('--out <file>', 'the SQLite file', 'study.db')
    .option('-f, --force', 'replace a file that is there')
    .addHelpText('after', EXAMPLES)
    .action((run: string, _options, command: Command) => {
      const { db, json, out, force = false } = command.optsWithGlobals<OptunaExportOptions>();
      const reader = new RunReader(db);
      try {
        const runId = reader.resolve(run);
        const study = studyOf(reader, runId);
        writeStudy(out, study, force);
        const count = (state: TrialState) => study.trials.filter((trial) => trial.state === state).length;
        const trials = { complete: count('COMPLETE'), pruned: count('PRUNED'), failed: count('FAIL') };
        if (json === true) printJson({ run: runId, file: out, study: study.name, trials });
        else
          print(
            `${out}: study "${study.name}", ${trials.complete} trials complete, ${trials.pruned} pruned, ${trials.failed} failed`,
          );
      } finally {
        reader.close();
      }
    });
}
