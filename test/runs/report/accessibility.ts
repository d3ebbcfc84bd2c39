// What a page must have for those who read it by keyboard or by ear, asked of the page as it stands.
import type { Page } from 'playwright-core';

const QUESTIONS = `(() => {
  const all = (selector) => [...document.querySelectorAll(selector)].filter((element) => element.checkVisibility());
  const told = (element) => element.outerHTML.slice(0, 120);
  const problems = [];
  for (const element of all('button, select, input, a[href], summary')) {
    const name = element.textContent.trim() || element.getAttribute('aria-label') || element.labels?.[0]?.textContent.trim();
    if (!name) problems.push('no name: ' + told(element));
  }
  for (const element of all('[role=img]')) {
    if ((element.getAttribute('aria-label') ?? '').length < 20) problems.push('a figure without words: ' + told(element));
  }
  for (const element of all('table')) {
    if (!(element.caption?.textContent.length > 3)) problems.push('a table without a caption: ' + told(element));
    for (const cell of element.querySelectorAll('th')) if (!cell.scope) problems.push('a heading of no scope: ' + told(cell));
  }
  for (const element of all('*')) {
    const { overflowX, overflowY } = getComputedStyle(element);
    const isScrolled = (/auto|scroll/.test(overflowX) && element.scrollWidth > element.clientWidth + 1) ||
      (/auto|scroll/.test(overflowY) && element.scrollHeight > element.clientHeight + 1);
    if (isScrolled && element !== document.documentElement && element.tabIndex < 0) problems.push('scrolls, but not by keyboard: ' + told(element));
  }
  const levels = all('h1, h2, h3, h4').map((element) => Number(element.tagName[1]));
  if (levels.filter((level) => level === 1).length !== 1) problems.push('not one h1: ' + levels);
  for (const [at, level] of levels.entries()) if (level > (levels[at - 1] ?? 0) + 1) problems.push('headings skip a level: ' + levels);
  if (all('main').length !== 1) problems.push('not one main');
  if (document.documentElement.lang === '') problems.push('no language');
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  for (const id of ids.filter((id, at) => ids.indexOf(id) !== at)) problems.push('an id given twice: ' + id);
  for (const link of all('a[href^="#"]')) if (document.getElementById(link.hash.slice(1)) === null) problems.push('leads nowhere: ' + told(link));
  return problems;
})()`;

/** Controls without a name, figures without words and their like; empty for a page that has none. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  return (await page.evaluate(QUESTIONS)) as string[];
}

/** WCAG contrast of the page's text colours on its grounds, and of the text on every cell of its heat map. */
const CONTRAST = `(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const pixel = (...colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const named = (name) => {
    const probe = document.createElement('i');
    probe.style.color = 'var(--' + name + ')';
    document.body.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };
  const luminance = (rgb) => rgb.map((value) => value / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, k) => sum + c * [0.2126, 0.7152, 0.0722][k], 0);
  const ratio = (one, other) => {
    const [a, b] = [luminance(one), luminance(other)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  const ratios = {};
  for (const text of ['text', 'muted', 'accent', 'danger', 'good']) for (const ground of ['page', 'surface', 'accent-soft']) {
    ratios[text + ' on ' + ground] = ratio(pixel(named(text)), pixel(named(ground)));
  }
  for (const cell of document.querySelectorAll('.heat td')) {
    const { color, backgroundColor } = getComputedStyle(cell);
    ratios['heat map ' + cell.textContent] = ratio(pixel(color), pixel(named('page'), backgroundColor));
  }
  return ratios;
})()`;

/** Contrast by what stands on what; 4.5 is enough for text (WCAG 2.2, 1.4.3). */
export async function contrasts(page: Page): Promise<Record<string, number>> {
  return (await page.evaluate(CONTRAST)) as Record<string, number>;
}
