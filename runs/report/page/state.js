// What the reader has chosen; sections listen.

/**
 * @typedef {object} Choices
 * @property {number | undefined} candidate the chosen candidate
 * @property {string} x
 * @property {string} y
 * @property {string} colour a metric, a parameter or ''
 * @property {'front' | 'all'} view what the axes of the scatter span
 * @property {boolean} logX
 * @property {boolean} logY
 * @property {ReadonlySet<string>} hidden standings that are not drawn
 */

/** @param {ReportData} data */
export function initialChoices(data) {
  const { objectives, members, front, metrics } = data;
  const chosen = members[front.knee ?? front.best[0]?.at ?? 0]?.candidate;
  const x = objectives.find((name) => name !== 'loss') ?? metrics[1]?.name ?? objectives[0] ?? '';
  const y = objectives.find((name) => name !== x) ?? metrics.find(({ name }) => name !== x)?.name ?? x;
  const colour = objectives.find((name) => name !== x && name !== y) ?? '';
  /** @type {Choices} */
  const choices = {
    candidate: chosen,
    x,
    y,
    colour,
    view: 'front',
    logX: false,
    logY: false,
    hidden: new Set(),
  };
  return choices;
}

/** @param {Choices} initial */
export function createState(initial) {
  let current = initial;
  /** @type {Set<(choices: Choices, before: Choices) => void>} */
  const listeners = new Set();
  return {
    get: () => current,
    /** @param {Partial<Choices>} change */
    set: (change) => {
      const before = current;
      current = { ...current, ...change };
      for (const listen of listeners) listen(current, before);
    },
    /** @param {(choices: Choices, before: Choices) => void} listen */
    listen: (listen) => void listeners.add(listen),
  };
}

/** @typedef {ReturnType<typeof createState>} State */

/** Positions of every candidate's point. @param {ReportData} data */
export function pointIndex(data) {
  return new Map(data.points.candidate.map((candidate, at) => [candidate, at]));
}

/** @param {ReportData} data @param {string} name @returns {MetricView | undefined} */
export function metricOf(data, name) {
  return data.metrics.find((metric) => metric.name === name);
}

/** Values of a metric or a parameter, point by point. @param {ReportData} data @param {string} name @returns {readonly (number | string | null)[]} */
export function columnOf(data, name) {
  const { values, genes } = data.points;
  const columns = /** @type {Record<string, readonly (number | string | null)[]>} */ ({
    ...genes,
    ...values,
  });
  return columns[name] ?? [];
}
