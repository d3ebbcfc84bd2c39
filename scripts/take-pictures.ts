// Takes the pictures of README.md and docs/report.md: a report and the live pages of two real runs in a headless Chromium.
//   npx tsx scripts/take-pictures.ts              trains both runs first: a quarter of an hour on two cores
//   npx tsx scripts/take-pictures.ts --db FILE    keeps the runs in FILE, and takes those that are there already
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { type Browser, chromium, type Page } from 'playwright-core';
import { startServer } from '../runs/serve/server.ts';
import { RunReader } from '../runs/store/queries.ts';

const ROOT = resolve(import.meta.dirname, '..');
const IMAGES = join(ROOT, 'docs/images');
const WIDTH = 1200;
const LARGEST_BYTES = 300_000;
/** Pixels above and below what is shown. */
const MARGIN = 24;

/** `examples/quickstart.yaml` with more candidates, searched in two ways. */
const RUNS = [
  { name: 'quickstart', algorithm: 'guided' },
  { name: 'quickstart-nsga2', algorithm: 'nsga2' },
] as const;

function specText({ name, algorithm }: (typeof RUNS)[number]): string {
  const changes = [
    ['name: quickstart', `name: ${name}`],
    ['algorithm: guided', `algorithm: ${algorithm}`],
    ['candidates: 27', 'candidates: 48'],
  ] as const;
  return changes.reduce(
    (text, [from, to]) => {
      if (!text.includes(from)) throw new Error(`examples/quickstart.yaml has no "${from}" any more`);
      return text.replace(from, to);
    },
    readFileSync(join(ROOT, 'examples/quickstart.yaml'), 'utf8'),
  );
}

function command(...argv: string[]): void {
  const node = ['--import', 'tsx', join(ROOT, 'runs/cli/main.ts'), ...argv];
  const { status } = spawnSync(process.execPath, node, { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) throw new Error(`paretoformer ${argv.join(' ')}: exit code ${status}`);
}

/** Finished runs by name, of a database that need not be there. */
function finishedRuns(db: string): Map<string, string> {
  try {
    const reader = new RunReader(db);
    const runs = reader.runs().filter(({ state }) => state === 'finished');
    reader.close();
    return new Map(runs.map(({ name, id }) => [name, id]));
  } catch {
    return new Map();
  }
}

async function openPage(browser: Browser, url: string, colorScheme: 'light' | 'dark'): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: WIDTH, height: 900 }, colorScheme });
  const page = await context.newPage();
  page.on('pageerror', (error) => {
    throw error;
  });
  await page.goto(url);
  return page;
}

/** From `top` to the bottom of `last`, both selectors; `top` may be 0 for the page's own. */
async function take(page: Page, name: string, top: string | 0, last: string, margin = MARGIN): Promise<void> {
  // Charts grow into their places.
  await page.waitForTimeout(1500);
  const boxOf = async (selector: string) => (await page.locator(selector).first().boundingBox())!;
  const scrolled = Number(await page.evaluate('scrollY'));
  const from = top === 0 ? 0 : Math.round((await boxOf(top)).y + scrolled) - margin;
  const { y, height } = await boxOf(last);
  const path = join(IMAGES, name);
  const clip = { x: 0, y: from, width: WIDTH, height: Math.round(y + scrolled + height - from) + margin };
  await page.screenshot({ path, fullPage: true, clip });
  const bytes = statSync(path).size;
  if (bytes > LARGEST_BYTES) throw new Error(`${name} has ${bytes} bytes, more than ${LARGEST_BYTES}`);
  console.log(`${path}: ${WIDTH} x ${clip.height}, ${Math.round(bytes / 1000)} kB`);
  await page.context().close();
}

const { values } = parseArgs({ options: { db: { type: 'string' } } });
const folder = mkdtempSync(join(tmpdir(), 'paretoformer-pictures-'));
const db = resolve(values.db ?? join(folder, 'pictures.db'));
mkdirSync(IMAGES, { recursive: true });
for (const run of RUNS) {
  if (finishedRuns(db).has(run.name)) continue;
  const file = join(folder, `${run.name}.yaml`);
  writeFileSync(file, specText(run));
  command('run', file, '--db', db);
}
const reportFile = join(folder, 'report.html');
command('report', RUNS[0].name, '--db', db, '--out', reportFile);
const ids = finishedRuns(db);
const [first, second] = RUNS.map(({ name }) => ids.get(name)!);
const server = await startServer({ databasePath: db, host: '127.0.0.1', port: 0, now: Date.now });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
try {
  const report = pathToFileURL(reportFile).href;
  await take(
    await openPage(browser, report, 'light'),
    'front-light.png',
    '#front .chart',
    '#front .legend',
    8,
  );
  await take(await openPage(browser, report, 'light'), 'report-light.png', 0, '#front .legend', 8);
  await take(await openPage(browser, report, 'dark'), 'report-dark.png', '#candidate h2', '#candidate');
  const list = await openPage(browser, server.url, 'light');
  for (const id of [first, second]) await list.locator(`#pick-${id}`).check();
  await take(list, 'live-light.png', 0, '#compare');
  const both = new URL(`/compare?run=${first}&run=${second}`, server.url).href;
  await take(await openPage(browser, both, 'dark'), 'compare-dark.png', 0, '#courses');
} finally {
  await browser.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
}
