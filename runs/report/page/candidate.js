// One candidate in full: what it is, layer by layer as a heat map, and where its time and memory go.
import { fill, h, segmented } from './dom.js';
import {
  describeOrigin,
  exportCommand,
  formatUnit,
  formatWhole,
  headingOfMetric,
  marksText,
} from './format.js';
import { heatMap } from './layers.js';
import { columnOf, pointIndex } from './state.js';
import { bar, table } from './table.js';
import { formatShare } from './units.js';

/** @typedef {(candidate: number) => Promise<Member>} FetchMember */

/** @param {ReportData} data @param {import('./state.js').State} state @param {FetchMember} [fetchMember] where a server can tell of more than the front */
export function candidateSection(data, state, fetchMember) {
  let current = data;
  let grouping = 'byOperation';
  const element = h('div');
  /** @param {Member} member */
  const show = (member) => {
    const costs = h('div');
    const renderCosts = () => fill(costs, costTable(member, grouping));
    renderCosts();
    fill(
      element,
      h(
        'h3',
        { class: 'candidate-title' },
        `Candidate ${member.candidate} `,
        member.marks ? h('span', { class: 'badge' }, marksText(member.marks)) : undefined,
      ),
      h('p', { class: 'muted' }, originText(member)),
      h('p', { class: 'take' }, 'Take it home: ', h('code', {}, exportCommand(current, member.candidate))),
      member.outlook === undefined
        ? undefined
        : h('p', {}, `Speculation, draft ${member.outlook.draft}: ${member.outlook.sentence}.`),
      h(
        'div',
        { class: 'columns' },
        factList(current, member),
        h('div', { class: 'stack' }, modelTable(member), rungTable(member)),
      ),
      h('h3', {}, 'Layer by layer'),
      heatMap(member),
      h('h3', {}, 'Where the cost is'),
      member.cost === undefined
        ? h('p', { class: 'note' }, `Costs cannot be broken down here: ${current.costsMissing ?? 'unknown'}`)
        : [
            segmented(
              'Cost by',
              [
                { value: 'byOperation', text: 'By operation' },
                { value: 'byLayer', text: 'By layer' },
              ],
              grouping,
              (value) => {
                grouping = value;
                renderCosts();
              },
            ),
            costs,
            h('p', { class: 'note' }, errorText(member)),
          ],
    );
  };
  const render = () => {
    const { candidate } = state.get();
    const known = [...current.members, ...(current.baseline === undefined ? [] : [current.baseline])];
    const member = known.find((each) => each.candidate === candidate);
    if (member !== undefined) show(member);
    else if (candidate === undefined) fill(element, h('p', {}, 'No candidate is chosen yet.'));
    else if (fetchMember === undefined) fill(element, pointFacts(current, candidate));
    else {
      fetchMember(candidate).then(
        (fetched) => state.get().candidate === candidate && show(fetched),
        () => fill(element, pointFacts(current, candidate)),
      );
    }
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

/** @param {Member} member */
function originText({ key, origin, parents, shape }) {
  return `${shape}. Key ${key}; ${describeOrigin(origin, parents)}.`;
}

/** What is known of a candidate that is not on the front. @param {ReportData} data @param {number} candidate */
function pointFacts(data, candidate) {
  const at = pointIndex(data).get(candidate);
  if (at === undefined) return h('p', {}, `Candidate ${candidate} is not among the points of this page.`);
  return [
    h('h3', { class: 'candidate-title' }, `Candidate ${candidate}`),
    h('p', { class: 'muted' }, data.points.shape[at]),
    h(
      'dl',
      { class: 'facts' },
      data.metrics.map(({ name, unit }) =>
        h(
          'div',
          {},
          h('dt', {}, headingOfMetric(name, unit)),
          h('dd', {}, formatUnit(unit, /** @type {number} */ (columnOf(data, name)[at]))),
        ),
      ),
    ),
    h(
      'p',
      { class: 'note' },
      `It is not on the front; all of it: paretoformer show ${data.run.id} ${candidate}`,
    ),
  ];
}

/** @param {ReportData} data @param {Member} member */
function factList(data, { values, trainedCosts }) {
  const rows = data.metrics.map(({ name, unit, about }) => ({
    name,
    unit,
    about,
    value: formatUnit(unit, values[name]),
    trained: formatUnit(unit, trainedCosts?.[name]),
  }));
  return table({
    caption: 'Costs of the deployed model',
    columns: [
      {
        label: 'Quantity',
        align: 'left',
        cell: ({ name, about, unit }) => h('span', { title: about }, headingOfMetric(name, unit)),
      },
      { label: trainedCosts === undefined ? 'Value' : 'Deployed', cell: ({ value }) => value },
      ...(trainedCosts === undefined
        ? []
        : [{ label: 'As trained', cell: (/** @type {any} */ { trained }) => trained }]),
    ],
    rows,
  });
}

/** @param {Member} member */
function modelTable({ model, trainedCosts }) {
  const { embedding, kvCacheFormat, nCards, tieEmbeddings } = model;
  const rows = [
    { label: 'Width', deployed: model.deployedDModel, trained: model.dModel },
    { label: 'Head width', deployed: model.deployedHeadDim, trained: model.headDim },
    { label: 'Vocabulary', deployed: model.deployedVocabSize, trained: model.vocabSize },
    { label: 'Context', deployed: model.deployedContextLength, trained: model.contextLength },
    { label: 'Embeddings', deployed: `${tieEmbeddings ? 'tied' : 'untied'}, ${embedding}` },
    { label: 'KV cache', deployed: kvCacheFormat },
    { label: 'Cards', deployed: nCards },
  ];
  /** @param {string | number | undefined} value */
  const text = (value) => (typeof value === 'number' ? formatWhole(value) : String(value ?? ''));
  return table({
    caption: 'Shape of the model',
    columns: [
      { label: 'Model', align: 'left', cell: ({ label }) => label },
      { label: trainedCosts === undefined ? 'Value' : 'Deployed', cell: ({ deployed }) => text(deployed) },
      ...(trainedCosts === undefined
        ? []
        : [{ label: 'As trained', cell: (/** @type {any} */ { trained }) => text(trained) }]),
    ],
    rows,
  });
}

/** @param {Member} member */
function rungTable({ evaluations }) {
  const isMeasured = evaluations.some(({ encodedBytes }) => encodedBytes !== undefined);
  const hasHeirs = evaluations.some(({ inherited }) => inherited !== undefined);
  return table({
    caption: 'What training came to',
    columns: [
      { label: 'Rung', cell: ({ rung }) => rung },
      { label: 'Loss (bits/byte)', cell: ({ loss }) => formatUnit('bitsPerByte', loss) },
      ...(isMeasured
        ? [
            {
              label: 'As trained',
              title: 'loss before the weights were pruned and cast',
              cell: (/** @type {any} */ { trainedLoss }) => formatUnit('bitsPerByte', trainedLoss),
            },
            {
              label: 'Encoded',
              title: 'exact size of the small model as it was measured',
              cell: (/** @type {any} */ { encodedBytes }) => formatUnit('bytes', encodedBytes),
            },
          ]
        : []),
      ...(hasHeirs
        ? [
            {
              label: 'Began from',
              align: /** @type {const} */ ('left'),
              title: 'the model whose weights training began from, and their loss before it',
              cell: (/** @type {any} */ { inherited }) => heritageText(inherited),
            },
          ]
        : []),
      {
        label: 'Outcome',
        align: 'left',
        cell: ({ state, reason, feasible }) =>
          state !== 'ok'
            ? `${state}: ${reason ?? ''}`
            : feasible
              ? 'meets the constraints'
              : 'breaks a constraint',
      },
    ],
    rows: evaluations,
  });
}

/** @param {Member['evaluations'][number]['inherited']} inherited */
function heritageText(inherited) {
  if (inherited === undefined) return 'first values';
  const donor = inherited.from === undefined ? 'another model' : `candidate ${inherited.from}`;
  return `${donor}, at ${formatUnit('bitsPerByte', inherited.loss)}`;
}

/** @param {Member} member @param {string} grouping */
function costTable({ cost }, grouping) {
  if (cost === undefined) return undefined;
  const parts = (grouping === 'byLayer' ? cost.byLayer : cost.byOperation).filter(
    ({ decodeSeconds, prefillSeconds, weightBytes }) => decodeSeconds + prefillSeconds + weightBytes > 0,
  );
  const total = parts.reduce((sum, { decodeSeconds }) => sum + decodeSeconds, 0);
  /** @type {(label: string, unit: string, key: 'prefillSeconds' | 'decodeMacs' | 'decodeBytes' | 'weightBytes') => import('./table.js').TableColumn} */
  const column = (label, unit, key) => ({
    label,
    cell: (part) => formatUnit(unit, part[key]),
    sort: (part) => part[key],
  });
  return table({
    caption: grouping === 'byLayer' ? 'Costs by layer' : 'Costs by operation',
    columns: [
      { label: grouping === 'byLayer' ? 'Part' : 'Operation', align: 'left', cell: ({ name }) => name },
      {
        label: 'Decode step',
        cell: ({ decodeSeconds }) => formatUnit('seconds', decodeSeconds),
        sort: ({ decodeSeconds }) => decodeSeconds,
      },
      {
        label: 'Share',
        align: 'left',
        cell: ({ decodeSeconds }) => [
          bar(total === 0 ? 0 : decodeSeconds / total),
          h('span', { class: 'bar-text' }, formatShare(total === 0 ? 0 : decodeSeconds / total)),
        ],
      },
      column('Prefill', 'seconds', 'prefillSeconds'),
      column('MACs', 'count', 'decodeMacs'),
      column('Bytes moved', 'bytes', 'decodeBytes'),
      column('Stored', 'bytes', 'weightBytes'),
    ],
    rows: parts,
  });
}

/** @param {Member} member */
function errorText({ cost }) {
  if (cost === undefined) return '';
  const { decode, prefill } = cost.expectedError;
  const errors = [
    decode === undefined ? undefined : `decode ±${formatShare(decode)}`,
    prefill === undefined ? undefined : `prefill ±${formatShare(prefill)}`,
  ].filter((text) => text !== undefined);
  const expected = errors.length === 0 ? '' : ` Expected error: ${errors.join(', ')}.`;
  return `Cost model: ${cost.calibration}.${expected}`;
}

/** @param {ReportData} data */
export function costsAreOf(data) {
  const { accelerator, workload, scale } = data.run;
  const { batch, promptTokens, generatedTokens } = workload;
  const of = scale === undefined ? 'of the trained model itself' : `of the deployed relative (${scale})`;
  return `Losses are measured on the models trained here, with their weights stored as the candidate says. Costs on ${accelerator}, batch ${batch}, ${promptTokens} + ${generatedTokens} tokens, ${of}.`;
}
