// Several runs on one page: their fronts over each other, their hypervolume, and what they came to.
import { ask } from './ask.js';
import {
  axisStyle,
  courseAxis,
  courseLine,
  courseStyle,
  createChart,
  staircase,
  tooltipStyle,
} from './chart.js';
import { fill, h, select } from './dom.js';
import { algorithmLabel, axisUnit, formatUnit, formatWhole, labelOf, lowerLabel } from './format.js';
import { table } from './table.js';
import { formatDuration } from './units.js';

/** @param {HTMLElement} root @param {readonly string[]} ids */
export function comparePage(root, ids) {
  /** @type {ReportData[]} */
  let reports = [];
  /** @type {Map<string, string | undefined>} */
  const versions = new Map();
  let x = '';
  let y = '';
  let isDrawn = false;
  const controls = h('div', { class: 'controls' });
  const tables = h('div');
  const fronts = createChart({
    className: 'chart-scatter',
    label: () =>
      `Fronts of ${reports.length} runs, ${labelOf(x)} across and ${labelOf(y)} up; the table below holds their members.`,
    option: (colours) => frontsOption(reports, x, y, colours),
  });
  const courses = createChart({
    className: 'chart-course',
    label: () =>
      `Hypervolume of ${reports.length} runs over evaluations: ${reports.map(({ run, front }) => `${run.name} ${front.hypervolume.toFixed(4)}`).join(', ')}`,
    option: (colours) => coursesOption(reports, colours),
  });
  const render = () => {
    const shared =
      reports[0]?.metrics
        .map(({ name }) => name)
        .filter((name) => reports.every(({ metrics }) => metrics.some((metric) => metric.name === name))) ??
      [];
    const objectives = reports[0]?.objectives ?? [];
    x ||= objectives.find((name) => name !== 'loss' && shared.includes(name)) ?? shared[0] ?? '';
    y ||=
      objectives.find((name) => name !== x && shared.includes(name)) ??
      shared.find((name) => name !== x) ??
      '';
    const options = shared.map((name) => ({ value: name, text: labelOf(name) }));
    fill(
      controls,
      select('Across', options, x, (value) => {
        x = value;
        fronts.draw();
      }),
      select('Up', options, y, (value) => {
        y = value;
        fronts.draw();
      }),
    );
    fill(tables, compareTable(reports, shared));
    fronts.draw();
    courses.draw();
  };
  return async () => {
    const answers = await Promise.all(
      ids.map((id) => ask(`/api/runs/${encodeURIComponent(id)}`, versions.get(id))),
    );
    if (answers.every((answer) => answer === undefined)) return;
    reports = answers.flatMap((answer, at) => {
      if (answer === undefined) return reports[at] ?? [];
      versions.set(ids[at] ?? '', answer.version);
      return answer.body;
    });
    if (!isDrawn) {
      isDrawn = true;
      root.replaceChildren(
        h('h1', {}, 'Runs compared'),
        h('section', { id: 'fronts' }, h('h2', {}, 'Fronts'), h('div', {}, controls, fronts.element)),
        h(
          'section',
          { id: 'courses' },
          h('h2', {}, 'Hypervolume over evaluations'),
          courses.element,
          h(
            'p',
            { class: 'note' },
            'Every run measures its hypervolume between its own ideal and reference: compare curves of runs with the same specification.',
          ),
        ),
        h('section', { id: 'values' }, h('h2', {}, 'Side by side'), tables),
      );
    }
    render();
  };
}

/** @param {ReportData} data @param {readonly string[]} shared */
function bestOf({ members, metrics }, shared) {
  return shared.map((name) => {
    const metric = metrics.find((each) => each.name === name);
    const values = members.flatMap(
      (member) => /** @type {Record<string, number>} */ (member.values)[name] ?? [],
    );
    const best =
      values.length === 0
        ? undefined
        : metric?.better === 'higher'
          ? Math.max(...values)
          : Math.min(...values);
    return formatUnit(metric?.unit ?? '', best);
  });
}

/** @param {readonly ReportData[]} reports @param {readonly string[]} shared */
function compareTable(reports, shared) {
  const columns = reports.map((report) => [
    report.run.state,
    String(report.run.seed),
    algorithmLabel(report.run.algorithm),
    report.run.accelerator,
    formatWhole(report.run.nEvaluations),
    formatDuration(report.run.trainingSeconds),
    String(report.front.nMembers),
    report.front.hypervolume.toFixed(4),
    ...bestOf(report, shared),
  ]);
  const labels = [
    'State',
    'Seed',
    'Search',
    'Accelerator',
    'Evaluations',
    'Training',
    'On the front',
    'Hypervolume',
    ...shared.map((name) => `Best ${lowerLabel(name)}`),
  ];
  return table({
    caption: 'Runs side by side',
    columns: [
      { label: '', align: 'left', cell: ({ label }) => label },
      ...reports.map((_, k) => ({
        label: nameOfRun(reports, k),
        cell: (/** @type {any} */ { at }) => columns[k]?.[at],
      })),
    ],
    rows: labels.map((label, at) => ({ label, at })),
  });
}

/** @param {readonly ReportData[]} reports @param {string} x @param {string} y @param {import('./chart.js').Palette} colours */
function frontsOption(reports, x, y, colours) {
  const symbols = ['circle', 'diamond', 'triangle', 'rect', 'pin', 'arrow'];
  const all = reports.flatMap(({ members }) => members);
  /** @param {string} name */
  const unit = (name) =>
    axisUnit(
      unitOfMetric(reports[0], name),
      all.flatMap((member) => memberValue(member, name) ?? []),
    );
  const [unitX, unitY] = [unit(x), unit(y)];
  const nameTextStyle = { color: colours.text, fontSize: 12.5, fontWeight: 500 };
  /** @param {string} name @param {{ suffix: string }} of */
  const axis = (name, of) => ({
    ...axisStyle(colours),
    type: 'value',
    scale: true,
    name: `${labelOf(name)}${of.suffix === '' ? '' : ` (${of.suffix})`}`,
  });
  return {
    grid: { left: 12, right: 28, top: 56, bottom: 44, containLabel: true },
    legend: {
      top: 0,
      right: 0,
      textStyle: { color: colours.text },
      itemWidth: 12,
      itemHeight: 12,
      data: reports.map((_, k) => ({ name: nameOfRun(reports, k), icon: symbols[k % symbols.length] })),
    },
    tooltip: {
      ...tooltipStyle(colours),
      trigger: 'item',
      formatter: (/** @type {any} */ { data, seriesName }) =>
        h(
          'div',
          { class: 'tip' },
          h('strong', {}, `${seriesName}: candidate ${data.member.candidate}`),
          h('p', {}, data.text),
          h('p', {}, data.member.shape),
        ),
    },
    xAxis: { ...axis(x, unitX), nameLocation: 'middle', nameGap: 30, nameTextStyle },
    yAxis: { ...axis(y, unitY), nameTextStyle: { ...nameTextStyle, align: 'left' } },
    series: reports.flatMap((report, k) => [
      runStaircase(
        report,
        x,
        y,
        unitX,
        unitY,
        nameOfRun(reports, k),
        colours.series[k % colours.series.length],
      ),
      {
        type: 'scatter',
        name: nameOfRun(reports, k),
        color: colours.series[k % colours.series.length],
        symbol: symbols[k % symbols.length],
        symbolSize: 11,
        itemStyle: { opacity: 0.85 },
        data: report.members.flatMap((member) => {
          const [px, py] = [memberValue(member, x), memberValue(member, y)];
          if (px === undefined || py === undefined) return [];
          const values = report.objectives.map(
            (name) => `${labelOf(name)} ${formatUnit(unitOfMetric(report, name), memberValue(member, name))}`,
          );
          return { value: [px / unitX.factor, py / unitY.factor], member, text: values.join(', ') };
        }),
      },
    ]),
  };
}

/** The staircase of a front of two objectives, where these are what is drawn. @param {ReportData} report @param {string} x @param {string} y @param {{ factor: number }} unitX @param {{ factor: number }} unitY @param {string} name @param {string | undefined} color */
function runStaircase(report, x, y, unitX, unitY, name, color) {
  const { objectives, members } = report;
  const isWhole = objectives.length === 2 && objectives.includes(x) && objectives.includes(y);
  const points = members.flatMap((member) => {
    const [px, py] = [memberValue(member, x), memberValue(member, y)];
    return px === undefined || py === undefined ? [] : [[px / unitX.factor, py / unitY.factor]];
  });
  const { better } = report.metrics.find((metric) => metric.name === x) ?? {};
  return { ...staircase(isWhole ? points : [], better, { color, opacity: 0.5 }), name };
}

/** @param {readonly ReportData[]} reports @param {import('./chart.js').Palette} colours */
function coursesOption(reports, colours) {
  const style = courseStyle(colours, 'evaluations');
  return {
    ...style,
    tooltip: {
      ...style.tooltip,
      formatter: (/** @type {any} */ items) =>
        h(
          'div',
          { class: 'tip' },
          items.map((/** @type {any} */ item) =>
            h('p', {}, `${item.seriesName}: ${Number(item.value[1]).toFixed(4)} after ${item.value[0]}`),
          ),
        ),
    },
    yAxis: courseAxis(colours, 'hypervolume'),
    series: reports.map(({ course }, k) => ({
      ...courseLine(colours.series[k % colours.series.length], course.length),
      name: nameOfRun(reports, k),
      data: course.map(({ evaluations, hypervolume }) => [evaluations, hypervolume]),
    })),
  };
}

/** Names of runs repeat; then the end of the id tells them apart. @param {readonly ReportData[]} reports @param {number} k */
function nameOfRun(reports, k) {
  const { name = '', id = '' } = reports[k]?.run ?? {};
  return reports.filter(({ run }) => run.name === name).length > 1 ? `${name} ${id.slice(-4)}` : name;
}

/** @param {Member} member @param {string} name */
function memberValue({ values }, name) {
  return /** @type {Record<string, number | undefined>} */ (values)[name];
}

/** @param {ReportData | undefined} report @param {string} name */
function unitOfMetric(report, name) {
  return report?.metrics.find((metric) => metric.name === name)?.unit ?? '';
}
