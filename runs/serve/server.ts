// A web server around the live pages, with a beginning and an end.
import type { Server } from 'node:http';
import { serve } from '@hono/node-server';
import { RunError } from '../run-error.ts';
import { createApp } from './app.ts';
import { LiveDatabase } from './live-database.ts';

export interface ServeOptions {
  readonly databasePath: string;
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  readonly now: () => number;
  readonly pollMs?: number;
}

export interface LiveServer {
  readonly url: string;
  /** Ends all connections and closes the database. */
  close(): Promise<void>;
}

/** Starts serving. @throws StoreError where there is no database, {@link RunError} where the port cannot be had */
export async function startServer(options: ServeOptions): Promise<LiveServer> {
  const { databasePath, host, port, now, pollMs } = options;
  const database = new LiveDatabase(databasePath, now, pollMs);
  const ending = new AbortController();
  const app = createApp({ database, host, signal: ending.signal });
  try {
    const server = await listen(app.fetch, host, port);
    const address = server.address();
    const actual = typeof address === 'object' && address !== null ? address.port : port;
    const name = host.includes(':') ? `[${host}]` : host;
    return {
      url: `http://${name}:${actual}/`,
      close: async () => {
        ending.abort();
        const closed = new Promise<void>((resolve) => server.close(() => resolve()));
        server.closeAllConnections();
        await closed;
        await database.close();
      },
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

function listen(
  fetch: (request: Request) => Response | Promise<Response>,
  hostname: string,
  port: number,
): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch, hostname, port }, () => resolve(server)) as Server;
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reasons: Readonly<Record<string, string>> = {
        EADDRINUSE: `port ${port} is taken; name another with --port, or 0 for any`,
        EACCES: `port ${port} may not be used; name one above 1023 with --port`,
        EADDRNOTAVAIL: `${hostname} is no address of this machine`,
        ENOTFOUND: `${hostname} is not known`,
      };
      reject(new RunError(reasons[error.code ?? ''] ?? error.message));
    });
  });
}
