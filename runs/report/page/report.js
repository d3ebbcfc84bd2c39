// The page of one run, put together; `serve` brings it up to date while the run goes on.
import { importanceSection, rejectedSection, reproduceSection } from './account.js';
import { candidateSection, costsAreOf } from './candidate.js';
import { redrawCharts } from './chart.js';
import { chooseSection, frontTable } from './choose.js';
import { courseSection, surrogateSection } from './course.js';
import { fill, h, segmented } from './dom.js';
import { algorithmLabel, formatUnit, formatWhole, lowerLabel } from './format.js';
import { parallelSection } from './parallel.js';
import { scatterSection } from './scatter.js';
import { speculationSection } from './speculation.js';
import { createState, initialChoices } from './state.js';
import { formatDuration } from './units.js';

/**
 * @param {HTMLElement} root
 * @param {ReportData} data
 * @param {import('./candidate.js').FetchMember} [fetchMember]
 */
export function createReport(root, data, fetchMember) {
  const state = createState(initialChoices(data));
  const heading = h('div');
  const tiles = h('dl', { class: 'tiles' });
  const renderHeading = (/** @type {ReportData} */ next) => {
    fill(heading, headingOf(next));
    fill(tiles, tilesOf(next));
  };
  renderHeading(data);
  const sections = [
    section(
      'choose',
      'Which model to take',
      chooseSection(data, state),
      `Start from the knee: before it, a little of one objective buys much of another; beyond it, it does not. ${costsAreOf(data)}`,
    ),
    section(
      'front',
      'The front',
      joined(scatterSection(data, state), frontTable(data, state)),
      'No candidate is as good as a member of the front in every objective and better in one. Hover or use the arrow keys for a genome, click to choose it.',
    ),
    section('candidate', 'The chosen candidate', candidateSection(data, state, fetchMember)),
    section(
      'parallel',
      'Side by side',
      parallelSection(data, state),
      'One line a candidate; up is better for metrics. Drag along an axis to filter, click a line to choose it.',
    ),
    section(
      'speculation',
      'Where speculation pays',
      speculationSection(data, state),
      'A draft proposes tokens, the target verifies them in one pass: what is sampled stays the same, only the time changes.',
      ({ members }) => members.some(({ outlook }) => outlook !== undefined),
    ),
    section('course', 'How the search went', courseSection(data)),
    section(
      'surrogate',
      'How well the search foretold losses',
      surrogateSection(data),
      undefined,
      ({ surrogate }) => surrogate.length > 0,
    ),
    section('importance', 'What matters', importanceSection(data)),
    section('rejected', 'What was rejected, and why', rejectedSection(data)),
    section('reproduce', 'Repeat this run', reproduceSection(data)),
  ];
  root.replaceChildren(
    heading,
    tiles,
    h(
      'nav',
      { class: 'contents', 'aria-label': 'Sections' },
      sections.map(({ link }) => link),
    ),
    ...sections.map(({ element }) => element),
  );
  for (const each of sections) {
    each.show(data);
    each.draw();
  }
  return {
    /** @param {ReportData} next */
    update: (next) => {
      renderHeading(next);
      if (state.get().candidate === undefined) state.set({ candidate: initialChoices(next).candidate });
      for (const each of sections) {
        each.show(next);
        each.update(next);
      }
    },
  };
}

/**
 * @typedef {object} Part
 * @property {HTMLElement} element
 * @property {() => void} [draw] called once the element is in the page
 * @property {(data: ReportData) => void} [update]
 */

/**
 * @param {string} id
 * @param {string} title
 * @param {Part} part
 * @param {string} [lead]
 * @param {(data: ReportData) => boolean} [isOf] whether there is anything to tell; a live page may come to it later
 */
function section(id, title, part, lead, isOf = () => true) {
  const link = h('a', { href: `#${id}` }, title);
  const element = h(
    'section',
    { id, 'aria-labelledby': `${id}-title` },
    h('h2', { id: `${id}-title` }, title),
    lead === undefined ? undefined : h('p', { class: 'lead' }, lead),
    part.element,
  );
  return {
    link,
    element,
    /** @param {ReportData} data */
    show: (data) => {
      element.hidden = !isOf(data);
      link.hidden = element.hidden;
    },
    draw: () => part.draw?.(),
    update: (/** @type {ReportData} */ data) => part.update?.(data),
  };
}

/** @param {...Part} parts @returns {Part} */
function joined(...parts) {
  return {
    element: h(
      'div',
      { class: 'stack' },
      parts.map(({ element }) => element),
    ),
    draw: () => {
      for (const { draw } of parts) draw?.();
    },
    update: (data) => {
      for (const { update } of parts) update?.(data);
    },
  };
}

/** @param {ReportData} data */
function headingOf({ run }) {
  const started = new Date(run.createdAt);
  return [
    h('h1', {}, run.name, ' ', h('span', { class: `state state-${run.state}` }, run.state)),
    h(
      'p',
      { class: 'muted' },
      `Run ${run.id}, started ${started.toISOString().slice(0, 16).replace('T', ' ')} UTC. ${algorithmLabel(run.algorithm)} search with seed ${run.seed} on ${run.corpus}; deployed on ${run.accelerator}.`,
    ),
  ];
}

/** @param {ReportData} data */
function tilesOf({ run, front, members, objectives, metrics }) {
  /** @type {[string, string, string][]} */
  const tiles = [
    ['On the front', formatWhole(front.nMembers), `of ${formatWhole(run.nCandidates)} candidates`],
    ['Hypervolume', front.hypervolume.toFixed(4), `generation ${front.generation}`],
    [
      'Evaluations',
      formatWhole(run.nEvaluations),
      `${run.rungs.length} ${run.rungs.length === 1 ? 'rung' : 'rungs'}, up to ${formatWhole(run.rungs.at(-1) ?? 0)} steps`,
    ],
    ['Training', formatDuration(run.trainingSeconds), 'all threads together'],
  ];
  for (const name of objectives.slice(0, 3)) {
    const at = front.best.find(({ metric }) => metric === name)?.at;
    const member = at === undefined ? undefined : members[at];
    if (member === undefined) continue;
    const unit = metrics.find((metric) => metric.name === name)?.unit ?? '';
    tiles.push([
      `Best ${lowerLabel(name)}`,
      formatUnit(unit, member.values[name]),
      `${unit === 'bitsPerByte' ? 'bits/byte, ' : ''}no. ${member.candidate}`,
    ]);
  }
  return tiles.map(([label, value, detail]) =>
    h('div', {}, h('dt', {}, label), h('dd', {}, h('strong', {}, value), h('span', {}, detail))),
  );
}

/** Light, dark, or what the system says; remembered where the browser lets us. */
export function themeSwitch() {
  const stored = readTheme();
  if (stored !== 'auto') document.documentElement.dataset.theme = stored;
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redrawCharts);
  return segmented(
    'Theme',
    [
      { value: 'auto', text: 'Auto' },
      { value: 'light', text: 'Light' },
      { value: 'dark', text: 'Dark' },
    ],
    stored,
    (value) => {
      if (value === 'auto') delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = value;
      try {
        localStorage.setItem('paretoformer-theme', value);
      } catch {}
      redrawCharts();
    },
  );
}

function readTheme() {
  try {
    const stored = localStorage.getItem('paretoformer-theme');
    return stored === 'light' || stored === 'dark' ? stored : 'auto';
  } catch {
    return 'auto';
  }
}
