// Tables that sort by any column; every chart has one beside it.
import { h } from './dom.js';

/**
 * @typedef {object} TableColumn
 * @property {string} label
 * @property {'left' | 'right'} [align] numbers stand right, which is the default
 * @property {(row: any) => Child} cell
 * @property {(row: any) => number | string | undefined} [sort] absent = the column does not sort
 * @property {string} [title]
 */

/**
 * How each table stood when it was last drawn, so that a live page or another choice leaves it as it is.
 * @type {Map<string, { id: string, order?: { at: number, descending: boolean }, box?: HTMLElement }>}
 */
const stands = new Map();

/** @param {string} key */
function standOf(key) {
  let stand = stands.get(key);
  if (stand === undefined) {
    stand = { id: `table-${stands.size}` };
    stands.set(key, stand);
  }
  return stand;
}

/**
 * @param {object} options
 * @param {string} options.caption read out; shown unless `isCaptionHidden`
 * @param {boolean} [options.isCaptionHidden]
 * @param {readonly TableColumn[]} options.columns the first is the row's heading
 * @param {readonly any[]} options.rows
 * @param {(row: any) => string} [options.rowClass]
 * @param {string} [options.key] what the table is known by when it is drawn again; its caption, unless that changes
 */
export function table({ caption, isCaptionHidden = true, columns, rows, rowClass, key = caption }) {
  const body = h('tbody');
  const now = standOf(key);
  const fillBody = () => {
    const { order } = now;
    const sorted = order === undefined ? rows : sortRows(rows, columns[order.at]?.sort, order.descending);
    body.replaceChildren(
      ...sorted.map((row) =>
        h(
          'tr',
          { class: rowClass?.(row) },
          columns.map((column, at) =>
            h(
              at === 0 ? 'th' : 'td',
              { class: column.align ?? 'right', ...(at === 0 ? { scope: 'row' } : {}) },
              column.cell(row),
            ),
          ),
        ),
      ),
    );
  };
  const heads = columns.map((column, at) => {
    const head = h('th', { scope: 'col', class: column.align ?? 'right', title: column.title });
    if (column.sort === undefined) head.append(column.label);
    else {
      const sort = () => {
        now.order = { at, descending: now.order?.at === at ? !now.order.descending : false };
        showOrder();
        fillBody();
      };
      head.append(
        h('button', { type: 'button', class: 'sort', id: `${now.id}-${at}`, onclick: sort }, column.label),
      );
    }
    return head;
  });
  const showOrder = () => {
    for (const [at, head] of heads.entries()) {
      if (now.order?.at !== at) head.removeAttribute('aria-sort');
      else head.setAttribute('aria-sort', now.order.descending ? 'descending' : 'ascending');
    }
  };
  showOrder();
  fillBody();
  const box = h(
    'div',
    {
      class: 'table-scroll',
      tabindex: 0,
      role: 'region',
      'aria-label': caption,
    },
    h(
      'table',
      {},
      h('caption', isCaptionHidden ? { class: 'visually-hidden' } : {}, caption),
      h('thead', {}, h('tr', {}, heads)),
      body,
    ),
  );
  // The table that this one takes the place of is still there to be asked; only what is part of the page can scroll.
  const { scrollTop = 0, scrollLeft = 0 } = now.box ?? {};
  now.box = box;
  if (scrollTop > 0 || scrollLeft > 0) queueMicrotask(() => box.scrollTo(scrollLeft, scrollTop));
  return box;
}

/** @param {readonly any[]} rows @param {((row: any) => number | string | undefined) | undefined} key @param {boolean} descending */
function sortRows(rows, key, descending) {
  if (key === undefined) return rows;
  const direction = descending ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x === undefined || y === undefined) return Number(x === undefined) - Number(y === undefined);
    if (typeof x === 'number' && typeof y === 'number') return direction * (x - y);
    return direction * (String(x) < String(y) ? -1 : String(x) > String(y) ? 1 : 0);
  });
}

/** Summaries of the disclosures that stand open, for when they are drawn again. @type {Set<string>} */
const opened = new Set();

/** A disclosure with the table of a chart. @param {string} summary @param {() => Child} content made when first opened */
export function disclosure(summary, content) {
  let isFilled = false;
  const details = /** @type {HTMLDetailsElement} */ (
    h('details', {
      class: 'disclosure',
      ontoggle: () => {
        if (details.open) opened.add(summary);
        else opened.delete(summary);
        if (isFilled) return;
        isFilled = true;
        details.append(h('div', {}, content()));
      },
    })
  );
  details.append(h('summary', { id: `open-${summary.replaceAll(/\W+/g, '-')}` }, summary));
  details.open = opened.has(summary);
  return details;
}

/** A bar as long as a share, for the cells of tables. @param {number} share 0..1 @param {number} [mark] a tick at another share */
export function bar(share, mark) {
  const fillElement = h('i', { class: 'bar-fill' });
  fillElement.style.width = `${Math.min(1, Math.max(0, share)) * 100}%`;
  const element = h('span', { class: 'bar', 'aria-hidden': 'true' }, fillElement);
  if (mark !== undefined) {
    const tick = h('i', { class: 'bar-mark' });
    tick.style.left = `${Math.min(1, Math.max(0, mark)) * 100}%`;
    element.append(tick);
  }
  return element;
}
