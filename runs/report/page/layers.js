// The layers of one candidate as a heat map that is a table, so that everyone can read it.
import { h } from './dom.js';

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
    {
      ...row(
        'Weight format',
        (layer) => layer.bitsPerWeight,
        () => '',
      ),
      text: layers.map(({ weightFormat }) => weightFormat),
    },
    row(
      'Bits a weight',
      (layer) => layer.bitsPerWeight,
      () => 'scales and sparse indices included',
    ),
    {
      ...row(
        'Zeros',
        (layer) => layer.sparsity,
        () => '',
      ),
      text: layers.map(({ sparsity }) => (sparsity === 0 ? 'dense' : `${Math.round(100 * sparsity)} %`)),
    },
  ];
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
