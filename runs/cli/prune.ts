// `prune`: frees the disk of trained weights that a finished run does not need any more.
import type { Command } from 'commander';
import { planPrune, prune, totalBytes } from '../candidates/prune.ts';
import { formatBytes, plural } from '../format.ts';
import { RunReader } from '../store/queries.ts';
import { suggestion } from '../store/store-error.ts';
import { type CommonOptions, print, printJson, RUN_ARGUMENT } from './terminal.ts';

interface PruneOptions extends CommonOptions {
  readonly delete?: boolean;
}

const EXAMPLES = `
Examples:
  paretoformer prune latest                say what would be freed
  paretoformer prune latest --delete       free it; weights of the front stay

What is gone can be trained anew, to the same values: 'export --retrain' does. Unfinished runs are never touched.`;

export function addPrune(program: Command): void {
  program
    .command('prune')
    .description('remove the trained weights of a finished run, except those of its front')
    .argument('<run>', RUN_ARGUMENT)
    .option('--delete', 'really remove them; without it, only say what would go')
    .addHelpText('after', EXAMPLES)
    .action((run: string, _options, command: Command) => {
      const { db, json, delete: isMeant = false } = command.optsWithGlobals<PruneOptions>();
      const reader = new RunReader(db);
      try {
        const runId = reader.resolve(run);
        const plan = planPrune(reader, runId);
        if (isMeant) prune(plan);
        const { folder, kept, spare } = plan;
        const count = (files: typeof spare) => ({ files: files.length, bytes: totalBytes(files) });
        if (json === true) {
          printJson({ run: runId, folder, kept: count(kept), removed: count(spare), isDeleted: isMeant });
          return;
        }
        const size = (files: typeof spare) =>
          `${plural(files.length, 'checkpoint')} of ${formatBytes(totalBytes(files))}`;
        if (spare.length === 0) print(`run ${runId}: nothing to free; the front keeps ${size(kept)}`);
        else if (isMeant) print(`run ${runId}: ${size(spare)} removed; the front keeps ${size(kept)}`);
        else {
          const again = suggestion(`prune ${run} --delete`, db);
          print(`run ${runId}: ${size(spare)} can go, the front keeps ${size(kept)}; to free them: ${again}`);
        }
      } finally {
        reader.close();
      }
    });
}
