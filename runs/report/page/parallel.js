// Parallel coordinates: objectives and parameters side by side, one line a candidate. Drag along an axis to filter.
import { createChart, tooltipStyle } from './chart.js';
import { h } from './dom.js';
import { axisUnit, labelOf } from './format.js';
import { sentence } from './scatter.js';
import { columnOf, metricOf } from './state.js';

/** Candidates off the front that are drawn faintly behind it. */
const MOST_BEHIND = 300;
const MOST_AXES = 9;

/** @param {ReportData} data @param {import('./state.js').State} state */
export function parallelSection(data, state) {
  let current = data;
  const chart = createChart({
    className: 'chart-parallel',
    label: () =>
      `Parallel coordinates of ${current.front.nMembers} candidates on the front over ${axesOf(current).map(labelOf).join(', ')}. The table of the front holds the same values.`,
    option: (colours) => parallelOption(current, state.get().candidate, colours),
    onPick: ({ data: line }) => {
      if (typeof line?.candidate === 'number') state.set({ candidate: line.candidate });
    },
  });
  state.listen((choices, before) => {
    if (choices.candidate !== before.candidate) chart.draw();
  });
  return {
    element: h(
      'div',
      { class: 'wide-scroll', tabindex: 0, role: 'region', 'aria-label': 'Parallel coordinates' },
      chart.element,
    ),
    draw: chart.draw,
    /** @param {ReportData} next */
    update: (next) => {
      current = next;
      chart.draw();
    },
  };
}

/** @param {ReportData} data */
function axesOf({ objectives, points, metrics }) {
  const extra = metrics
    .map(({ name }) => name)
    .filter((name) => name === 'parameters' && !objectives.includes(name));
  return [...objectives, ...extra, ...Object.keys(points.genes)].slice(0, MOST_AXES);
}

/** @param {ReportData} data @param {number | undefined} chosen @param {import('./chart.js').Palette} colours */
function parallelOption(data, chosen, colours) {
  const axes = axesOf(data).map((name) => {
    const column = columnOf(data, name);
    const isCategory = column.some((value) => typeof value === 'string');
    const unit = isCategory
      ? { factor: 1, suffix: '' }
      : axisUnit(metricOf(data, name)?.unit ?? '', column.map(Number));
    return { name, column, isCategory, ...unit };
  });
  const { standing, candidate } = data.points;
  const behind = standing.flatMap((each, at) => (each === 1 ? [at] : []));
  const step = Math.max(1, behind.length / MOST_BEHIND);
  const kept = Array.from(
    { length: Math.min(behind.length, MOST_BEHIND) },
    (_, at) => behind[Math.floor(at * step)] ?? 0,
  );
  const front = standing.flatMap((each, at) => (each === 0 ? [at] : []));
  /** @param {number} at */
  const line = (at) => ({
    value: axes.map(({ column, factor, isCategory }) =>
      isCategory ? column[at] : Number(column[at]) / factor,
    ),
    candidate: candidate[at],
  });
  return {
    tooltip: {
      ...tooltipStyle(colours),
      trigger: 'item',
      formatter: (/** @type {any} */ { data: item }) =>
        item?.candidate === undefined ? '' : h('div', { class: 'tip' }, sentence(data, item.candidate)),
    },
    parallel: {
      left: 48,
      right: 56,
      top: 56,
      bottom: 28,
      parallelAxisDefault: {
        areaSelectStyle: { color: colours.accent, borderColor: colours.accent, opacity: 0.2, width: 16 },
      },
    },
    parallelAxis: axes.map(({ name, isCategory, column, suffix }, dim) => ({
      dim,
      name: `${labelOf(name)}${suffix === '' ? '' : `\n${suffix}`}`,
      nameTextStyle: { color: colours.text, fontSize: 12, lineHeight: 15 },
      nameGap: 14,
      type: isCategory ? 'category' : 'value',
      ...(isCategory ? { data: [...new Set(column)] } : { scale: true }),
      ...(column.every(Number.isInteger) ? { minInterval: 1 } : {}),
      inverse: metricOf(data, name)?.better === 'lower',
      nameLocation: metricOf(data, name)?.better === 'lower' ? 'start' : 'end',
      z: 20,
      axisLine: { lineStyle: { color: colours.line } },
      axisTick: { show: false },
      axisLabel: {
        color: colours.muted,
        fontSize: 11,
        textBorderColor: colours.page,
        textBorderWidth: 3,
        formatter: isCategory
          ? undefined
          : (/** @type {number} */ value) => String(Number(value.toPrecision(3))),
      },
    })),
    series: [
      {
        type: 'parallel',
        silent: true,
        lineStyle: { color: colours.muted, width: 1, opacity: 0.16 },
        data: kept.map(line),
      },
      {
        type: 'parallel',
        lineStyle: { color: colours.accent, width: 1.75, opacity: 0.7 },
        data: front.filter((at) => candidate[at] !== chosen).map(line),
      },
      {
        type: 'parallel',
        z: 5,
        lineStyle: { color: colours.warm, width: 3.5, opacity: 1 },
        data: candidate.flatMap((each, at) => (each === chosen ? [line(at)] : [])),
      },
    ],
  };
}
