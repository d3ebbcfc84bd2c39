// How the run went: hypervolume over evaluations and over trained tokens, and how well the search foretold losses.
import { courseAxis, courseLine, courseStyle, createChart } from './chart.js';
import { fill, h } from './dom.js';
import { capitalised, formatUnit, formatWhole } from './format.js';
import { disclosure, table } from './table.js';

/** @param {ReportData} data */
export function courseSection(data) {
  let current = data;
  const tables = h('div');
  const charts = /** @type {const} */ (['evaluations', 'tokens']).map((key) =>
    createChart({
      className: 'chart-course',
      label: () => courseLabel(current, key),
      option: (colours) => courseOption(current.course, key, colours),
    }),
  );
  const render = () =>
    fill(
      tables,
      disclosure('Hypervolume as a table', () =>
        table({
          caption: 'Hypervolume after every generation',
          columns: [
            {
              label: 'Generation',
              cell: ({ generation }) => generation,
              sort: ({ generation }) => generation,
            },
            {
              label: 'Evaluations',
              cell: ({ evaluations }) => formatWhole(evaluations),
              sort: ({ evaluations }) => evaluations,
            },
            {
              label: 'Trained tokens',
              cell: ({ tokens }) => formatUnit('count', tokens),
              sort: ({ tokens }) => tokens,
            },
            { label: 'Rung', cell: ({ rung }) => rung, sort: ({ rung }) => rung },
            {
              label: 'Hypervolume',
              cell: ({ hypervolume }) => hypervolume.toFixed(4),
              sort: ({ hypervolume }) => hypervolume,
            },
          ],
          rows: current.course,
        }),
      ),
    );
  render();
  return {
    element: h(
      'div',
      {},
      h(
        'div',
        { class: 'columns even' },
        h('figure', {}, h('figcaption', {}, 'Over evaluations'), charts[0]?.element),
        h('figure', {}, h('figcaption', {}, 'Over trained tokens'), charts[1]?.element),
      ),
      h(
        'p',
        { class: 'note' },
        'Share of the box between ideal and reference that the front dominates: 0 to 1, more is better. A new rung compares its own members, with longer training, so the curve starts anew there. It stays 0 while no member beats the reference in every objective; of the loss that is the entropy of single bytes.',
      ),
      current.lossForecasts === undefined
        ? undefined
        : h('p', { class: 'note' }, `${capitalised(current.lossForecasts)}.`),
      tables,
    ),
    draw: () => {
      for (const { draw } of charts) draw();
    },
    /** @param {ReportData} next */
    update: (next) => {
      current = next;
      render();
      for (const { draw } of charts) draw();
    },
  };
}

/** @param {ReportData} data @param {'evaluations' | 'tokens'} key */
function courseLabel({ course }, key) {
  const last = course.at(-1);
  return last === undefined
    ? 'No generation yet'
    : `Hypervolume over ${key}: ${last.hypervolume.toFixed(4)} after ${formatWhole(last[key])}`;
}

/** One line a rung. @param {ReportData['course']} course @param {'evaluations' | 'tokens'} key @param {import('./chart.js').Palette} colours */
function courseOption(course, key, colours) {
  const rungs = [...new Set(course.map(({ rung }) => rung))];
  const factor = key === 'tokens' ? 1e6 : 1;
  const style = courseStyle(colours, key === 'tokens' ? 'million tokens' : 'evaluations');
  return {
    ...style,
    legend: rungs.length < 2 ? undefined : style.legend,
    tooltip: {
      ...style.tooltip,
      formatter: (/** @type {any} */ items) => {
        const point = items[0]?.data?.point;
        if (point === undefined) return '';
        return h(
          'div',
          { class: 'tip' },
          h('strong', {}, point.hypervolume.toFixed(4)),
          h(
            'p',
            {},
            `generation ${point.generation}, ${point.evaluations} evaluations, ${formatUnit('count', point.tokens)} tokens, rung ${point.rung}`,
          ),
        );
      },
    },
    yAxis: courseAxis(colours, 'hypervolume'),
    series: rungs.map((rung, at) => ({
      ...courseLine(colours.series[at % colours.series.length], course.length),
      name: `rung ${rung}`,
      data: course
        .filter((point) => point.rung === rung)
        .map((point) => ({ value: [point[key] / factor, point.hypervolume], point })),
    })),
  };
}

/** @param {ReportData} data */
export function surrogateSection(data) {
  let current = data;
  const tables = h('div');
  const chart = createChart({
    className: 'chart-course',
    label: () => `Error of the search's forecasts, ${current.surrogate.length} fits`,
    option: (colours) => surrogateOption(current.surrogate, colours),
  });
  const render = () =>
    fill(
      tables,
      disclosure('Forecasts as a table', () =>
        table({
          caption: 'How well the search foretold what it then measured',
          columns: [
            {
              label: 'Candidates',
              cell: ({ nCandidates }) => nCandidates,
              sort: ({ nCandidates }) => nCandidates,
            },
            { label: 'Fitted to', cell: ({ nObservations }) => nObservations },
            { label: 'Compared', cell: ({ nCompared }) => nCompared },
            { label: 'Error (RMS)', cell: ({ rootMeanSquareError }) => formatUnit('', rootMeanSquareError) },
            { label: 'Rank correlation', cell: ({ kendallTau }) => kendallTau.toFixed(3) },
            { label: 'Within 2 sigma', cell: ({ coverage }) => `${Math.round(100 * coverage)} %` },
          ],
          rows: current.surrogate,
        }),
      ),
    );
  render();
  return {
    element: h(
      'div',
      {},
      chart.element,
      h(
        'p',
        { class: 'note' },
        'Each forecast is compared with a result that its model had not seen. Error: root mean square, bits per byte.',
      ),
      tables,
    ),
    draw: chart.draw,
    /** @param {ReportData} next */
    update: (next) => {
      current = next;
      render();
      chart.draw();
    },
  };
}

/** @param {ReportData['surrogate']} reports @param {import('./chart.js').Palette} colours */
function surrogateOption(reports, colours) {
  const compared = reports.filter(({ nCompared }) => nCompared > 0);
  const style = courseStyle(colours, 'candidates');
  /** @param {string} name @param {'rootMeanSquareError' | 'kendallTau'} key @param {number} yAxisIndex */
  const line = (name, key, yAxisIndex) => ({
    ...courseLine(colours.series[yAxisIndex], compared.length),
    name,
    yAxisIndex,
    data: compared.map((report) => [report.nCandidates, report[key]]),
  });
  return {
    ...style,
    // Axes on both sides have their names where the legend would be.
    legend: { ...style.legend, right: undefined, left: 'center' },
    yAxis: [
      courseAxis(colours, 'error', { nameTextStyle: { color: colours.muted } }),
      courseAxis(colours, 'rank correlation', {
        min: -1,
        max: 1,
        splitLine: { show: false },
        nameTextStyle: { color: colours.muted, align: 'right' },
      }),
    ],
    series: [line('error', 'rootMeanSquareError', 0), line('rank correlation', 'kendallTau', 1)],
  };
}
