// Which model to take: the marked members side by side, weights to move, and the front as a table.
import { announce, fill, h } from './dom.js';
import { exportCommand, formatUnit, headingOfMetric, labelOf, lowerLabel, marksText } from './format.js';
import { sentence } from './scatter.js';
import { metricOf } from './state.js';
import { table } from './table.js';

/** As in runs/candidates/pick.ts; a test holds the two together. */
const AUGMENTATION = 0.25;

/** The member with the least weighted regret. @param {readonly Member[]} members @param {readonly number[]} weights */
export function pickByWeights(members, weights) {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (const [at, { normalised = [] }] of members.entries()) {
    let worst = 0;
    let sum = 0;
    for (const [k, share] of normalised.entries()) {
      const regret = (weights[k] ?? 0) * share;
      worst = Math.max(worst, regret);
      sum += regret;
    }
    const score = worst + AUGMENTATION * sum;
    if (score < least) {
      least = score;
      best = at;
    }
  }
  return best;
}

/** @param {ReportData} data @param {import('./state.js').State} state */
export function chooseSection(data, state) {
  let current = data;
  /** @type {number[]} */
  let weights = data.objectives.map(() => 3);
  const marked = h('div', { class: 'marked' });
  const weighing = h('div', { class: 'weighing' });
  /** @param {number} candidate */
  const choose = (candidate) => {
    state.set({ candidate });
    announce(sentence(current, candidate));
  };
  const render = () => {
    fill(marked, markedMembers(current, state.get().candidate, choose));
    fill(weighing, weights.length < 2 || current.members.length < 2 ? [] : sliders());
  };
  const sliders = () => {
    const outcome = h('p', { class: 'outcome' });
    const update = () => {
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const member = total === 0 ? undefined : current.members[pickByWeights(current.members, weights)];
      fill(
        outcome,
        member === undefined
          ? 'Give at least one objective some weight.'
          : outcomeText(current, member, choose),
      );
    };
    update();
    return [
      h('h3', {}, 'Weigh the objectives'),
      h(
        'p',
        { class: 'note' },
        'The member with the least regret: for each objective the way from the front’s best to its worst value, times its weight; the largest counts whole, the sum of all by a quarter.',
      ),
      h(
        'div',
        {},
        weights.map((weight, k) => {
          const name = current.objectives[k] ?? '';
          const output = h('output', {}, String(weight));
          const input = /** @type {HTMLInputElement} */ (
            h('input', {
              type: 'range',
              min: 0,
              max: 10,
              step: 1,
              value: weight,
              id: `weight-${k}`,
              oninput: () => {
                weights = weights.map((each, other) => (other === k ? Number(input.value) : each));
                output.textContent = input.value;
                update();
              },
            })
          );
          return h('label', { class: 'slider' }, h('span', {}, labelOf(name)), input, output);
        }),
      ),
      outcome,
    ];
  };
  state.listen((choices, before) => {
    if (choices.candidate !== before.candidate) render();
  });
  render();
  return {
    element: h('div', { class: 'choose' }, marked, weighing),
    /** @param {ReportData} next */
    update: (next) => {
      current = next;
      if (weights.length !== next.objectives.length) weights = next.objectives.map(() => 3);
      render();
    },
  };
}

/** @param {ReportData} data @param {Member} member @param {(candidate: number) => void} choose */
function outcomeText(data, member, choose) {
  const parts = data.objectives.map((name, k) => {
    const share = Math.round(100 * (member.normalised?.[k] ?? 0));
    const value = formatUnit(metricOf(data, name)?.unit ?? '', member.values[name]);
    return `${lowerLabel(name)} ${value} (${share === 0 ? 'the best there is' : `${share} % of the way to the worst`})`;
  });
  return [
    h(
      'button',
      { type: 'button', class: 'link', id: 'outcome', onclick: () => choose(member.candidate) },
      `Candidate ${member.candidate}`,
    ),
    `: ${parts.join(', ')}. To take it home: `,
    h('code', {}, exportCommand(data, member.candidate)),
  ];
}

/** @param {ReportData} data @param {number | undefined} chosen @param {(candidate: number) => void} choose */
function markedMembers(data, chosen, choose) {
  const { members, front, baseline, objectives } = data;
  if (members.length === 0) return h('p', {}, 'No candidate has met the constraints yet.');
  /** @type {{ role: string, member: Member }[]} */
  const rows = [];
  const knee = front.knee === undefined ? undefined : members[front.knee];
  if (knee !== undefined) rows.push({ role: 'Knee: most for least', member: knee });
  for (const { metric, at } of front.best) {
    const member = members[at];
    if (member === undefined) continue;
    const role = `${metricOf(data, metric)?.better === 'higher' ? 'Highest' : 'Lowest'} ${lowerLabel(metric)}`;
    const known = rows.find((row) => row.member === member);
    if (known === undefined) rows.push({ role, member });
    else known.role += `, ${role.toLowerCase()}`;
  }
  if (baseline !== undefined) rows.push({ role: 'Baseline', member: baseline });
  return table({
    caption: 'Members that stand out',
    columns: [
      { label: 'Stands out as', align: 'left', cell: ({ role }) => role },
      { label: 'Candidate', cell: ({ member }) => pickButton(member.candidate, 'marked', choose) },
      ...objectives.map((name) => metricColumn(data, name, (/** @type {any} */ { member }) => member)),
      { label: 'Model', align: 'left', cell: ({ member }) => modelText(member) },
    ],
    rows,
    rowClass: ({ member }) => (member.candidate === chosen ? 'chosen' : ''),
  });
}

/** @param {number} candidate @param {string} place @param {(candidate: number) => void} choose */
function pickButton(candidate, place, choose) {
  return h(
    'button',
    {
      type: 'button',
      class: 'link',
      id: `${place}-${candidate}`,
      'aria-label': `Show candidate ${candidate}`,
      onclick: () => choose(candidate),
    },
    candidate,
  );
}

/** @param {ReportData} data @param {string} name @param {(row: any) => Member} memberOf @returns {import('./table.js').TableColumn} */
function metricColumn(data, name, memberOf) {
  const metric = metricOf(data, name);
  /** @param {any} row */
  const value = (row) => /** @type {Record<string, number | undefined>} */ (memberOf(row).values)[name];
  return {
    label: headingOfMetric(name, metric?.unit ?? ''),
    ...(metric === undefined ? {} : { title: `${metric.about}; ${metric.better} is better` }),
    cell: (row) => formatUnit(metric?.unit ?? '', value(row)),
    sort: value,
  };
}

/** @param {Member} member */
function modelText({ model, layers, stored }) {
  const depth = layers.length === 1 ? '1 layer' : `${layers.length} layers`;
  const width =
    model.dModel === model.deployedDModel ? model.dModel : `${model.dModel} → ${model.deployedDModel}`;
  return `${depth}, width ${width}, ${stored}`;
}

/** Stored bits over parameters, of the whole deployed model. @param {Member} member */
function bitsAWeight({ values: { weightBytes, parameters } }) {
  return weightBytes === undefined || parameters === undefined ? undefined : (8 * weightBytes) / parameters;
}

/** Every member of the front. @param {ReportData} data @param {import('./state.js').State} state */
export function frontTable(data, state) {
  let current = data;
  const element = h('div');
  const render = () => {
    const { members, objectives, front } = current;
    const extra = ['parameters', 'memory'].filter(
      (name) => !objectives.some((objective) => objective === name),
    );
    const shown = members.length < front.nMembers ? `, the first ${members.length} of ${front.nMembers}` : '';
    fill(
      element,
      table({
        caption: `The front, generation ${front.generation}${shown}`,
        isCaptionHidden: false,
        columns: [
          {
            label: 'Candidate',
            cell: ({ candidate }) =>
              pickButton(candidate, 'front', (number) => state.set({ candidate: number })),
            sort: ({ candidate }) => candidate,
          },
          ...[...objectives, ...extra].map((name) => metricColumn(current, name, (member) => member)),
          {
            label: 'Width',
            cell: ({ model }) => model.dModel,
            sort: ({ model }) => model.dModel,
            title: 'dModel of the trained model',
          },
          { label: 'Layers', cell: ({ layers }) => layers.length, sort: ({ layers }) => layers.length },
          {
            label: 'KV heads',
            align: 'left',
            cell: ({ layers }) => layers.map((/** @type {any} */ { nKvHeads }) => nKvHeads).join(' '),
          },
          {
            label: 'Bits a weight',
            cell: (member) => bitsAWeight(member)?.toFixed(1) ?? '–',
            sort: bitsAWeight,
            title: 'bytes of weights over parameters, of the whole deployed model',
          },
          ...(members.some(({ outlook }) => outlook !== undefined)
            ? [
                {
                  label: 'Draft',
                  align: /** @type {const} */ ('left'),
                  cell: (/** @type {Member} */ { outlook }) => outlook?.draft ?? '–',
                },
              ]
            : []),
          { label: 'Marked', align: 'left', cell: ({ marks }) => marksText(marks) },
        ],
        rows: members,
        rowClass: ({ candidate }) => (candidate === state.get().candidate ? 'chosen' : ''),
        key: 'front',
      }),
    );
  };
  state.listen((choices, before) => {
    if (choices.candidate !== before.candidate) render();
  });
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
