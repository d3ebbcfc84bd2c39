// The run's account of itself: what matters, what was rejected and why, and how to repeat it.
import { announce, fill, h, select } from './dom.js';
import { capitalised, formatWhole, labelOf } from './format.js';
import { bar, disclosure, table } from './table.js';
import { formatShare } from './units.js';

/** @param {ReportData} data */
export function importanceSection(data) {
  let current = data;
  let metric = data.objectives[0] ?? '';
  const element = h('div');
  const render = () => {
    const { byMetric, nResults } = current.importance;
    const rows = /** @type {Record<string, readonly any[] | undefined>} */ (byMetric)[metric] ?? [];
    const options = current.metrics.map(({ name }) => ({ value: name, text: labelOf(name) }));
    const picker = select('Spread of', options, metric, (value) => {
      metric = value;
      render();
    });
    picker.querySelector('select')?.setAttribute('id', 'importance-metric');
    fill(
      element,
      h('div', { class: 'controls' }, picker),
      rows.length === 0
        ? h('p', {}, `${nResults} results at the lowest rung are too few, or too alike, to tell.`)
        : table({
            caption: `What the spread of ${labelOf(metric)} comes from`,
            columns: [
              {
                label: 'Parameter',
                align: 'left',
                cell: ({ parameter }) => h('span', { title: current.genes[parameter] }, labelOf(parameter)),
              },
              { label: 'Explains', cell: ({ share }) => formatShare(share), sort: ({ share }) => share },
              { label: 'Of the variance', align: 'left', cell: ({ share, chance }) => bar(share, chance) },
              {
                label: 'Chance reaches',
                cell: ({ chance }) => formatShare(chance),
                sort: ({ chance }) => chance,
              },
              {
                label: 'Verdict',
                align: 'left',
                cell: ({ share, chance }) => (share > chance ? 'matters' : 'within chance'),
              },
            ],
            rows,
          }),
      h(
        'p',
        { class: 'note' },
        `Share of the variance over the ${nResults} candidates of the lowest rung that one parameter explains by itself: one-way analysis of variance, epsilon squared; sizes in up to six equally filled groups, per-layer choices as means. The tick shows what 19 of 20 random shufflings stay below. Shares need not add up, and parameters that a search moves together share their credit.`,
      ),
    );
  };
  render();
  return {
    element,
    /** @param {ReportData} next */
    update: (next) => {
      current = next;
      render();
    },
  };
}

/** @param {ReportData} data */
export function rejectedSection(data) {
  const element = h('div');
  /** @param {ReportData} next */
  const update = (next) => {
    const { endings, survey, bySearch, notCounted } = next.rejected;
    fill(
      element,
      survey === undefined
        ? undefined
        : [
            h('h3', {}, 'What the constraints turn down'),
            h(
              'p',
              {},
              `Of ${formatWhole(survey.nSampled)} random members of the space, ${formatShare(survey.nSampled === 0 ? 0 : survey.nFeasible / survey.nSampled)} meet every constraint that costs decide.`,
            ),
            table({
              caption: 'Random members that each constraint turns down',
              columns: [
                { label: 'Constraint', align: 'left', cell: ({ constraint }) => constraint },
                {
                  label: 'Turns down',
                  cell: ({ rejects }) => formatShare(rejects),
                  sort: ({ rejects }) => rejects,
                },
                { label: 'Share', align: 'left', cell: ({ rejects }) => bar(rejects) },
                {
                  label: 'By itself alone',
                  cell: ({ rejectsAlone }) => formatShare(rejectsAlone),
                  sort: ({ rejectsAlone }) => rejectsAlone,
                },
              ],
              rows: survey.rejections,
            }),
            ...survey.idle.map((text) => h('p', { class: 'note' }, `${capitalised(text)}.`)),
          ],
      bySearch === undefined
        ? undefined
        : h(
            'p',
            {},
            `While it ran, the search turned down ${formatWhole(bySearch.infeasible)} proposals because their costs break a constraint, and ${formatWhole(bySearch.duplicate)} because they were known already. None of them was trained.`,
          ),
      notCounted === undefined
        ? undefined
        : h(
            'p',
            { class: 'note' },
            `What constraints and the search turned down cannot be counted here: ${notCounted}.`,
          ),
      h('h3', {}, 'Evaluations without a usable result'),
      endings.length === 0
        ? h('p', {}, 'None: every evaluation trained and met the constraints.')
        : table({
            caption: 'How evaluations ended that gave no usable result',
            columns: [
              { label: 'Outcome', align: 'left', cell: ({ state }) => state },
              { label: 'Why', align: 'left', cell: ({ reason }) => reason },
              { label: 'Evaluations', cell: ({ count }) => formatWhole(count), sort: ({ count }) => count },
              { label: 'For example', cell: ({ example }) => `candidate ${example}` },
            ],
            rows: endings,
          }),
    );
  };
  update(data);
  return { element, update };
}

/** @param {ReportData} data */
export function reproduceSection(data) {
  const { reproduce, run } = data;
  const { yaml, specSha256, corpusSha256, versions } = reproduce;
  const file = 'space.yaml';
  const commands = [
    `paretoformer check ${file}`,
    `paretoformer run ${file}`,
    'paretoformer front latest',
  ].join('\n');
  const status = h('span', { class: 'muted', role: 'status' });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(yaml);
      status.textContent = 'copied';
    } catch {
      status.textContent = 'select the text and copy it';
    }
    announce(status.textContent);
  };
  return {
    element: h(
      'div',
      {},
      h(
        'p',
        {},
        `Save the specification as ${file} and run it: the same seed (${run.seed}), corpus and versions give the same front, whatever the number of threads.`,
      ),
      h('pre', { class: 'code', tabindex: 0, 'aria-label': 'Commands' }, commands),
      disclosure('Specification, every default spelled out', () => [
        h('p', {}, h('button', { type: 'button', class: 'button', onclick: copy }, 'Copy'), ' ', status),
        h('pre', { class: 'code', tabindex: 0, 'aria-label': 'Specification' }, yaml),
      ]),
      h(
        'dl',
        { class: 'facts hashes' },
        [['Specification', specSha256], ['Corpus', corpusSha256], ...Object.entries(versions)].map(
          ([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, h('code', {}, value))),
        ),
      ),
    ),
  };
}
