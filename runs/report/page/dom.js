// Elements from plain values. Text only ever becomes a text node, so that no name of a run can become markup.

/**
 * @param {string} tag
 * @param {Record<string, string | number | boolean | undefined | ((event: any) => unknown)>} [properties] attributes; functions become listeners, true an empty attribute
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'function') {
      element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    } else if (value === true) element.setAttribute(name, '');
    else if (value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
  append(element, children);
  return element;
}

/** @param {Element} parent @param {Child} child */
function append(parent, child) {
  if (child === undefined || child === null || child === false) return;
  if (typeof child === 'object' && !(child instanceof Node)) {
    for (const each of child) append(parent, each);
  } else parent.append(child instanceof Node ? child : String(child));
}

/** Replaces what an element holds; the focus stays on the element of the same id. @param {Element} parent @param {...Child} children */
export function fill(parent, ...children) {
  const focused = parent.contains(document.activeElement) ? document.activeElement?.id : '';
  parent.replaceChildren();
  append(parent, children);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

/**
 * A labelled choice.
 * @param {string} label
 * @param {readonly { readonly value: string, readonly text: string }[]} options
 * @param {string} value
 * @param {(value: string) => void} onChange
 */
export function select(label, options, value, onChange) {
  const element = /** @type {HTMLSelectElement} */ (
    h(
      'select',
      { onchange: () => onChange(element.value) },
      options.map((option) => h('option', { value: option.value }, option.text)),
    )
  );
  element.value = value;
  return h('label', { class: 'field' }, h('span', {}, label), element);
}

/**
 * A labelled box to tick.
 * @param {string} label
 * @param {boolean} checked
 * @param {(checked: boolean) => void} onChange
 * @param {string} [swatch] class of the mark that stands for it in a chart
 */
export function checkbox(label, checked, onChange, swatch) {
  const element = /** @type {HTMLInputElement} */ (
    h('input', { type: 'checkbox', checked, onchange: () => onChange(element.checked) })
  );
  return h('label', { class: 'check' }, element, swatch && h('i', { class: `swatch ${swatch}` }), label);
}

/** Buttons of which one is pressed. @param {string} label @param {readonly { readonly value: string, readonly text: string }[]} options @param {string} value @param {(value: string) => void} onChange */
export function segmented(label, options, value, onChange) {
  const buttons = options.map((option) =>
    h(
      'button',
      {
        type: 'button',
        'aria-pressed': String(option.value === value),
        onclick: () => {
          for (const [at, button] of buttons.entries())
            button.setAttribute('aria-pressed', String(options[at]?.value === option.value));
          onChange(option.value);
        },
      },
      option.text,
    ),
  );
  return h('div', { class: 'segmented', role: 'group', 'aria-label': label }, buttons);
}

/** Tells those who cannot see the page what has changed. @param {string} text */
export function announce(text) {
  let region = document.getElementById('announcements');
  if (region === null) {
    region = h('div', {
      id: 'announcements',
      class: 'visually-hidden',
      'aria-live': 'polite',
      role: 'status',
    });
    document.body.append(region);
  }
  region.textContent = text;
}
