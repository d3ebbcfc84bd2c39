import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pageAssets } from '../../../runs/report/assets.ts';
import { escapeHtml, inertJson, reportHtml } from '../../../runs/report/page.ts';
import { buildReport, type ReportData } from '../../../runs/report/report-data.ts';
import { RunReader } from '../../../runs/store/queries.ts';
import { newDatabase } from '../harness.ts';
import { accessibilityProblems, contrasts } from './accessibility.ts';
import { browserNote, chromiumPath, launchBrowser, openPage } from './browser.ts';
import { demoRun } from './demo.ts';
import { HOSTILE, hostileSpec } from './hostile.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const database = newDatabase();
let report: ReportData;
let hostile: ReportData;

beforeAll(async () => {
  const id = await demoRun(database, { candidates: 50 });
  const hostileId = await demoRun(database, { candidates: 12, change: hostileSpec });
  const reader = new RunReader(database);
  report = buildReport(reader, id, { now: Date.now });
  hostile = buildReport(reader, hostileId, { now: Date.now });
  reader.close();
}, 60_000);

describe('the data of a report', () => {
  it('has a point for every candidate that trained, the front first', () => {
    const { points, front, members, run } = report;
    expect(points.candidate).toHaveLength(points.nEvaluated);
    expect(points.nEvaluated).toBeLessThanOrEqual(run.nCandidates);
    expect(points.standing.filter((standing) => standing === 0)).toHaveLength(front.nMembers);
    expect(members.map(({ candidate }) => candidate).toSorted((a, b) => a - b)).toEqual(
      points.candidate.slice(0, front.nMembers),
    );
    for (const column of [...Object.values(points.values), ...Object.values(points.genes)])
      expect(column).toHaveLength(points.nEvaluated);
  });

  it('sorts members by the first objective and measures each way from best to worst', () => {
    const losses = report.members.map(({ values }) => values.loss!);
    expect(losses).toEqual(losses.toSorted((a, b) => a - b));
    for (const { metric, at } of report.front.best) {
      const k = report.objectives.indexOf(metric);
      expect(report.members[at]!.normalised![k]).toBe(0);
    }
  });

  it('breaks the costs of a member down to what the model has as a whole', () => {
    for (const { cost, values } of report.members) {
      const sum = (parts: readonly { readonly decodeSeconds: number }[]) =>
        parts.reduce((total, part) => total + part.decodeSeconds, 0);
      expect(sum(cost!.byOperation) / values.decodeLatency!).toBeCloseTo(1, 4);
      expect(sum(cost!.byLayer) / values.decodeLatency!).toBeCloseTo(1, 4);
    }
  });

  it('accounts for every evaluation that gave nothing', () => {
    const { endings, survey, bySearch } = report.rejected;
    expect(
      endings.some(
        ({ state, reason }) => state === 'diverged' && reason === 'step 57: the loss is not a number',
      ),
    ).toBe(true);
    expect(
      endings.some(
        ({ state, reason }) => state === 'breaks a constraint' && reason.includes('decodeLatency <= 8 ms'),
      ),
    ).toBe(true);
    expect(survey!.rejections.map(({ constraint }) => constraint)).toContain('memory <= 1.5 GiB');
    expect(bySearch!.infeasible).toBeGreaterThan(0);
  });

  it('knows the limits that the picture draws', () => {
    expect(report.constraints).toEqual([
      { text: 'decodeLatency <= 8 ms', metric: 'decodeLatency', side: 'above', limit: 0.008 },
      { text: 'memory <= 1.5 GiB', metric: 'memory', side: 'above', limit: 1.5 * 2 ** 30 },
    ]);
  });

  it('counts trained tokens upwards', () => {
    const tokens = report.course.map((point) => point.tokens);
    expect(tokens).toEqual(tokens.toSorted((a, b) => a - b));
    expect(tokens.at(-1)).toBeGreaterThan(0);
    expect(report.course.at(-1)!.hypervolume).toBe(report.front.hypervolume);
  });
});

describe('the page around it', () => {
  it('keeps data from ending its script element', () => {
    const html = reportHtml(hostile);
    expect(html).not.toContain('<script>alert');
    expect(html).not.toContain('<img src=x');
    const data = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html)![1]!;
    expect(JSON.parse(data).report.run.name).toBe(HOSTILE);
  });

  it('escapes text and JSON', () => {
    expect(escapeHtml(`<a href="x">'&`)).toBe('&lt;a href=&quot;x&quot;&gt;&#39;&amp;');
    expect(inertJson('</script>\u2028')).toBe('"\\u003c/script>\\u2028"');
    expect(JSON.parse(inertJson({ a: '<!--\u2029' }))).toEqual({ a: '<!--\u2029' });
  });

  it('names nothing outside itself', () => {
    const html = reportHtml(report);
    const own = html.replace(pageAssets().charts, '');
    expect(own).not.toMatch(/(?:src|href)\s*=\s*["'](?!#|data:,)/);
    expect(own).not.toMatch(/https?:\/\//);
    expect(Buffer.byteLength(html)).toBeLessThan(3e6);
  });

  it('is made of modules whose names do not collide', () => {
    const folder = join(ROOT, 'runs/report/page');
    const names = readdirSync(folder)
      .filter((file) => file.endsWith('.js'))
      .flatMap((file) =>
        [
          ...readFileSync(join(folder, file), 'utf8').matchAll(
            /^(?:export )?(?:async )?(?:function|const|let|class) (\w+)/gm,
          ),
        ].map((match) => match[1]!),
      );
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
    expect(pageAssets().script).not.toMatch(/^(?:import|export) /m);
  });

  it('has scripts that the type checker accepts', () => {
    const tsc = join(
      dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
      'bin',
      'tsc',
    );
    const { stdout } = spawnSync(process.execPath, [tsc, '-p', 'runs/report/page'], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    expect(stdout.split('\n').filter((line) => line.startsWith('runs/report/page'))).toEqual([]);
  });
});

describe.skipIf(chromiumPath === undefined)(`the page in a browser${browserNote}`, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());

  const saved = (data: ReportData) => {
    const path = join(dirname(database), `report-${data.run.id}.html`);
    writeFileSync(path, reportHtml(data));
    return pathToFileURL(path).href;
  };

  for (const [mode, options] of [
    ['light', { colorScheme: 'light' }],
    ['dark', { colorScheme: 'dark' }],
    ['on a phone', { viewport: { width: 360, height: 740 }, colorScheme: 'light' }],
  ] as const) {
    it(`draws everything, ${mode}, without a request or an error`, async () => {
      const url = saved(report);
      const { page, problems, requests } = await openPage(browser, url, options);
      await page.locator('.chart-scatter canvas').waitFor();
      expect(await page.locator('canvas').count()).toBe(4);
      expect(await page.locator('h2').allTextContents()).toContain('Which model to take');
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      expect(problems).toEqual([]);
      expect(requests.filter((request) => request !== url && !request.startsWith('data:'))).toEqual([]);
      await page.context().close();
    });
  }

  it('is walked by keyboard, and says where it is', async () => {
    const { page } = await openPage(browser, saved(report));
    await page.locator('.chart-frame').focus();
    await page.keyboard.press('Home');
    const latencies = report.members.map(
      ({ values, candidate }) => [values.decodeLatency!, candidate] as const,
    );
    const fastest = latencies.reduce((a, b) => (b[0] < a[0] ? b : a))[1];
    expect(await page.locator('#announcements').textContent()).toContain(`Candidate ${fastest}:`);
    expect(await page.locator('.candidate-title').textContent()).toContain(`Candidate ${fastest}`);
    await page.keyboard.press('End');
    const slowest = latencies.reduce((a, b) => (b[0] > a[0] ? b : a))[1];
    expect(await page.locator('.candidate-title').textContent()).toContain(`Candidate ${slowest}`);
    await page.context().close();
  });

  it('gives every control a name, every figure a text and every table a caption', async () => {
    const { page } = await openPage(browser, saved(report));
    for (const summary of await page.locator('summary:visible').all()) await summary.click();
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.context().close();
  });

  it('has text of enough contrast in both themes', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page } = await openPage(browser, saved(report), { colorScheme });
      const ratios = await contrasts(page);
      expect(Object.keys(ratios).some((name) => name.startsWith('heat map'))).toBe(true);
      for (const [name, ratio] of Object.entries(ratios))
        expect(ratio, `${name}, ${colorScheme}`).toBeGreaterThanOrEqual(4.5);
      await page.context().close();
    }
  });

  it('follows the choice of theme, of axes and of a candidate', async () => {
    const { page, problems } = await openPage(browser, saved(report));
    const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const light = await background();
    await page.getByRole('button', { name: 'Dark', exact: true }).click();
    expect(await background()).not.toBe(light);
    await page.getByRole('combobox', { name: 'Across' }).selectOption('parameters');
    await page.getByRole('combobox', { name: 'Colour' }).selectOption('kvCacheFormat');
    await page.getByRole('checkbox', { name: 'Log across' }).check();
    const last = report.members.at(-1)!.candidate;
    await page.locator(`#front-${last}`).click();
    expect(await page.locator('.candidate-title').textContent()).toContain(`Candidate ${last}`);
    await page.getByRole('button', { name: 'By layer' }).click();
    expect(await page.locator('#candidate').textContent()).toContain('layer 0');
    await page.locator('#weight-0').fill('10');
    expect(await page.locator('.outcome').textContent()).toContain('Candidate');
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('keeps the order and the place of a table when another member is chosen', async () => {
    const { page, problems } = await openPage(browser, saved(report));
    const numbers = () => page.locator('#front tbody th').allTextContents();
    await page.locator('#front .sort', { hasText: 'Candidate' }).click();
    await page.locator('#front .sort', { hasText: 'Candidate' }).click();
    const sorted = report.members.map(({ candidate }) => String(candidate)).sort((a, b) => +b - +a);
    expect(await numbers()).toEqual(sorted);
    await page.evaluate(
      `document.styleSheets[0].insertRule('#front .table-scroll { max-height: 6rem !important }')`,
    );
    await page.locator(`#front-${sorted.at(-1)}`).click();
    expect(await page.locator('.candidate-title').textContent()).toContain(`Candidate ${sorted.at(-1)}`);
    expect(await numbers()).toEqual(sorted);
    expect(await page.locator('#front [aria-sort=descending]').textContent()).toBe('Candidate');
    expect(await page.evaluate(`document.querySelector('#front .table-scroll').scrollTop`)).toBeGreaterThan(
      0,
    );
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('leaves out what the run has nothing to tell of', async () => {
    const { page } = await openPage(browser, saved(report));
    expect(report.members.every(({ outlook }) => outlook === undefined)).toBe(true);
    expect(await page.locator('#speculation').isVisible()).toBe(false);
    expect(await page.locator('nav a', { hasText: 'Where speculation pays' }).isVisible()).toBe(false);
    expect(await page.locator('nav a', { hasText: 'The front' }).isVisible()).toBe(true);
    await page.context().close();
  });

  it('tells of the point under the pointer and chooses it', async () => {
    const { page, problems } = await openPage(browser, saved(report));
    await page.getByRole('button', { name: 'All', exact: true }).click();
    await page.locator('.chart-scatter').scrollIntoViewIfNeeded();
    // The dominated point that is furthest from every other, so that nothing lies on top of it.
    const { candidate, x, y } = (await page.evaluate(LONELY)) as { candidate: number; x: number; y: number };
    await page.mouse.move(x, y);
    await page.locator('.tip').waitFor();
    expect(await page.locator('.tip').textContent()).toContain(`Candidate ${candidate}`);
    await page.mouse.click(x, y);
    expect(await page.locator('.candidate-title').textContent()).toContain(`Candidate ${candidate}`);
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('shows hostile names as they are and runs none of them', async () => {
    const { page, problems } = await openPage(browser, saved(hostile));
    expect(await page.locator('h1').textContent()).toContain('</script><script>alert(1)</script>');
    expect(await page.locator('img').count()).toBe(0);
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('shows hostile reasons, genomes and versions as they are', async () => {
    const [first, ...others] = hostile.members;
    const evaluation = { ...first!.evaluations[0]!, state: 'failed' as const, reason: HOSTILE };
    const member = { ...first!, shape: HOSTILE, stored: HOSTILE, evaluations: [evaluation] };
    const data: ReportData = {
      ...hostile,
      members: [member, ...others],
      points: { ...hostile.points, shape: hostile.points.shape.map(() => HOSTILE) },
      rejected: {
        ...hostile.rejected,
        endings: [{ state: 'failed', reason: HOSTILE, count: 1, example: first!.candidate }],
      },
      reproduce: { ...hostile.reproduce, yaml: HOSTILE, versions: { [HOSTILE]: HOSTILE } },
    };
    const { page, problems } = await openPage(browser, saved(data));
    await page.locator(`#front-${first!.candidate}`).click();
    expect(await page.locator('#candidate').textContent()).toContain(HOSTILE);
    expect(await page.locator('#rejected').textContent()).toContain(HOSTILE);
    await page.getByRole('button', { name: 'All', exact: true }).click();
    await page.locator('.chart-scatter').scrollIntoViewIfNeeded();
    const { x, y } = (await page.evaluate(LONELY)) as { x: number; y: number };
    await page.mouse.move(x, y);
    await page.locator('.tip').waitFor();
    expect(await page.locator('.tip').textContent()).toContain(HOSTILE);
    await page.getByText('Specification, every default spelled out').click();
    expect(await page.locator('#reproduce').textContent()).toContain(HOSTILE);
    expect(await page.locator('img').count()).toBe(0);
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('tells whose weights a training began from, where there was one', async () => {
    const [first, ...others] = report.members;
    const heir = { ...first!.evaluations[0]!, rung: 0, inherited: { from: 7, loss: 3.21456 } };
    const unlike = { ...heir, rung: 1, inherited: { loss: 2.5 } };
    const plain = { ...first!.evaluations[0]!, rung: 2 };
    const member = { ...first!, evaluations: [heir, unlike, plain] };
    const { page } = await openPage(browser, saved({ ...report, members: [member, ...others] }));
    await page.locator(`#front-${first!.candidate}`).click();
    const cells = page.locator('#candidate table', { hasText: 'Began from' }).locator('tbody tr');
    expect(await cells.nth(0).textContent()).toContain('candidate 7, at 3.2146');
    expect(await cells.nth(1).textContent()).toContain('another model, at 2.5000');
    expect(await cells.nth(2).textContent()).toContain('first values');
    expect(others.some(({ evaluations }) => evaluations.some(({ inherited }) => inherited))).toBe(false);
    await page.locator(`#front-${others[0]!.candidate}`).click();
    expect(await page.locator('#candidate').textContent()).not.toContain('Began from');
    await page.context().close();
  });

  it('tells the front without scripts', async () => {
    const { page } = await openPage(browser, saved(report), { javaScriptEnabled: false });
    expect(await page.locator('noscript table tr').count()).toBe(report.members.length + 1);
    await page.context().close();
  });
});

/** Where a point off the front lies on the screen that has more room around it than any other. */
const LONELY = `(() => {
  const element = document.querySelector('.chart-scatter');
  const chart = globalThis.echarts.getInstanceByDom(element);
  const box = element.getBoundingClientRect();
  const places = chart.getOption().series.filter(({ id }) => ['front', 'dominated', 'lower', 'outside'].includes(id))
    .flatMap(({ id, data }) => data.map((point) => ({ id, candidate: point.candidate, pixel: chart.convertToPixel('grid', point.value) })));
  const room = (place) => Math.min(...places.filter((other) => other !== place).map((other) => Math.hypot(other.pixel[0] - place.pixel[0], other.pixel[1] - place.pixel[1])));
  const best = places.filter(({ id }) => id !== 'front').reduce((a, b) => (room(b) > room(a) ? b : a));
  return { candidate: best.candidate, x: box.x + best.pixel[0], y: box.y + best.pixel[1] };
})()`;

it('the folder of the page holds nothing that a report does not carry', () => {
  const folder = join(ROOT, 'runs/report/page');
  const files = readdirSync(folder).filter(
    (file) => statSync(join(folder, file)).isFile() && file.endsWith('.js'),
  );
  const { script } = pageAssets();
  for (const file of files) {
    const header = readFileSync(join(folder, file), 'utf8').split('\n')[0]!;
    expect(script, file).toContain(header);
  }
});
