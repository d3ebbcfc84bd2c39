import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostName, isOwnHost } from '../../../runs/serve/guard.ts';
import { type LiveServer, startServer } from '../../../runs/serve/server.ts';
import { RunReader } from '../../../runs/store/queries.ts';
import { newDatabase } from '../harness.ts';
import { accessibilityProblems } from '../report/accessibility.ts';
import { browserNote, chromiumPath, launchBrowser, openPage } from '../report/browser.ts';
import { demoRun } from '../report/demo.ts';
import { HOSTILE, hostileSpec } from '../report/hostile.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const database = newDatabase();
let server: LiveServer;
let runId: string;
let otherId: string;

beforeAll(async () => {
  runId = await demoRun(database, { candidates: 24 });
  otherId = await demoRun(database, { candidates: 12, seed: 5, change: hostileSpec });
  server = await startServer({
    databasePath: database,
    host: '127.0.0.1',
    port: 0,
    now: Date.now,
    pollMs: 50,
  });
}, 60_000);
afterAll(() => server.close());

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

/** A request whose path and headers go out exactly as given. */
function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const { hostname, port } = new URL(server.url);
  return new Promise((done, reject) => {
    const asked = request({ hostname, port, path, method, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () =>
        done({
          status: response.statusCode!,
          headers: response.headers,
          body: Buffer.concat(parts).toString(),
        }),
      );
    });
    asked.on('error', reject);
    asked.end();
  });
}

describe('whose requests are answered', () => {
  it('reads host names', () => {
    expect(hostName('LocalHost:80')).toBe('localhost');
    expect(hostName('[::1]:8474')).toBe('[::1]');
    for (const none of [undefined, '', 'a b', 'a:b:c', 'localhost:99999999', 'user@localhost', 'localhost/x'])
      expect(hostName(none)).toBeUndefined();
  });

  it('knows its own names from those that merely lead here', () => {
    for (const host of ['localhost', '127.0.0.1:8474', '[::1]:1'])
      expect(isOwnHost(host, '127.0.0.1')).toBe(true);
    for (const host of [
      'evil.example',
      'localhost.evil.example',
      '127.0.0.1.nip.io',
      '192.168.1.4',
      undefined,
    ])
      expect(isOwnHost(host, '127.0.0.1')).toBe(false);
    expect(isOwnHost('192.168.1.4:80', '192.168.1.4')).toBe(true);
    expect(isOwnHost('192.168.1.4', '0.0.0.0')).toBe(true);
    expect(isOwnHost('evil.example', '0.0.0.0')).toBe(false);
    expect(isOwnHost('[fe80::1]', '::')).toBe(true);
  });

  it('turns other names and other sites away, whatever they ask for', async () => {
    for (const path of ['/', '/api/runs', `/api/runs/${runId}`, '/assets/page.js', '/api/changes']) {
      expect((await ask(path, { host: 'evil.example' })).status, path).toBe(421);
      expect((await ask(path, { 'sec-fetch-site': 'cross-site' })).status, path).toBe(403);
    }
    expect((await ask('/api/runs')).status).toBe(200);
  });
});

describe('what is answered', () => {
  it('sends a strict policy with every page and never lets others read', async () => {
    for (const path of ['/', `/runs/${runId}`, '/api/runs', '/nothing']) {
      const { headers } = await ask(path);
      expect(headers['content-security-policy']).toContain("default-src 'none'");
      expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  it('reads no file, however a path is written', async () => {
    const tries = [
      '/package.json',
      '/../package.json',
      '/assets/../../package.json',
      '/assets/%2e%2e/%2e%2e/package.json',
      '/assets/..%2f..%2fpackage.json',
      '/runs/..%2f..%2f..%2fetc%2fpasswd',
      '/api/runs/%2e%2e',
      '/api/runs/..%2f..%2fetc%2fpasswd',
      '//etc/passwd',
      '/etc/passwd',
      '/assets/',
      '/assets/page.css%00.html',
      '/file:///etc/passwd',
    ];
    for (const path of tries) {
      const { status, body } = await ask(path);
      expect(status, path).toBe(404);
      expect(body).not.toContain('root:');
      expect(body).not.toContain('"dependencies"');
    }
  });

  it('answers questions only: nothing can be changed', async () => {
    const before = readFileSync(database);
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'])
      expect((await ask('/api/runs', {}, method)).status).toBe(404);
    await ask(`/api/runs/${runId}`);
    expect(readFileSync(database).equals(before)).toBe(true);
  });

  it('tells of runs, a run and a candidate', async () => {
    const { runs } = JSON.parse((await ask('/api/runs')).body);
    expect(runs.map((run: { id: string }) => run.id)).toEqual([runId, otherId]);
    const report = JSON.parse((await ask(`/api/runs/${runId}`)).body);
    expect(report.run.id).toBe(runId);
    const dominated = report.points.candidate.at(-1);
    const member = JSON.parse((await ask(`/api/runs/${runId}/candidates/${dominated}`)).body);
    expect(member.candidate).toBe(dominated);
    expect(member.cost.byLayer.length).toBeGreaterThan(1);
  });

  it('says what is not there', async () => {
    for (const path of [
      '/api/runs/none',
      '/runs/none',
      `/api/runs/${runId}/candidates/99999`,
      '/compare?run=none',
    ])
      expect((await ask(path)).status, path).toBe(404);
    expect((await ask('/compare')).status).toBe(302);
  });

  it('does not send again what has not changed', async () => {
    const { headers } = await ask(`/api/runs/${runId}`);
    const again = await ask(`/api/runs/${runId}`, { 'if-none-match': String(headers.etag) });
    expect([again.status, again.body]).toEqual([304, '']);
  });

  it('keeps a hostile name from becoming markup', async () => {
    const { body } = await ask(`/runs/${encodeURIComponent(otherId)}`);
    expect(body).not.toContain('alert(');
    const { runs } = JSON.parse((await ask('/api/runs')).body);
    expect(runs[1].name).toBe(HOSTILE);
  });

  it('survives nonsense on the wire', async () => {
    const { hostname, port } = new URL(server.url);
    for (const nonsense of [
      'GET\r\n\r\n',
      '\u0000\u0001\u0002\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
    ]) {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => {});
      socket.resume();
      const closed = new Promise((done) => socket.on('close', done));
      socket.end(nonsense);
      await closed;
    }
    expect((await ask('/api/runs')).status).toBe(200);
  });
});

describe('beginning and end', () => {
  it('ends with streams still open', async () => {
    const own = await startServer({ databasePath: database, host: '127.0.0.1', port: 0, now: Date.now });
    const { hostname, port } = new URL(own.url);
    const asked = request({ hostname, port, path: '/api/changes' });
    asked.on('error', () => {});
    asked.end();
    const [stream] = await once(asked, 'response');
    stream.on('error', () => {});
    stream.resume();
    const ended = new Promise((done) => stream.on('close', done));
    await own.close();
    await ended;
  });

  it('says what is in the way', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    await expect(
      startServer({ databasePath: database, host: '127.0.0.1', port, now: Date.now }),
    ).rejects.toThrow(`port ${port} is taken`);
    taken.close();
    await expect(
      startServer({ databasePath: join(ROOT, 'none.db'), host: '127.0.0.1', port: 0, now: Date.now }),
    ).rejects.toThrow('no database');
    expect(statSync(join(ROOT, 'none.db'), { throwIfNoEntry: false })).toBeUndefined();
  });

  it('stops on Ctrl-C with exit code 0', async () => {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', 'runs/cli/main.ts', 'serve', '--port', '0', '--db', database],
      { cwd: ROOT },
    );
    const [url] = await once(child.stdout, 'data');
    expect((await fetch(new URL('/api/runs', String(url).trim()))).status).toBe(200);
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});

describe.skipIf(chromiumPath === undefined)(`the live pages${browserNote}`, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());
  const url = (path: string) => new URL(path, server.url).href;

  it('list runs by name, hostile ones too, and lead to a comparison', async () => {
    const { page, problems } = await openPage(browser, url('/'));
    await page.locator(`#run-${runId}`).waitFor();
    expect(await page.locator('tbody tr').count()).toBe(2);
    expect(await page.locator(`#run-${otherId}`).textContent()).toBe(HOSTILE);
    await page.locator(`#pick-${runId}`).check();
    await page.locator(`#pick-${otherId}`).check();
    await page.getByText('Compare 2 runs').click();
    await page.locator('.chart-scatter canvas').waitFor();
    expect(await page.locator('#values tbody tr').count()).toBeGreaterThan(8);
    expect(await page.locator('img').count()).toBe(0);
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('are read by keyboard and by ear: all runs, one, two compared', async () => {
    for (const path of ['/', `/runs/${runId}`, `/compare?run=${runId}&run=${otherId}`, '/runs/none']) {
      const { page, problems } = await openPage(browser, url(path));
      await page.locator('main h1').waitFor();
      await page.waitForTimeout(300);
      expect(await accessibilityProblems(page), path).toEqual([]);
      if (path !== '/runs/none') expect(problems, path).toEqual([]);
      await page.context().close();
    }
  });

  it('lead to a comparison by keyboard alone', async () => {
    const { page } = await openPage(browser, url('/'));
    await page.locator(`#pick-${runId}`).waitFor();
    const focused = () => page.evaluate('document.activeElement.id') as Promise<string>;
    const tabTo = async (id: string) => {
      for (let presses = 0; presses < 60 && (await focused()) !== id; presses++)
        await page.keyboard.press('Tab');
      expect(await focused()).toBe(id);
    };
    // The newest run comes first.
    for (const id of [otherId, runId]) {
      await tabTo(`pick-${id}`);
      await page.keyboard.press('Space');
    }
    await tabTo('compare');
    await page.keyboard.press('Enter');
    await page.locator('.chart-scatter canvas').waitFor();
    expect(await page.locator('h1').textContent()).toBe('Runs compared');
    await page.context().close();
  });

  it('fit a phone', async () => {
    for (const path of ['/', `/runs/${runId}`, `/compare?run=${runId}&run=${otherId}`]) {
      const { page } = await openPage(browser, url(path), { viewport: { width: 390, height: 844 } });
      await page.locator('main h1').waitFor();
      await page.waitForTimeout(300);
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), path).toBe(true);
      await page.context().close();
    }
  });

  it('say in words what is not there', async () => {
    const { page } = await openPage(browser, url('/runs/none'));
    expect(await page.locator('main').textContent()).toContain('no run "none"');
    await page.getByRole('main').getByRole('link', { name: 'All runs' }).click();
    await page.locator(`#run-${runId}`).waitFor();
    await page.context().close();
  });

  it('say what they wait for', async () => {
    const { page } = await openPage(browser, url('/runs/none'));
    let answer = () => {};
    const asked = new Promise<void>((goOn) => {
      answer = goOn;
    });
    await page.route('**/api/runs/*', async (route) => {
      await asked;
      await route.continue();
    });
    await page.goto(url(`/runs/${runId}`));
    expect(await page.locator('main').textContent()).toBe('Reading the database …');
    answer();
    await page.locator('.chart-scatter canvas').waitFor();
    expect(await page.locator('main').textContent()).not.toContain('Reading the database');
    await page.context().close();
  });

  it('say in words why a run cannot be shown', async () => {
    const { page } = await openPage(browser, url('/'));
    await page.route('**/api/runs/*', (route) =>
      route.fulfill({ status: 500, json: { error: 'the disk went away' } }),
    );
    await page.goto(url(`/runs/${runId}`));
    await page.getByRole('heading', { name: 'This cannot be shown' }).waitFor();
    expect(await page.locator('main').textContent()).toContain('the disk went away');
    await page.context().close();
  });

  it('show a candidate off the front in full', async () => {
    const { page, problems } = await openPage(browser, url(`/runs/${runId}`));
    await page.locator('.chart-scatter canvas').waitFor();
    await page.locator('#marked-0').click();
    expect(await page.locator('.candidate-title').textContent()).toContain('Candidate 0');
    expect(await page.locator('#candidate .heat').count()).toBe(1);
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('follow a run while it goes on, and keep what the reader has chosen', async () => {
    const path = newDatabase();
    await demoRun(path, { candidates: 4 });
    const live = await startServer({
      databasePath: path,
      host: '127.0.0.1',
      port: 0,
      now: Date.now,
      pollMs: 50,
    });
    const { page, problems } = await openPage(browser, live.url);
    await page.locator('tbody tr').waitFor();
    let reachedMiddle = () => {};
    let goOn = () => {};
    const middle = new Promise<void>((resolve) => (reachedMiddle = resolve));
    const released = new Promise<void>((resolve) => (goOn = resolve));
    const running = demoRun(path, {
      candidates: 24,
      name: 'going on',
      beforeTraining: async (nth) => {
        if (nth !== 20) return;
        reachedMiddle();
        await released;
      },
    });
    await middle;
    await page.getByRole('link', { name: 'going on' }).click();
    await page.locator('.chart-scatter canvas').waitFor();
    expect(await page.locator('h1').textContent()).toContain('running');
    await page.getByRole('combobox', { name: 'Across' }).selectOption('memory');
    const early = Number(await page.locator('.tiles div:nth-child(3) strong').textContent());
    goOn();
    await running;
    await page.locator('.state-finished').waitFor({ timeout: 45_000 });
    const reader = new RunReader(path);
    const { nEvaluations } = reader.run(reader.resolve('latest'));
    reader.close();
    await expect
      .poll(async () => Number(await page.locator('.tiles div:nth-child(3) strong').textContent()))
      .toBe(nEvaluations);
    expect(nEvaluations).toBeGreaterThan(early);
    expect(await page.getByRole('combobox', { name: 'Across' }).inputValue()).toBe('memory');
    expect(problems).toEqual([]);
    await page.context().close();
    await live.close();
  });
});
