// The fenced blocks of the documentation, with their place.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');

interface Block {
  /** `docs/report.md:8`: the line of the fence. */
  readonly place: string;
  readonly file: string;
  /** What stands behind the fence: `sh`, `ts`, `yaml`; empty for pictures of characters. */
  readonly language: string;
  readonly text: string;
}

/** The README first, then the pages of docs/. */
export const pages = [
  join(ROOT, 'README.md'),
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(ROOT, 'docs', name)),
];

const blocks: readonly Block[] = pages.flatMap((page) => {
  const file = relative(ROOT, page);
  const lines = readFileSync(page, 'utf8').split('\n');
  const found: Block[] = [];
  let open: { at: number; language: string } | undefined;
  for (const [at, line] of lines.entries()) {
    const fence = /^```(\S*)\s*$/.exec(line);
    if (fence === null) continue;
    if (open === undefined) open = { at, language: fence[1]! };
    else {
      const text = lines.slice(open.at + 1, at).join('\n');
      found.push({ place: `${file}:${open.at + 1}`, file, language: open.language, text });
      open = undefined;
    }
  }
  if (open !== undefined) throw new Error(`${file}:${open.at + 1}: the block has no end`);
  return found;
});

export const blocksIn = (...languages: string[]) =>
  blocks.filter(({ language }) => languages.includes(language));
