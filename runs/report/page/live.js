// The live pages: all runs, one run, several runs compared. They ask their server and listen for changes.

import { ask } from './ask.js';
import { comparePage } from './compare-runs.js';
import { checkbox, fill, h } from './dom.js';
import { formatWhole } from './format.js';
import { createReport } from './report.js';
import { table } from './table.js';
import { formatDuration } from './units.js';

/** @param {HTMLElement} root @param {any} boot */
export function startLive(root, boot) {
  if (boot.kind === 'message') {
    document.getElementById('connection')?.replaceChildren('Nothing to follow');
    root.replaceChildren(
      h('h1', {}, 'Not here'),
      h('p', {}, boot.text),
      h('p', {}, h('a', { href: '/' }, 'All runs')),
    );
    return;
  }
  // A large run takes seconds to be read.
  root.replaceChildren(h('p', { class: 'muted' }, 'Reading the database …'));
  const show =
    boot.kind === 'run'
      ? runPage(root, boot.id)
      : boot.kind === 'compare'
        ? comparePage(root, boot.ids)
        : runsPage(root);
  refreshOnChange(root, show);
}

/**
 * Asks at once and after every change; never twice at a time.
 * @param {HTMLElement} root
 * @param {() => Promise<void>} show
 */
function refreshOnChange(root, show) {
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
        const message = error instanceof Error ? error.message : String(error);
        if (connection) connection.textContent = `Not up to date: ${message}`;
        if (root.querySelector('h1') === null) {
          root.replaceChildren(h('h1', {}, 'This cannot be shown'), h('p', {}, `${message}.`));
        }
      }
    }
    isBusy = false;
  };
  const changes = new EventSource('/api/changes');
  changes.addEventListener('open', () => {
    if (connection) connection.textContent = 'Live';
    void refresh();
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
        ],
        rows: runs,
      }),
    );
  };
}
