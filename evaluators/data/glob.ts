// A small file glob: `*` and `?` inside one path segment, `**` for any number of folders. Everything else,
// brackets and braces included, is literal. Hidden entries match only a segment that itself starts with a dot.
import { type Dirent, readdirSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';

/** True where a path holds a wildcard. */
export function isGlob(pattern: string): boolean {
  return /[*?]/.test(pattern);
}

/**
 * The regular files that a pattern with a wildcard matches, sorted by code unit, as paths in the pattern's own terms.
 * Symbolic links to files are followed, links to folders are not, so that the walk always ends.
 * @throws the file system's error for a folder that cannot be read.
 */
export function findFiles(pattern: string, baseFolder: string): string[] {
  const segments = pattern
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.')
    .filter((segment, i, all) => segment !== '**' || all[i - 1] !== '**');
  const nFixed = segments.findIndex(isGlob);
  const prefix = (isAbsolute(pattern) ? '/' : '') + segments.slice(0, nFixed).join('/');
  const found = new Set<string>();
  walk(prefix, baseFolder, segments.slice(nFixed), found);
  return [...found].sort();
}

/** Collects in `found` what lies in `folder` and matches the remaining segments; `root` anchors relative folders. */
function walk(folder: string, root: string, segments: readonly string[], found: Set<string>): void {
  const [first, ...rest] = segments;
  if (first === undefined) return;
  if (first === '**' && rest.length > 0) walk(folder, root, rest, found);
  const matches = first === '**' ? (name: string) => !name.startsWith('.') : segmentMatcher(first);
  for (const entry of entriesOf(folder, root)) {
    if (!matches(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) walk(path, root, first === '**' ? segments : rest, found);
    // A trailing `**` matches files at any depth.
    else if (rest.length === 0 && isFile(entry, resolve(root, path))) found.add(path);
  }
}

function entriesOf(folder: string, root: string): Dirent[] {
  try {
    return readdirSync(resolve(root, folder), { withFileTypes: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}

function isFile(entry: Dirent, path: string): boolean {
  if (!entry.isSymbolicLink()) return entry.isFile();
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** Wildcards of one segment, matched greedily with one point of return: linear in practice, never exponential. */
function segmentMatcher(segment: string): (name: string) => boolean {
  return (name) => {
    if (name.startsWith('.') && !segment.startsWith('.')) return false;
    let s = 0;
    let n = 0;
    let star = -1;
    let resume = 0;
    while (n < name.length) {
      if (segment[s] === '*') {
        star = s++;
        resume = n;
      } else if (s < segment.length && (segment[s] === '?' || segment[s] === name[n])) {
        s++;
        n++;
      } else if (star >= 0) {
        s = star + 1;
        n = ++resume;
      } else return false;
    }
    while (segment[s] === '*') s++;
    return s === segment.length;
  };
}
