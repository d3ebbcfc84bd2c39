// The layers of one candidate as a heat map that is a table, so that everyone can read it.
import { h } from './dom.js';
import { capitalised } from './format.js';

/** @typedef {NonNullable<Member['layers'][number]['attention']>} Storage */

/** @param {Storage | undefined} storage */
function zerosText(storage) {
  if (storage === undefined) return '–';
  return storage.sparsity === 0 ? 'dense' : `${Math.round(100 * storage.sparsity)} %`;
}

/** Whether a layer's parts are stored alike, or there is only one. @param {Member['layers'][number]} layer */
function isAlike({ attention, feedForward }) {
  return (
    attention === undefined ||
    feedForward === undefined ||
    (attention.weightFormat === feedForward.weightFormat && attention.sparsity === feedForward.sparsity)
  );
}

/** One row a property, one column a layer; the deeper the tint, the larger the value. @param {Member} member */
export function heatMap({ layers, model }) {
  const isScaled = model.dModel !== model.deployedDModel;
  /** @param {number} small @param {number} large */
  const deployedTitle = (small, large) => (isScaled ? `${small} trained, ${large} deployed` : '');
  /** @type {{ label: string, values: number[], text: string[], title: string[] }[]} */
  const rows = [
    row(
      'Query heads',
      (layer) => layer.nHeads,
      (layer) => deployedTitle(layer.nHeads, layer.deployedHeads),
    ),
    row(
      'KV heads',
      (layer) => layer.nKvHeads,
      (layer) => deployedTitle(layer.nKvHeads, layer.deployedKvHeads),
    ),
    row(
      'Feed-forward',
      (layer) => layer.dFf,
      (layer) => deployedTitle(layer.dFf, layer.deployedDFf),
    ),
    ...(layers.every(isAlike)
      ? storageRows('', ({ attention, feedForward }) => attention ?? feedForward)
      : [
          ...storageRows('Attention: ', ({ attention }) => attention),
          ...storageRows('Feed-forward: ', ({ feedForward }) => feedForward),
        ]),
  ];
  /** @param {string} part @param {(layer: Member['layers'][number]) => Storage | undefined} of */
  function storageRows(part, of) {
    const stored = layers.map(of);
    /** @param {string} label */
    const named = (label) => (part === '' ? capitalised(label) : `${part}${label}`);
    const none = () => '';
    return [
      {
        ...row(named('weight format'), (layer) => of(layer)?.bitsPerWeight ?? 0, none),
        text: stored.map((each) => each?.weightFormat ?? '–'),
      },
      row(
        named('bits a weight'),
        (layer) => of(layer)?.bitsPerWeight ?? 0,
        () => 'scales and sparse indices included',
      ),
      {
        ...row(named('zeros'), (layer) => of(layer)?.sparsity ?? 0, none),
        text: stored.map(zerosText),
      },
    ];
  }
  /** @param {string} label @param {(layer: Member['layers'][number]) => number} value @param {(layer: Member['layers'][number]) => string} title */
  function row(label, value, title) {
    const values = layers.map(value);
    return {
      label,
      values,
      text: values.map((each) => (each === 0 ? '–' : String(Number(each.toPrecision(3))))),
      title: layers.map(title),
    };
  }
  return h(
    'div',
    { class: 'table-scroll', tabindex: 0, role: 'region', 'aria-label': 'Heat map of the layers' },
    h(
      'table',
      { class: 'heat' },
      h('caption', { class: 'visually-hidden' }, 'Layers of the chosen candidate; trained sizes'),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          h('th', { scope: 'col', class: 'left' }, 'Layer'),
          layers.map((_, at) => h('th', { scope: 'col' }, at)),
        ),
      ),
      h(
        'tbody',
        {},
        rows.map(({ label, values, text, title }) => {
          const most = Math.max(...values);
          return h(
            'tr',
            {},
            h('th', { scope: 'row', class: 'left' }, label),
            values.map((value, at) => {
              const cell = h('td', { title: title[at] === '' ? undefined : title[at] }, text[at]);
              cell.style.setProperty('--heat', String(most === 0 ? 0 : value / most));
              return cell;
            }),
          );
        }),
      ),
    ),
  );
}
