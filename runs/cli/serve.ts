// `serve`: the runs of a database as live pages.
import type { Command } from 'commander';
import { startServer } from '../serve/server.ts';
import { type CommonOptions, note, print, UsageError, wholeNumber } from './terminal.ts';

interface ServeCommandOptions extends CommonOptions {
  readonly host: string;
  readonly port: number;
}

const DEFAULT_PORT = 8474;
const EXAMPLES = `
Examples:
  paretoformer serve                     then open http://127.0.0.1:${DEFAULT_PORT}/
  paretoformer serve --port 0            any free port
  paretoformer serve --db other.db

Pages are read-only and are served to this machine alone unless --host says otherwise; there is no password.`;

export function addServe(program: Command): void {
  program
    .command('serve')
    .description('serve live pages of all runs of the database; Ctrl-C stops')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <n>', 'port to listen on; 0 = any free one', wholeNumber(0), DEFAULT_PORT)
    .addHelpText('after', EXAMPLES)
    .action(async (_options, command: Command) => {
      const { db, host, port } = command.optsWithGlobals<ServeCommandOptions>();
      if (port > 65_535) throw new UsageError(`--port is at most 65535, not ${port}`);
      const server = await startServer({ databasePath: db, host, port, now: Date.now });
      print(server.url);
      note('serving; Ctrl-C stops');
      await new Promise<void>((resolve) => {
        for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
      });
      await server.close();
      note('stopped');
    });
}
