// `report`: one run as one self-contained page.
import type { Command } from 'commander';
import { formatBytes } from '../format.ts';
import { reportHtml } from '../report/page.ts';
import { buildReport } from '../report/report-data.ts';
import { RunReader } from '../store/queries.ts';
import { type CommonOptions, note, print, printJson, RUN_ARGUMENT, writeResult } from './terminal.ts';

interface ReportOptions extends CommonOptions {
  readonly out: string;
}

const EXAMPLES = `
Examples:
  paretoformer report                            of the latest run, to report.html
  paretoformer report quickstart --out quickstart.html
  paretoformer report --json | jq .front         the same data, for programs`;

export function addReport(program: Command): void {
  program
    .command('report')
    .description('write one page that shows a run, to open in a browser or send to someone')
    .argument('[run]', RUN_ARGUMENT, 'latest')
    .option('--out <file>', 'the page', 'report.html')
    .addHelpText('after', EXAMPLES)
    .action((run: string, _options, command: Command) => {
      const { db, json, out } = command.optsWithGlobals<ReportOptions>();
      const reader = new RunReader(db);
      try {
        const report = buildReport(reader, reader.resolve(run), { now: Date.now });
        if (json === true) printJson(report);
        else {
          const html = reportHtml(report);
          writeResult(out, html);
          note(
            `run ${report.run.id} (${report.run.name}, ${report.run.state}): ${formatBytes(Buffer.byteLength(html))}`,
          );
          print(out);
        }
      } finally {
        reader.close();
      }
    });
}
