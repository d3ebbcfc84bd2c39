// The live pages: all runs, one run, several runs compared. They ask their server and listen for changes.
import { axisStyle, createChart, tooltipStyle } from './chart.js';
import { checkbox, fill, h, select } from './dom.js';
import { axisUnit, formatDuration, formatUnit, formatWhole, labelOf } from './format.js';
import { createReport } from './report.js';
import { table } from './table.js';

/** @param {HTMLElement} root @param {any} boot */
export function startLive(root, boot) {
  const show =
    boot.kind === 'run'
      ? runPage(root, boot.id)
      : boot.kind === 'compare'
        ? comparePage(root, boot.ids)
        : runsPage(root);
  refreshOnChange(show);
}

/** @param {string} path @param {string | undefined} [known] version that need not be sent again */
async function ask(path, known) {
  const response = await fetch(path, known === undefined ? {} : { headers: { 'If-None-Match': known } });
  if (response.status === 304) return undefined;
  const body = await response.json();
  if (!response.ok) throw new Error(body.error ?? `HTTP ${response.status}`);
  return { body, version: response.headers.get('ETag') ?? undefined };
}

/** Asks at once and after every change; never twice at a time. @param {() => Promise<void>} show */
function refreshOnChange(show) {
  const connection = document.getElementById('connection');
  let isBusy = false;
  let isStale = false;
  const refresh = async () => {
    isStale = true;
    if (isBusy) return;
    isBusy = true;
    while (isStale) {
      isStale = false;
      try {
        await show();
      } catch (error) {
        if (connection)
          connection.textContent = `Not up to date: ${error instanceof Error ? error.message : error}`;
      }
    }
    isBusy = false;
  };
  const changes = new EventSource('/api/changes');
  changes.addEventListener('open', () => {
    if (connection) connection.textContent = 'Live';
    refresh();
  });
  changes.addEventListener('change', refresh);
  changes.addEventListener('error', () => {
    if (connection) connection.textContent = 'Connection lost; trying again';
  });
}

/** @param {HTMLElement} root @param {string} id */
function runPage(root, id) {
  /** @type {ReturnType<typeof createReport> | undefined} */
  let report;
  /** @type {string | undefined} */
  let version;
  const path = `/api/runs/${encodeURIComponent(id)}`;
  return async () => {
    const answer = await ask(path, version);
    if (answer === undefined) return;
    version = answer.version;
    if (report === undefined) {
      report = createReport(
        root,
        answer.body,
        async (candidate) => (await ask(`${path}/candidates/${candidate}`))?.body,
      );
    } else report.update(answer.body);
  };
}

/** @param {HTMLElement} root */
function runsPage(root) {
  /** @type {Set<string>} */
  const picked = new Set();
  const list = h('div');
  const compare = h('a', { class: 'button', id: 'compare' }, 'Compare');
  const renderLink = () => {
    compare.textContent =
      picked.size < 2 ? 'Tick two or more runs to compare them' : `Compare ${picked.size} runs`;
    if (picked.size < 2) compare.removeAttribute('href');
    else
      compare.setAttribute(
        'href',
        `/compare?${[...picked].map((id) => `run=${encodeURIComponent(id)}`).join('&')}`,
      );
  };
  renderLink();
  root.replaceChildren(
    h('h1', {}, 'Runs'),
    h('p', { class: 'muted' }, 'Every run of this database, the newest first.'),
    list,
    h('p', { class: 'compare-line' }, compare),
  );
  return async () => {
    const answer = await ask('/api/runs');
    const runs = [...(answer?.body.runs ?? [])].reverse();
    if (runs.length === 0) {
      fill(list, h('p', {}, 'No runs yet. ', h('code', {}, 'paretoformer run space.yaml'), ' starts one.'));
      return;
    }
    fill(
      list,
      table({
        caption: 'Runs',
        columns: [
          {
            label: 'Run',
            align: 'left',
            cell: ({ id, name }) =>
              h('a', { href: `/runs/${encodeURIComponent(id)}`, id: `run-${id}` }, name),
            sort: ({ name }) => name,
          },
          {
            label: 'State',
            align: 'left',
            cell: ({ state }) => h('span', { class: `state state-${state}` }, state),
            sort: ({ state }) => state,
          },
          {
            label: 'Started (UTC)',
            align: 'left',
            cell: ({ createdAt }) => createdAt.slice(0, 16).replace('T', ' '),
            sort: ({ createdAt }) => createdAt,
          },
          {
            label: 'Candidates',
            cell: ({ nCandidates }) => formatWhole(nCandidates),
            sort: ({ nCandidates }) => nCandidates,
          },
          {
            label: 'Evaluations',
            cell: ({ nEvaluations }) => formatWhole(nEvaluations),
            sort: ({ nEvaluations }) => nEvaluations,
          },
          {
            label: 'Trained',
            cell: ({ trainingSeconds }) => formatDuration(trainingSeconds),
            sort: ({ trainingSeconds }) => trainingSeconds,
          },
          {
            label: 'Front',
            cell: ({ front }) => front?.nMembers ?? '–',
            sort: ({ front }) => front?.nMembers,
          },
          {
            label: 'Hypervolume',
            cell: ({ front }) => front?.hypervolume.toFixed(4) ?? '–',
            sort: ({ front }) => front?.hypervolume,
          },
          {
            label: 'Compare',
            align: 'left',
            cell: ({ id, name }) => {
              const box = checkbox('', picked.has(id), (isPicked) => {
                if (isPicked) picked.add(id);
                else picked.delete(id);
                renderLink();
              });
              box.querySelector('input')?.setAttribute('aria-label', `Compare ${name}`);
              box.querySelector('input')?.setAttribute('id', `pick-${id}`);
              return box;
            },
          },
        ],
        rows: runs,
      }),
    );
  };
}

/** @param {HTMLElement} root @param {readonly string[]} ids */
function comparePage(root, ids) {
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
    report.run.algorithm,
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
    ...shared.map((name) => `Best ${labelOf(name).toLowerCase()}`),
  ];
  return table({
    caption: 'Runs side by side',
    columns: [
      { label: '', align: 'left', cell: ({ label }) => label },
      ...reports.map(({ run }, k) => ({
        label: run.name,
        cell: (/** @type {any} */ { at }) => columns[k]?.[at],
      })),
    ],
    rows: labels.map((label, at) => ({ label, at })),
  });
}

/** @param {readonly ReportData[]} reports @param {string} x @param {string} y @param {import('./chart.js').Palette} colours */
function frontsOption(reports, x, y, colours) {
  /** @param {Member} member @param {string} name */
  const value = ({ values }, name) => /** @type {Record<string, number | undefined>} */ (values)[name];
  const all = reports.flatMap(({ members }) => members);
  /** @param {string} name */
  const unit = (name) =>
    axisUnit(
      reports[0]?.metrics.find((metric) => metric.name === name)?.unit ?? '',
      all.flatMap((member) => value(member, name) ?? []),
    );
  const [unitX, unitY] = [unit(x), unit(y)];
  const symbols = ['circle', 'diamond', 'triangle', 'rect', 'pin', 'arrow'];
  /** @param {string} name @param {{ suffix: string }} of */
  const axis = (name, of) => ({
    ...axisStyle(colours),
    type: 'value',
    scale: true,
    name: `${labelOf(name)} (${of.suffix})`,
    nameTextStyle: { color: colours.text, fontWeight: 500 },
  });
  return {
    grid: { left: 12, right: 28, top: 56, bottom: 44, containLabel: true },
    legend: { top: 0, left: 0, textStyle: { color: colours.text } },
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
    xAxis: { ...axis(x, unitX), nameLocation: 'middle', nameGap: 30 },
    yAxis: { ...axis(y, unitY), nameTextStyle: { color: colours.text, fontWeight: 500, align: 'left' } },
    series: reports.map((report, k) => ({
      type: 'scatter',
      name: seriesName(reports, k),
      color: colours.series[k % colours.series.length],
      symbol: symbols[k % symbols.length],
      symbolSize: 11,
      itemStyle: { opacity: 0.85 },
      data: report.members.flatMap((member) => {
        const [px, py] = [value(member, x), value(member, y)];
        if (px === undefined || py === undefined) return [];
        const text = report.objectives
          .map(
            (name) =>
              `${labelOf(name)} ${formatUnit(report.metrics.find((metric) => metric.name === name)?.unit ?? '', value(member, name))}`,
          )
          .join(', ');
        return { value: [px / unitX.factor, py / unitY.factor], member, text };
      }),
    })),
  };
}

/** Names of runs repeat; then the end of the id tells them apart. @param {readonly ReportData[]} reports @param {number} k */
function seriesName(reports, k) {
  const { name = '', id = '' } = reports[k]?.run ?? {};
  return reports.filter(({ run }) => run.name === name).length > 1 ? `${name} ${id.slice(-4)}` : name;
}

/** @param {readonly ReportData[]} reports @param {import('./chart.js').Palette} colours */
function coursesOption(reports, colours) {
  return {
    grid: { left: 8, right: 20, top: 48, bottom: 40, containLabel: true },
    legend: { top: 0, left: 0, textStyle: { color: colours.text } },
    tooltip: {
      ...tooltipStyle(colours),
      trigger: 'axis',
      formatter: (/** @type {any} */ items) =>
        h(
          'div',
          { class: 'tip' },
          items.map((/** @type {any} */ item) =>
            h('p', {}, `${item.seriesName}: ${Number(item.value[1]).toFixed(4)} after ${item.value[0]}`),
          ),
        ),
    },
    xAxis: {
      ...axisStyle(colours),
      type: 'value',
      min: 0,
      splitLine: { show: false },
      name: 'evaluations',
      nameLocation: 'middle',
      nameGap: 26,
    },
    yAxis: { ...axisStyle(colours), type: 'value', min: 0, name: 'hypervolume' },
    series: reports.map(({ course }, k) => ({
      type: 'line',
      name: seriesName(reports, k),
      color: colours.series[k % colours.series.length],
      showSymbol: false,
      lineStyle: { width: 2 },
      data: course.map(({ evaluations, hypervolume }) => [evaluations, hypervolume]),
    })),
  };
}
