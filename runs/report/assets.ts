// The files of the page, as they go into a report or come from the server: read once, joined, never served from disk.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

export interface PageAssets {
  readonly css: string;
  readonly script: string;
  /** The chart library, minified; Apache-2.0. */
  readonly charts: string;
}

const FOLDER = new URL('./page/', import.meta.url);
const IMPORT = /^import\s*(\{[^}]*\}\s*from\s*)?'\.\/([\w-]+\.js)';\n/gm;

let assets: PageAssets | undefined;

/** The page's style and scripts. */
export function pageAssets(): PageAssets {
  assets ??= {
    css: readFileSync(new URL('page.css', FOLDER), 'utf8'),
    script: joinModules('main.js'),
    charts: readFileSync(createRequire(import.meta.url).resolve('echarts/dist/echarts.min.js'), 'utf8'),
  };
  return assets;
}

/**
 * The modules that `entry` needs as one classic script: each after what it imports, without imports and exports. Names
 * at the top of the page's modules are distinct, which the parser would tell.
 */
function joinModules(entry: string): string {
  const known = new Set(readdirSync(FOLDER));
  const done = new Set<string>();
  const parts: string[] = [];
  const add = (file: string): void => {
    if (done.has(file)) return;
    if (!known.has(file)) throw new Error(`the page has no ${file}`);
    done.add(file);
    const source = readFileSync(new URL(file, FOLDER), 'utf8');
    for (const [, , needed] of source.matchAll(IMPORT)) add(needed!);
    parts.push(source.replace(IMPORT, '').replace(/^export /gm, ''));
  };
  add(entry);
  return `'use strict';\n(() => {\n${parts.join('\n')}})();\n`;
}

/** A source expression of a content security policy that admits exactly this text. */
export function cspHash(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
