// The front as a scatter of any two quantities: what is dominated stays faint, constraints are drawn where they cut.
import { createChart } from './chart.js';
import { announce, checkbox, fill, h, segmented, select } from './dom.js';
import { formatUnit, labelOf, marksText } from './format.js';
import { chosenSeries, scatterOption } from './scatter-option.js';
import { pointLayers, pointOf, STANDING_LABELS, STANDING_NAMES } from './scatter-points.js';
import { columnOf, metricOf, pointIndex } from './state.js';

/** @param {ReportData} data @param {import('./state.js').State} state */
export function scatterSection(data, state) {
  let current = data;
  const controls = h('div', { class: 'controls' });
  const legend = h('div', { class: 'controls legend' });
  const note = h('p', { class: 'note' });
  const chart = createChart({
    className: 'chart-scatter',
    label: () => describe(current, state.get()),
    option: (colours, width) => scatterOption(current, state.get(), colours, width),
    onPick: (item) => {
      const candidate = pointOf(current, state.get(), item)?.candidate;
      if (candidate !== undefined) choose(candidate);
    },
  });
  /** @param {number} candidate */
  const choose = (candidate) => {
    state.set({ candidate });
    announce(sentence(current, candidate));
  };
  const frame = h(
    'div',
    {
      class: 'chart-frame',
      tabindex: 0,
      role: 'group',
      'aria-label': 'Scatter of candidates. Arrow keys walk along the front, Home and End go to its ends.',
      onkeydown: (/** @type {KeyboardEvent} */ event) => walk(event, current, state.get(), choose),
    },
    chart.element,
  );
  const renderControls = () => {
    const { x, y, colour, view, logX, logY, hidden } = state.get();
    const metrics = current.metrics.map(({ name }) => ({ value: name, text: labelOf(name) }));
    const genes = Object.keys(current.points.genes).map((name) => ({ value: name, text: labelOf(name) }));
    fill(
      controls,
      select('Across', metrics, x, (value) => state.set({ x: value })),
      select('Up', metrics, y, (value) => state.set({ y: value })),
      select('Colour', [{ value: '', text: 'none' }, ...metrics, ...genes], colour, (value) =>
        state.set({ colour: value }),
      ),
      segmented(
        'Part shown',
        [
          { value: 'front', text: 'Around the front' },
          { value: 'all', text: 'All' },
        ],
        view,
        (value) => state.set({ view: value === 'all' ? 'all' : 'front' }),
      ),
      checkbox('Log across', logX, (value) => state.set({ logX: value })),
      checkbox('Log up', logY, (value) => state.set({ logY: value })),
    );
    const counts = STANDING_NAMES.map(
      (_, at) => current.points.standing.filter((each) => each === at).length,
    );
    fill(
      legend,
      STANDING_NAMES.map((name, at) =>
        counts[at] === 0
          ? undefined
          : checkbox(
              `${STANDING_LABELS[at]} (${counts[at]})`,
              !hidden.has(name),
              (isShown) => {
                const next = new Set(state.get().hidden);
                if (isShown) next.delete(name);
                else next.add(name);
                state.set({ hidden: next });
              },
              `swatch-${name}`,
            ),
      ),
    );
    const { nEvaluated, candidate } = current.points;
    const thinned =
      candidate.length < nEvaluated
        ? ` ${candidate.length} of ${nEvaluated} candidates are drawn, the front in full.`
        : '';
    note.textContent = `Losses of candidates that stopped at a lower rung come from less training.${thinned}`;
  };
  state.listen((choices, before) => {
    // Only the ring moves where only the choice has changed: large runs are drawn once.
    if (isOnlyChoice(choices, before))
      chart.patch({ series: [chosenSeries(pointLayers(current, choices).layers.flat(), choices)] });
    else chart.draw();
  });
  renderControls();
  return {
    element: h('div', {}, controls, frame, legend, note),
    draw: chart.draw,
    /** @param {ReportData} next */
    update: (next) => {
      current = next;
      renderControls();
      chart.draw();
    },
  };
}

/** @param {ReportData} data @param {import('./state.js').Choices} choices */
function describe(data, { x, y }) {
  const { front, points } = data;
  return `Scatter of ${points.candidate.length} candidates, ${labelOf(x)} across and ${labelOf(y)} up; ${front.nMembers} on the front. The table below holds the same values.`;
}

/** @param {ReportData} data @param {number} candidate */
export function sentence(data, candidate) {
  const at = pointIndex(data).get(candidate);
  if (at === undefined) return `Candidate ${candidate}`;
  const values = data.objectives.map(
    (name) =>
      `${labelOf(name)} ${formatUnit(metricOf(data, name)?.unit ?? '', /** @type {number} */ (columnOf(data, name)[at]))}`,
  );
  const marks = data.members.find((member) => member.candidate === candidate)?.marks;
  return `Candidate ${candidate}: ${values.join(', ')}${marks ? `. ${marksText(marks)}` : ''}`;
}

/** @param {KeyboardEvent} event @param {ReportData} data @param {import('./state.js').Choices} choices @param {(candidate: number) => void} choose */
function walk(event, data, { x, candidate }, choose) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -1e9, End: 1e9 }[event.key];
  if (step === undefined || event.target !== event.currentTarget) return;
  event.preventDefault();
  const values = columnOf(data, x);
  const order = data.points.standing
    .flatMap((standing, at) => (standing === 0 ? [at] : []))
    .sort((a, b) => Number(values[a]) - Number(values[b]));
  const here = order.findIndex((at) => data.points.candidate[at] === candidate);
  const next = order[Math.min(order.length - 1, Math.max(0, Math.max(here, 0) + step))];
  if (next !== undefined) choose(data.points.candidate[next] ?? 0);
}

/** @param {import('./state.js').Choices} now @param {import('./state.js').Choices} before */
function isOnlyChoice(now, before) {
  const names = /** @type {(keyof typeof now)[]} */ (Object.keys(now));
  return names.every((name) => name === 'candidate' || now[name] === before[name]);
}
