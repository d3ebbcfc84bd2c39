// The live page's routes. A fixed handful of them; no path of a request ever becomes the path of a file.
import { type Context, Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { pageAssets } from '../report/assets.ts';
import { type Boot, liveHtml } from '../report/page.ts';
import { StoreError } from '../store/store-error.ts';
import { isOwnHost } from './guard.ts';
import type { LiveDatabase } from './live-database.ts';

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data: blob:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const QUIET_MS = 15_000;
/** Runs that one page compares. */
const MOST_COMPARED = 6;

export interface AppOptions {
  readonly database: LiveDatabase;
  /** The address that the server listens on. */
  readonly host: string;
  /** Ends the streams of changes. */
  readonly signal: AbortSignal;
}

/** Answers the requests of the live pages. */
export function createApp({ database, host, signal }: AppOptions): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    if (!isOwnHost(context.req.header('host'), host)) return context.text('not a name of this server', 421);
    if (context.req.header('sec-fetch-site') === 'cross-site')
      return context.text('asked by another site', 403);
    await next();
    context.header('Content-Security-Policy', POLICY);
    context.header('X-Content-Type-Options', 'nosniff');
    context.header('Referrer-Policy', 'no-referrer');
    context.header('Cross-Origin-Resource-Policy', 'same-origin');
    context.header('Cross-Origin-Opener-Policy', 'same-origin');
    if (!context.res.headers.has('Cache-Control')) context.header('Cache-Control', 'no-store');
    return undefined;
  });
  addPages(app, database);
  addData(app, database);
  app.get('/api/changes', (context) =>
    streamSSE(context, async (stream) => {
      const stopListening = database.listen(() => void stream.writeSSE({ event: 'change', data: '' }));
      // A comment now and then keeps the connection, and finds out whether anybody is still there.
      const comment = setInterval(() => void stream.write(': quiet\n\n'), QUIET_MS);
      await stream.write(': listening\n\n');
      await new Promise<void>((end) => {
        stream.onAbort(end);
        signal.addEventListener('abort', () => end(), { once: true });
      });
      clearInterval(comment);
      stopListening();
    }),
  );
  app.notFound((context) => failed(context, 404, 'nothing here'));
  app.onError((error, context) => {
    const isMissing = error instanceof StoreError && (error.code === 'missing' || error.code === 'ambiguous');
    return failed(context, isMissing ? 404 : 500, error.message);
  });
  return app;
}

/** Programs get JSON, people a page. */
function failed(context: Context, status: 404 | 500, text: string): Response | Promise<Response> {
  if (/^\/(?:api|assets)\//.test(context.req.path)) return context.json({ error: text }, status);
  return context.html(liveHtml('Not here', { kind: 'message', text }), status);
}

function addPages(app: Hono, database: LiveDatabase): void {
  const assets = pageAssets();
  const asset = (path: string, text: string, type: string) =>
    app.get(path, (context) =>
      context.body(text, 200, { 'Content-Type': `${type}; charset=utf-8`, 'Cache-Control': 'no-cache' }),
    );
  asset('/assets/page.css', assets.css, 'text/css');
  asset('/assets/page.js', assets.script, 'text/javascript');
  asset('/assets/charts.js', assets.charts, 'text/javascript');
  const page = (title: string, boot: Boot) => liveHtml(title, boot);
  app.get('/', (context) => context.html(page('Runs', { kind: 'runs' })));
  app.get('/runs/:run', (context) => {
    const id = database.resolve(context.req.param('run'));
    return context.html(page(id, { kind: 'run', id }));
  });
  app.get('/compare', (context) => {
    const names = (context.req.queries('run') ?? []).filter((name) => name !== '').slice(0, MOST_COMPARED);
    const ids = [...new Set(names.map((name) => database.resolve(name)))];
    if (ids.length === 0) return context.redirect('/');
    return context.html(page('Compare', { kind: 'compare', ids }));
  });
}

function addData(app: Hono, database: LiveDatabase): void {
  app.get('/api/runs', (context) => {
    const runs = database.runs().map((run) => ({ ...run, createdAt: new Date(run.createdAt).toISOString() }));
    return context.json({ runs });
  });
  app.get('/api/runs/:run', async (context) => {
    const { json, version } = await database.report(database.resolve(context.req.param('run')));
    context.header('ETag', version);
    context.header('Cache-Control', 'no-cache');
    if (context.req.header('if-none-match') === version) return context.body(null, 304);
    return context.body(json, 200, { 'Content-Type': 'application/json; charset=utf-8' });
  });
  app.get('/api/runs/:run/candidates/:candidate{[0-9]+}', (context) => {
    const id = database.resolve(context.req.param('run'));
    return context.json(database.member(id, Number(context.req.param('candidate'))));
  });
}
