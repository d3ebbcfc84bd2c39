// How the scatter is drawn: layers of points, the front's line, limits, names of the knee and the ends.
import { axisStyle, staircase, tooltipStyle } from './chart.js';
import { h } from './dom.js';
import { formatUnit, labelOf, marksText } from './format.js';
import { pointLayers, pointOf, STANDING_LABELS, STANDING_NAMES } from './scatter-points.js';
import { columnOf, metricOf } from './state.js';

/** @typedef {import('./chart.js').Palette} Palette */
/** @typedef {import('./scatter-points.js').Point} Point */

/** More points than this are drawn without outlines, all at once. */
const LARGE = 3000;

/** @param {ReportData} data @param {import('./state.js').Choices} choices @param {Palette} colours @param {number} width */
export function scatterOption(data, choices, colours, width) {
  const { x, y, colour } = choices;
  const { layers, unitX, unitY } = pointLayers(data, choices);
  const [front = [], dominated = [], lower = [], outside = []] = layers;
  const shown = layers.flat();
  const isLarge = shown.length > LARGE;
  const at = front.map((point) => point.at);
  const coloured = colouring(data, colour, colour === '' ? [] : columnOf(data, colour), at, colours);
  /** @param {number} standing @param {readonly Point[]} points @param {object} style @param {object} more */
  const layer = (standing, points, style, more) => ({
    type: 'scatter',
    id: STANDING_NAMES[standing],
    // Drawn all at once a point is bare numbers: what it stands for is found by its position.
    data: isLarge && standing > 0 ? points.map(({ value }) => value.slice(0, 2)) : points,
    large: isLarge && standing > 0,
    itemStyle: style,
    cursor: 'pointer',
    ...more,
  });
  return {
    grid: {
      left: 12,
      right: width < 520 ? 14 : 28,
      top: coloured === undefined ? 40 : 66,
      bottom: 44,
      containLabel: true,
    },
    tooltip: {
      ...tooltipStyle(colours),
      trigger: 'item',
      formatter: (/** @type {any} */ item) => tip(data, item, choices),
    },
    xAxis: {
      ...axis(colours, x, unitX, choices.logX, 'middle', 30),
      ...span(choices, front, dominated, 0, colours),
    },
    yAxis: {
      ...axis(colours, y, unitY, choices.logY, 'end', 16),
      ...span(choices, front, dominated, 1, colours),
    },
    ...(coloured === undefined
      ? {}
      : { visualMap: { ...coloured, left: width < 520 ? 'center' : 'right', top: 0 } }),
    series: [
      layer(
        3,
        outside,
        { color: 'transparent', borderColor: colours.danger, opacity: 0.55 },
        { symbol: 'diamond', symbolSize: 6 },
      ),
      layer(2, lower, { color: 'transparent', borderColor: colours.muted, opacity: 0.5 }, { symbolSize: 5 }),
      layer(1, dominated, { color: colours.muted, opacity: 0.5 }, { symbolSize: 6 }),
      frontLine(data, choices, front, colours),
      layer(
        0,
        front,
        { color: colours.accent, borderColor: colours.surface, borderWidth: 1.5 },
        { symbolSize: 13, z: 5 },
      ),
      limits(data, x, y, unitX, unitY, colours),
      markLabels(data, choices, front, colours, width),
      {
        type: 'scatter',
        ...chosenSeries(shown, choices),
        itemStyle: { color: 'transparent', borderColor: colours.text, borderWidth: 2 },
        symbolSize: 21,
        z: 6,
        silent: true,
      },
    ],
  };
}

/** The ring around the chosen candidate. @param {readonly Point[]} shown @param {import('./state.js').Choices} choices */
export function chosenSeries(shown, choices) {
  return { id: 'chosen', data: shown.filter(({ candidate }) => candidate === choices.candidate) };
}

/** @param {Palette} colours @param {string} name @param {{ suffix: string }} unit @param {boolean} isLog @param {string} place @param {number} gap */
function axis(colours, name, { suffix }, isLog, place, gap) {
  return {
    ...axisStyle(colours),
    type: isLog ? 'log' : 'value',
    scale: true,
    name: `${labelOf(name)}${suffix === '' ? '' : ` (${suffix})`}`,
    nameLocation: place,
    nameGap: gap,
    nameTextStyle: {
      color: colours.text,
      fontSize: 12.5,
      fontWeight: 500,
      ...(place === 'end' ? { align: 'left' } : {}),
    },
  };
}

/**
 * What an axis spans around the front: the front with room to see what it beats.
 * @param {import('./state.js').Choices} choices
 * @param {readonly { value: readonly unknown[] }[]} front
 * @param {readonly { value: readonly unknown[] }[]} dominated
 * @param {number} k
 * @param {Palette} colours
 */
function span({ view, logX, logY }, front, dominated, k, colours) {
  if (view === 'all' || front.length === 0) return {};
  const values = front.map(({ value }) => Number(value[k]));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const beaten = dominated.map(({ value }) => Number(value[k])).sort((a, b) => a - b);
  const room = (high - low || Math.abs(high) || 1) * 0.12;
  // Four in five dominated points, but no more than twice the front's own width.
  const most = Math.min(beaten[Math.floor(0.8 * beaten.length)] ?? high, high + (high - low));
  const least = Math.max(beaten[Math.floor(0.2 * beaten.length)] ?? low, low - (high - low));
  const [min, max] = [Math.min(low, least) - room, Math.max(high, most) + room];
  const axisLabel = {
    ...axisStyle(colours).axisLabel,
    showMinLabel: false,
    showMaxLabel: false,
    // The ends are not round; unseen, they would still make room for all their digits.
    formatter: (/** @type {number} */ value) => String(Number(value.toPrecision(4))),
  };
  return { min: (k === 0 ? logX : logY) ? Math.max(min, low / 1.5) : min, max, axisLabel };
}

/** The colour scale of the front's points. @param {ReportData} data @param {string} name @param {readonly unknown[]} values @param {readonly number[]} at @param {Palette} colours */
function colouring(data, name, values, at, colours) {
  if (name === '' || at.length === 0) return undefined;
  const shared = {
    seriesId: 'front',
    dimension: 2,
    orient: 'horizontal',
    textStyle: { color: colours.muted, fontSize: 11.5 },
  };
  const kept = at.map((position) => values[position]);
  if (kept.some((value) => typeof value === 'string')) {
    return {
      ...shared,
      type: 'piecewise',
      categories: [...new Set(kept)],
      inRange: { color: colours.series },
    };
  }
  const numbers = kept.map(Number);
  const [min, max] = [Math.min(...numbers), Math.max(...numbers)];
  const unit = metricOf(data, name)?.unit ?? '';
  return {
    ...shared,
    type: 'continuous',
    min,
    max: max === min ? min + 1e-9 : max,
    text: [formatUnit(unit, max), `${labelOf(name)} ${formatUnit(unit, min)}`],
    itemWidth: 10,
    itemHeight: 110,
    inRange: { color: colours.scale },
  };
}

/** Two objectives make the front a staircase. @param {ReportData} data @param {import('./state.js').Choices} choices @param {{ value: unknown[] }[]} front @param {Palette} colours */
function frontLine(data, { x, y }, front, colours) {
  const isWhole = data.objectives.length === 2 && data.objectives.every((name) => name === x || name === y);
  const points = isWhole ? front.map(({ value }) => [Number(value[0]), Number(value[1])]) : [];
  return staircase(points, metricOf(data, x)?.better, { color: colours.accent, opacity: 0.6 });
}

/** Constraints on either axis: the limit as a dashed line, what lies beyond it shaded. @param {ReportData} data @param {string} x @param {string} y @param {{ factor: number }} unitX @param {{ factor: number }} unitY @param {Palette} colours */
function limits(data, x, y, unitX, unitY, colours) {
  const drawn = data.constraints.flatMap(({ text, metric, side, limit }) => {
    const key = metric === x ? 'xAxis' : metric === y ? 'yAxis' : undefined;
    if (key === undefined || limit === undefined) return [];
    return [{ key, side, text, at: limit / (key === 'xAxis' ? unitX : unitY).factor }];
  });
  return {
    type: 'scatter',
    data: [],
    silent: true,
    markLine: {
      silent: true,
      symbol: 'none',
      lineStyle: { color: colours.danger, type: 'dashed', width: 1 },
      label: {
        color: colours.danger,
        fontSize: 11.5,
        formatter: ({ name = '' }) => name,
        position: 'end',
      },
      data: drawn.map(({ key, text, at }) => ({ [key]: at, name: text })),
    },
    markArea: {
      silent: true,
      itemStyle: { color: colours.danger, opacity: 0.05 },
      data: drawn.map(({ key, side, at }) =>
        side === 'above' ? [{ [key]: at }, { [key]: 'max' }] : [{ [key]: 'min' }, { [key]: at }],
      ),
    },
  };
}

/** On the side where nothing lies: what would be there would be better in both quantities. @param {ReportData} data @param {import('./state.js').Choices} choices */
function kneeLabel(data, { x, y }) {
  const isLeft = metricOf(data, x)?.better === 'lower';
  return {
    position: metricOf(data, y)?.better === 'lower' ? 'bottom' : 'top',
    align: isLeft ? 'right' : 'left',
    offset: [isLeft ? -8 : 8, 0],
  };
}

/** The knee and the ends by name. @param {ReportData} data @param {import('./state.js').Choices} choices @param {{ value: unknown[], candidate: number | undefined }[]} front @param {Palette} colours @param {number} width */
function markLabels(data, choices, front, colours, width) {
  const places = front.map(({ value }) => Number(value[0]));
  const [left, right] = [Math.min(...places), Math.max(...places)];
  const marked = front.flatMap(({ value, candidate }) => {
    const marks = data.members.find((member) => member.candidate === candidate)?.marks;
    if (marks === undefined || marks === '') return [];
    const place = (Number(value[0]) - left) / (right - left || 1);
    const text = marksText(marks);
    if (marks === 'knee') return [{ value: value.slice(0, 2), name: text, label: kneeLabel(data, choices) }];
    // Towards the middle, so that no name is cut off at an edge.
    const align = place < 0.33 ? 'left' : place > 0.67 ? 'right' : 'center';
    const offset = align === 'left' ? [-6, 0] : align === 'right' ? [6, 0] : [0, 0];
    return [
      {
        value: value.slice(0, 2),
        name: width < 520 ? text.replaceAll(', ', '\n') : text,
        label: { align, offset },
      },
    ];
  });
  return {
    type: 'scatter',
    silent: true,
    symbolSize: 13,
    itemStyle: { color: 'transparent' },
    data: marked,
    label: {
      show: true,
      position: 'top',
      distance: 7,
      formatter: ({ name = '' }) => name,
      color: colours.text,
      fontSize: 11.5,
      fontWeight: 500,
      textBorderColor: colours.page,
      textBorderWidth: 3,
    },
    labelLayout: { hideOverlap: true, moveOverlap: 'shiftY' },
    z: 7,
  };
}

/** @param {ReportData} data @param {any} item @param {import('./state.js').Choices} choices */
function tip(data, item, choices) {
  const { x, y, colour } = choices;
  const at = pointOf(data, choices, item)?.at;
  if (at === undefined) return '';
  const { candidate, standing, rung, shape } = data.points;
  const names = [...new Set([x, y, ...(colour === '' ? [] : [colour]), ...data.objectives])];
  return h(
    'div',
    { class: 'tip' },
    h('strong', {}, `Candidate ${candidate[at]}`),
    h(
      'span',
      { class: 'muted' },
      ` ${(STANDING_LABELS[standing[at] ?? 0] ?? '').toLowerCase()}, rung ${rung[at]}`,
    ),
    h(
      'dl',
      {},
      names.flatMap((name) => {
        const value = columnOf(data, name)[at];
        const text = typeof value === 'string' ? value : formatUnit(metricOf(data, name)?.unit ?? '', value);
        return [h('dt', {}, labelOf(name)), h('dd', {}, text)];
      }),
    ),
    h('p', {}, shape[at]),
  );
}
