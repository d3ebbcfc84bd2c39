// A run of 100,000 candidates stays quick to look at. Times are processor time, since other work may share the machine.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reportHtml } from '../../runs/report/page.ts';
import { buildReport } from '../../runs/report/report-data.ts';
import { startServer } from '../../runs/serve/server.ts';
import { RunReader } from '../../runs/store/queries.ts';
import { writeBigRun } from './big-run.ts';
import { commandLine } from './cli/command-line.ts';
import { newDatabase } from './harness.ts';
import { browserNote, chromiumPath, launchBrowser, openPage } from './report/browser.ts';

const N_CANDIDATES = 100_000;
const db = newDatabase();
let html: string;

/** Seconds of the processor that `work` takes. */
async function processorSeconds(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

beforeAll(() => {
  writeBigRun(db, N_CANDIDATES);
}, 300_000);

describe(`a run of ${N_CANDIDATES} candidates`, () => {
  it('shows its front in less than 0.3 s, the whole program included', async () => {
    const seconds = await processorSeconds(async () => {
      expect((await commandLine('front', 'latest', '--db', db)).stdout).toContain('lowest loss');
    });
    expect(seconds).toBeLessThan(0.3);
  });

  it('answers each other question in less than 0.3 s', async () => {
    for (const words of [
      'list',
      'show latest',
      'pick latest',
      'front latest --objectives loss,throughput,memory',
      'compare latest 3 9',
      'completion candidates latest',
    ]) {
      const seconds = await processorSeconds(() => commandLine(...words.split(' '), '--db', db));
      expect(seconds, words).toBeLessThan(0.3);
    }
  });

  it('is reported in less than 6 s and 15 MB', async () => {
    const seconds = await processorSeconds(() => {
      const reader = new RunReader(db);
      html = reportHtml(buildReport(reader, reader.resolve('latest'), { now: Date.now }));
      reader.close();
    });
    expect(seconds).toBeLessThan(6);
    expect(Buffer.byteLength(html)).toBeLessThan(15e6);
    expect(html).toContain(`"nEvaluated":${N_CANDIDATES}`);
  });

  describe.skipIf(chromiumPath === undefined)(`has pages that answer at once${browserNote}`, () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await launchBrowser();
    });
    afterAll(() => browser.close());

    it('the report', async () => {
      const file = join(dirname(db), 'report.html');
      writeFileSync(file, html);
      await expectFluent(browser, pathToFileURL(file).href);
    });

    it('the live page', async () => {
      const server = await startServer({ databasePath: db, host: '127.0.0.1', port: 0, now: Date.now });
      try {
        await expectFluent(browser, new URL('/runs/latest', server.url).href);
      } finally {
        await server.close();
      }
    });
  });
});

/** Moves over the scatter of a page take little of the browser's time. */
async function expectFluent(browser: Browser, url: string): Promise<void> {
  const { page, problems } = await openPage(browser, url);
  await page.waitForSelector('canvas');
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  const scriptSeconds = async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    return metrics.find(({ name }) => name === 'ScriptDuration')!.value;
  };
  const box = (await page.locator('.chart').first().boundingBox())!;
  const before = await scriptSeconds();
  const nMoves = 30;
  for (let move = 0; move < nMoves; move++) {
    await page.mouse.move(box.x + 80 + 20 * move, box.y + 100 + ((37 * move) % 200));
    await page.waitForTimeout(16);
  }
  expect((await scriptSeconds()) - before).toBeLessThan(0.1 * nMoves);
  expect(problems).toEqual([]);
  await page.context().close();
}
