// Starts the page: a report carries its data with it, a live page asks its server.
import { h } from './dom.js';
import { startLive } from './live.js';
import { createReport, themeSwitch } from './report.js';

const root = /** @type {HTMLElement} */ (document.getElementById('content'));
const data = JSON.parse(document.getElementById('data')?.textContent ?? '{}');
document.getElementById('theme')?.append(themeSwitch());
if (data.kind === 'report') createReport(root, data.report);
else startLive(root, data);
document.body.append(
  h('div', { id: 'announcements', class: 'visually-hidden', 'aria-live': 'polite', role: 'status' }),
);
