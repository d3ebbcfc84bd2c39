// Links of the documentation lead somewhere: to a file of the project and, where they name one, to a heading in it.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { pages, ROOT } from './blocks.ts';

function withoutCode(text: string): string {
  return text
    .replace(/^```[\s\S]*?^```/gm, '')
    .replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()]/g, ' '));
}

/** Anchors as GitHub makes them. */
function anchorsOf(file: string): string[] {
  const headings = [
    ...readFileSync(file, 'utf8')
      .replace(/^```[\s\S]*?^```/gm, '')
      .matchAll(/^#+ (.+)$/gm),
  ];
  return headings.map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{Letter}\p{Number} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

it.each([...pages, join(ROOT, 'CONTRIBUTING.md')].map((page) => [relative(ROOT, page), page]))(
  '%s',
  (_name, page) => {
    const links = [...withoutCode(readFileSync(page, 'utf8')).matchAll(/\]\(([^)\s]+)\)/g)].map(
      ([, to]) => to!,
    );
    for (const link of links) {
      if (/^https?:/.test(link)) continue;
      const [path, anchor] = link.split('#') as [string, string?];
      const file = path === '' ? page : resolve(dirname(page), path);
      expect(existsSync(file), link).toBe(true);
      if (anchor !== undefined && statSync(file).isFile()) expect(anchorsOf(file), link).toContain(anchor);
    }
  },
);

it('every page of docs/ is reached from the README', () => {
  const seen = new Set<string>();
  const visit = (page: string): void => {
    if (seen.has(page)) return;
    seen.add(page);
    for (const [, to] of withoutCode(readFileSync(page, 'utf8')).matchAll(
      /\]\(([^)#\s]+\.md)(?:#[^)]*)?\)/g,
    )) {
      if (!/^https?:/.test(to!)) visit(resolve(dirname(page), to!));
    }
  };
  visit(pages[0]!);
  expect(pages.filter((page) => !seen.has(page))).toEqual([]);
});
