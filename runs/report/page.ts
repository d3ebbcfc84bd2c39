// The HTML around the page's scripts. Data goes in as inert JSON; the policy forbids every request.

import { formatMetric, metricHeading } from '../format.ts';
import { cspHash, pageAssets } from './assets.ts';
import type { ReportData } from './report-data.ts';

/** What the page starts from: a run that it carries, or a server to ask. */
export type Boot =
  | { readonly kind: 'report'; readonly report: ReportData }
  | { readonly kind: 'runs' }
  | { readonly kind: 'run'; readonly id: string }
  | { readonly kind: 'compare'; readonly ids: readonly string[] }
  | { readonly kind: 'message'; readonly text: string };

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text for the inside of an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character]!);
}

/** JSON that cannot end the script element it stands in, whatever the strings hold. */
export function inertJson(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');
}

/** One self-contained page: it works from a file, without a network. */
export function reportHtml(report: ReportData): string {
  const assets = pageAssets();
  const policy = [
    "default-src 'none'",
    `script-src ${cspHash(assets.charts)} ${cspHash(assets.script)}`,
    `style-src ${cspHash(assets.css)}`,
    'img-src data: blob:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return document(
    report.run.name,
    { kind: 'report', report },
    {
      head: `<meta http-equiv="Content-Security-Policy" content="${escapeHtml(policy)}">\n<style>${assets.css}</style>`,
      nav: '',
      scripts: `<script>${assets.charts}</script>\n<script>${assets.script}</script>`,
      noScript: frontWithoutScript(report),
      footer: `Written by ${escapeHtml(report.run.writtenBy)} from run ${escapeHtml(report.run.id)}. Charts: Apache ECharts.`,
    },
  );
}

/** The page that `serve` sends: style and scripts come from fixed paths of the same server. */
export function liveHtml(title: string, boot: Boot): string {
  return document(title, boot, {
    head: '<link rel="stylesheet" href="/assets/page.css">',
    nav: '<nav aria-label="Pages"><a href="/">All runs</a></nav>',
    scripts: '<script src="/assets/charts.js"></script>\n<script src="/assets/page.js"></script>',
    noScript:
      '<p>This page needs scripts. <code>paretoformer front latest</code> shows a front in the terminal.</p>',
    footer:
      '<span id="connection" role="status">Connecting</span>. Read-only; served from this machine. Charts: Apache ECharts.',
  });
}

interface Parts {
  readonly head: string;
  readonly nav: string;
  readonly scripts: string;
  readonly noScript: string;
  readonly footer: string;
}

function document(title: string, boot: Boot, { head, nav, scripts, noScript, footer }: Parts): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(title)} · Paretoformer</title>
<link rel="icon" href="data:,">
${head}
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<div class="shell">
<header class="bar-top">${boot.kind === 'report' ? '<span class="brand">Paretoformer</span>' : '<a class="brand" href="/">Paretoformer</a>'}${nav}<div id="theme"></div></header>
<main id="content"><noscript>${noScript}</noscript></main>
<footer>${footer}</footer>
</div>
<script type="application/json" id="data">${inertJson(boot)}</script>
${scripts}
</body>
</html>
`;
}

/** The front as a plain table, for readers without scripts. */
function frontWithoutScript({ run, members, objectives, metrics }: ReportData): string {
  const table = Object.fromEntries(metrics.map((metric) => [metric.name, metric]));
  const cell = (tag: string, text: string) => `<${tag}>${escapeHtml(text)}</${tag}>`;
  const head = ['candidate', ...objectives.map((name) => metricHeading(table, name)), 'marked', 'model'];
  const rows = members.map(({ candidate, values, marks, shape }) => [
    String(candidate),
    ...objectives.map((metric) => formatMetric(table, metric, values[metric])),
    marks ?? '',
    shape,
  ]);
  const lines = [
    `<tr>${head.map((text) => cell('th', text)).join('')}</tr>`,
    ...rows.map((row) => `<tr>${row.map((text) => cell('td', text)).join('')}</tr>`),
  ].join('\n');
  return `${cell('h1', run.name)}<p>The charts need scripts; this is the front.</p><table>${lines}</table>`;
}
