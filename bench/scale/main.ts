// npx tsx bench/scale/main.ts [--candidates 100000]      needs `npm run build`, and a Chromium for the pages
// How a run of very many candidates is to look at: commands, report and live page, as the table of docs/report.md shows
// them. Losses come from a formula; genomes, costs and rows are those of a real run.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { type CDPSession, chromium, type Page } from 'playwright-core';
import { formatBytes } from '../../runs/format.ts';
import { startServer } from '../../runs/serve/server.ts';
import { openForWriting } from '../../runs/store/database.ts';
import { takeLock, touchLock } from '../../runs/store/run-lock.ts';
import { prepareWrites } from '../../runs/store/writes.ts';
import { writeBigRun } from '../../test/runs/big-run.ts';

const { values } = parseArgs({ options: { candidates: { type: 'string', default: '100000' } } });
const PROGRAM = resolve(import.meta.dirname, '../../dist/runs/cli/main.js');
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const N_REPEATS = 5;
/** Pointer moves over the scatter, one a frame. */
const N_MOVES = 120;
/** How often the run goes on while its live page is looked at. */
const GENERATION_MS = 500;
const WATCHED_MS = 20_000;

const rows: [string, string, string][] = [];
const seconds = (value: number) => `${value.toFixed(value < 1 ? 3 : 2)} s`;
const median = (list: readonly number[]) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)]!;
const quantile = (list: readonly number[], share: number) =>
  list.toSorted((a, b) => a - b)[Math.min(list.length - 1, Math.floor(share * list.length))]!;

/** The built program as a process: medians of its wall and processor time. */
function timeCommand(name: string, ...argv: string[]): void {
  const tell = 'process.on("exit", () => process.stderr.write("\\n" + JSON.stringify(process.cpuUsage())))';
  const runs = Array.from({ length: N_REPEATS }, () => {
    const begin = performance.now();
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--import', `data:text/javascript,${tell}`, PROGRAM, ...argv, '--db', db],
      { encoding: 'utf8', maxBuffer: 1e9 },
    );
    if (status !== 0) throw new Error(`${name}: ${stderr}`);
    const { user, system } = JSON.parse(stderr.trimEnd().split('\n').at(-1)!);
    return { wall: (performance.now() - begin) / 1000, processor: (user + system) / 1e6 };
  });
  rows.push([
    name,
    seconds(median(runs.map(({ processor }) => processor))),
    seconds(median(runs.map(({ wall }) => wall))),
  ]);
}

const scriptSeconds = async (session: CDPSession) => {
  const { metrics } = await session.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'ScriptDuration')!.value;
};

/** Gaps between frames of a page, in milliseconds, from now on; read with `frameGaps`. */
const watchFrames = (page: Page) =>
  page.evaluate(`(() => {
    window.gaps = [];
    let last = performance.now();
    const next = (now) => { window.gaps.push(now - last); last = now; requestAnimationFrame(next); };
    requestAnimationFrame(next);
  })()`);
const frameGaps = (page: Page) => page.evaluate('window.gaps.splice(0)') as Promise<number[]>;

/** Moves over the scatter for at least `duration` ms: script time a move, and what the frames were like. */
async function movePointer(name: string, page: Page, duration: number): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  await page.locator('#front .chart').scrollIntoViewIfNeeded();
  const box = (await page.locator('#front .chart').boundingBox())!;
  await watchFrames(page);
  const before = await scriptSeconds(session);
  const end = performance.now() + duration;
  let nMoves = 0;
  for (; nMoves < N_MOVES || performance.now() < end; nMoves++) {
    await page.mouse.move(
      box.x + 80 + ((23 * nMoves) % (box.width - 120)),
      box.y + 60 + ((37 * nMoves) % (box.height - 120)),
    );
    await page.waitForTimeout(16);
  }
  const used = (await scriptSeconds(session)) - before;
  const gaps = await frameGaps(page);
  rows.push([
    `${name}: a move of the pointer`,
    `${((1000 * used) / nMoves).toFixed(1)} ms of script`,
    `frames: median ${median(gaps).toFixed(0)} ms, 99 % within ${quantile(gaps, 0.99).toFixed(0)} ms, longest ${Math.max(...gaps).toFixed(0)} ms`,
  ]);
}

const folder = mkdtempSync(join(tmpdir(), 'paretoformer-scale-'));
const db = join(folder, 'runs.db');
const report = join(folder, 'report.html');
const runId = writeBigRun(db, Number(values.candidates));
console.log(`${values.candidates} candidates, database of ${formatBytes(statSync(db).size)}`);
timeCommand('front', 'front');
timeCommand(
  "front --where 'memory < 300 MiB and loss < 1.1 * best'",
  'front',
  '--where',
  'memory < 300 MiB and loss < 1.1 * best',
);
timeCommand('front --objectives loss,throughput', 'front', '--objectives', 'loss,throughput');
timeCommand('pick', 'pick');
timeCommand('show', 'show', 'latest');
timeCommand('show of a candidate', 'show', 'latest', 'knee');
timeCommand('report', 'report', '--out', report);
rows.push(['size of the report', formatBytes(statSync(report).size), '']);
if (existsSync(CHROMIUM)) {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  const server = await startServer({ databasePath: db, host: '127.0.0.1', port: 0, now: Date.now });
  try {
    const open = async (name: string, url: string) => {
      const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
      const begin = performance.now();
      await page.goto(url);
      await page.waitForSelector('#front canvas', { timeout: 120_000 });
      rows.push([`${name}: until it is drawn`, '', seconds((performance.now() - begin) / 1000)]);
      return page;
    };
    const file = await open('report', pathToFileURL(report).href);
    await movePointer('report', file, 0);
    await file.close();
    await (await open('live page, first asked for', new URL(`/runs/${runId}`, server.url).href)).close();
    const live = await open('live page, asked for again', new URL(`/runs/${runId}`, server.url).href);
    await movePointer('live page of a finished run', live, 0);
    const database = openForWriting(db);
    const write = prepareWrites(database);
    const at = Date.now();
    const members = database
      .prepare('SELECT candidate, evaluation FROM front_members WHERE run_id = ?')
      .all(runId) as { candidate: number; evaluation: number }[];
    let generation = database
      .prepare('SELECT max(generation) FROM fronts WHERE run_id = ?')
      .pluck()
      .get(runId) as number;
    write.insertEvent.run({ runId, at, kind: 'resumed', detailJson: null });
    takeLock(database, runId, 'bench', at);
    const goOn = database.transaction(() => {
      touchLock(database, runId, 'bench', Date.now());
      generation++;
      const front = { runId, generation, nTold: generation, rung: 2, hypervolume: 0.8, at: Date.now() };
      write.insertFront.run(front);
      for (const { candidate, evaluation } of members) {
        write.insertFrontMember.run(runId, generation, candidate, evaluation);
      }
    });
    const timer = setInterval(goOn, GENERATION_MS);
    const asked: number[] = [];
    const asking = setInterval(async () => {
      const begin = performance.now();
      await (await fetch(new URL('/api/runs', server.url))).text();
      asked.push(performance.now() - begin);
    }, 100);
    await movePointer('live page of a run that goes on', live, WATCHED_MS);
    clearInterval(timer);
    clearInterval(asking);
    rows.push([
      'the list of runs, asked for meanwhile',
      '',
      `median ${median(asked).toFixed(0)} ms, longest ${Math.max(...asked).toFixed(0)} ms`,
    ]);
    database.close();
  } finally {
    await browser.close();
    await server.close();
  }
}
rmSync(folder, { recursive: true, force: true });
console.log('\n| what | processor | clock |\n|---|---|---|');
for (const row of rows) console.log(`| ${row.join(' | ')} |`);
