// A chart in a figure: sized with its container, redrawn with the theme, named for screen readers.
import { h } from './dom.js';

/** @returns {Echarts} */
function library() {
  return /** @type {any} */ (globalThis).echarts;
}

/** @type {Set<() => void>} */
const redraws = new Set();

/** Colours of the current theme, resolved. */
export function palette() {
  const probe = h('i');
  document.body.append(probe);
  /** @param {string} name */
  const colour = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const colours = {
    text: colour('text'),
    muted: colour('muted'),
    line: colour('line'),
    faint: colour('faint'),
    surface: colour('surface'),
    page: colour('page'),
    accent: colour('accent'),
    warm: colour('warm'),
    danger: colour('danger'),
    scale: [0, 1, 2, 3, 4].map((at) => colour(`scale-${at}`)),
    series: [0, 1, 2, 3, 4, 5].map((at) => colour(`series-${at}`)),
  };
  probe.remove();
  return colours;
}

/** @typedef {ReturnType<typeof palette>} Palette */

/** Draws every chart again, after a change of theme. */
export function redrawCharts() {
  for (const redraw of redraws) redraw();
}

/**
 * @param {object} options
 * @param {string} options.className decides the height
 * @param {() => string} options.label what the chart shows, in words
 * @param {(colours: Palette, width: number) => ChartOption} options.option
 * @param {(item: any) => void} [options.onPick] something drawn was clicked
 */
export function createChart({ className, label, option, onPick }) {
  const canvas = h('div', { class: `chart ${className}`, role: 'img' });
  /** @type {ReturnType<Echarts['init']> | undefined} */
  let chart;
  const draw = () => {
    if (!canvas.isConnected || canvas.clientWidth === 0) return;
    if (chart === undefined) {
      chart = library().init(canvas, undefined, { renderer: 'canvas' });
      chart.on('click', (item) => onPick?.(item));
    }
    chart.setOption(
      {
        animation: false,
        textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
        aria: { enabled: true, label: { description: label() } },
        ...option(palette(), canvas.clientWidth),
      },
      { notMerge: true },
    );
    canvas.setAttribute('aria-label', label());
  };
  let width = 0;
  new ResizeObserver(() => {
    if (canvas.clientWidth === width) return;
    width = canvas.clientWidth;
    chart?.resize();
    draw();
  }).observe(canvas);
  redraws.add(draw);
  return {
    element: canvas,
    draw,
    /** Changes a part of what is drawn. @param {ChartOption} change */
    patch: (change) => chart?.setOption(change),
  };
}

/** What all axes share. @param {Palette} colours */
export function axisStyle(colours) {
  return {
    nameTextStyle: { color: colours.muted, fontSize: 12 },
    axisLabel: { color: colours.muted, fontSize: 11.5, hideOverlap: true },
    axisLine: { show: true, lineStyle: { color: colours.line } },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: colours.faint } },
    minorSplitLine: { show: false },
  };
}

/** What all tooltips share; content is always an element. @param {Palette} colours */
export function tooltipStyle(colours) {
  return {
    backgroundColor: colours.surface,
    borderColor: colours.line,
    borderWidth: 1,
    padding: [10, 12],
    textStyle: { color: colours.text, fontSize: 12.5 },
    confine: true,
    extraCssText:
      'box-shadow: 0 4px 16px rgb(0 0 0 / 14%); border-radius: 8px; max-width: 340px; white-space: normal;',
  };
}

/** What lines over a growing search share: room, legend, tooltip and the axis below. @param {Palette} colours @param {string} name of the axis */
export function courseStyle(colours, name) {
  const axis = axisStyle(colours);
  return {
    grid: { left: 8, right: 20, top: 44, bottom: 40, containLabel: true },
    legend: {
      top: 0,
      right: 0,
      textStyle: { color: colours.text },
      itemWidth: 14,
      icon: 'roundRect',
      itemHeight: 3,
    },
    tooltip: { ...tooltipStyle(colours), trigger: 'axis' },
    xAxis: {
      ...axis,
      type: 'value',
      min: 0,
      max: 'dataMax',
      axisLabel: { ...axis.axisLabel, showMaxLabel: false },
      splitLine: { show: false },
      name,
      nameLocation: 'middle',
      nameGap: 26,
    },
  };
}

/** An upright axis beside it. @param {Palette} colours @param {string} name @param {object} [more] */
export function courseAxis(colours, name, more = {}) {
  return {
    ...axisStyle(colours),
    type: 'value',
    min: 0,
    name,
    nameTextStyle: { color: colours.muted, align: 'left' },
    ...more,
  };
}

/** A line of such a chart; few points are marked. @param {string | undefined} color @param {number} nPoints */
export function courseLine(color, nPoints) {
  return { type: 'line', color, symbolSize: 5, showSymbol: nPoints < 60, lineStyle: { width: 2 } };
}

/**
 * A series that draws the staircase of a front: beside each point, what it beats. ECharts' own steps leave out corners
 * that are less than two pixels from the next, and so draw slopes.
 * @param {readonly (readonly number[])[]} points
 * @param {'higher' | 'lower' | undefined} better of the first quantity
 * @param {object} lineStyle
 */
export function staircase(points, better, lineStyle) {
  const sorted = [...points].sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0));
  const coords = sorted.flatMap((point, at) => {
    const [x, y] = point;
    const [nextX, nextY] = sorted[at + 1] ?? [];
    if (nextX === undefined) return [point];
    return [point, better === 'higher' ? [x, nextY] : [nextX, y]];
  });
  return {
    type: 'lines',
    coordinateSystem: 'cartesian2d',
    polyline: true,
    // Not on a canvas of its own.
    zlevel: 0,
    silent: true,
    lineStyle: { width: 1.5, ...lineStyle },
    data: coords.length < 2 ? [] : [{ coords }],
  };
}
