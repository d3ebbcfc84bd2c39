// The points of the scatter, layer by layer, and which of them a reader points at.
import { axisUnit } from './format.js';
import { columnOf, metricOf } from './state.js';

export const STANDING_LABELS = [
  'On the front',
  'Dominated',
  'Stopped at a lower rung',
  'Breaks a constraint',
];
export const STANDING_NAMES = ['front', 'dominated', 'lower', 'outside'];

/** @typedef {{ value: unknown[], candidate: number | undefined, at: number }} Point */

/**
 * The points of each standing that are drawn, in the units of the axes; hidden standings are empty.
 * @param {ReportData} data
 * @param {import('./state.js').Choices} choices
 */
export function pointLayers(data, { x, y, colour, hidden }) {
  const xs = /** @type {readonly (number | null)[]} */ (columnOf(data, x));
  const ys = /** @type {readonly (number | null)[]} */ (columnOf(data, y));
  const cs = colour === '' ? [] : columnOf(data, colour);
  const unitX = axisUnit(metricOf(data, x)?.unit ?? '', xs.map(Number));
  const unitY = axisUnit(metricOf(data, y)?.unit ?? '', ys.map(Number));
  /** @type {Point[][]} */
  const layers = STANDING_NAMES.map(() => []);
  for (const [at, standing] of data.points.standing.entries()) {
    const [px, py] = [xs[at], ys[at]];
    if (px == null || py == null || hidden.has(STANDING_NAMES[standing] ?? '')) continue;
    const value = [px / unitX.factor, py / unitY.factor, cs[at]];
    layers[standing]?.push({ value, candidate: data.points.candidate[at], at });
  }
  return { layers, unitX, unitY };
}

/** The point that an event or a tooltip of the chart is about. @param {ReportData} data @param {import('./state.js').Choices} choices @param {any} item @returns {Point | undefined} */
export function pointOf(data, choices, item) {
  if (typeof item.data?.at === 'number') return item.data;
  const standing = STANDING_NAMES.indexOf(item.seriesId);
  return standing < 0 ? undefined : pointLayers(data, choices).layers[standing]?.[item.dataIndex];
}
