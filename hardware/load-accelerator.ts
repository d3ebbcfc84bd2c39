// Reads accelerator files: the only place in hardware/ that touches the disk.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LineCounter, parseDocument, stringify } from 'yaml';
import { didYouMean } from '../space/did-you-mean.ts';
import type { Accelerator } from './accelerator.ts';
import {
  type AcceleratorFile,
  acceleratorFileSchema,
  danglingNames,
  toAccelerator,
} from './accelerator-schema.ts';
import { HardwareError } from './errors.ts';

/** The catalogue lies beside this file, in the source tree as in the build. */
const CATALOGUE = fileURLToPath(new URL('./accelerators', import.meta.url));

/** Names of the catalogue, sorted. */
export function listAccelerators(): readonly string[] {
  return readdirSync(CATALOGUE)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .sort();
}

function isPath(nameOrPath: string): boolean {
  return /[/\\]/.test(nameOrPath) || /\.ya?ml$/.test(nameOrPath);
}

function resolveFile(nameOrPath: string): string {
  if (isPath(nameOrPath)) {
    if (existsSync(nameOrPath)) return nameOrPath;
    throw new HardwareError('unknown-accelerator', `no accelerator file ${nameOrPath}`);
  }
  const names = listAccelerators();
  if (names.includes(nameOrPath)) return join(CATALOGUE, `${nameOrPath}.yaml`);
  // Short names of families are what people type: h100, ai100.
  const word = nameOrPath.toLowerCase();
  const holding = word.length > 1 ? names.filter((name) => name.includes(word)) : [];
  const hint =
    holding.length === 0 ? didYouMean(nameOrPath, names) : ` (did you mean ${holding.join(' or ')}?)`;
  throw new HardwareError(
    'unknown-accelerator',
    `unknown accelerator ${JSON.stringify(nameOrPath)}${hint}; known: ${names.join(', ')}; or give the path of a .yaml file`,
  );
}

/** The text of an accelerator file, checked. @throws HardwareError with `file:line:column path: message`. */
export function parseAcceleratorFile(text: string, file: string): AcceleratorFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, version: '1.2' });
  const fail = (line: number, column: number, message: string): never => {
    throw new HardwareError('bad-accelerator-file', `${file}:${line}:${column} ${message}`);
  };
  const failAt = (path: readonly PropertyKey[], message: string): never => {
    for (let depth = path.length; depth >= 0; depth -= 1) {
      const node = depth === 0 ? document.contents : document.getIn(path.slice(0, depth), true);
      const range = (node as { range?: readonly number[] } | undefined)?.range;
      if (range === undefined || range === null) continue;
      const { line, col } = lines.linePos(range[0]!);
      return fail(line, col, `${path.map(String).join('.')}: ${message}`);
    }
    return fail(1, 1, `${path.map(String).join('.')}: ${message}`);
  };
  const problem = document.errors[0];
  if (problem !== undefined) {
    const { line, col } = lines.linePos(problem.pos[0]);
    fail(line, col, problem.message.split('\n')[0]!);
  }
  const parsed = acceleratorFileSchema.safeParse(document.toJS({ maxAliasCount: 100 }));
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    return failAt(issue.path, issue.message);
  }
  const dangling = danglingNames(parsed.data)[0];
  if (dangling !== undefined) return failAt(dangling.path.split('.'), dangling.message);
  return parsed.data;
}

/**
 * An accelerator of the catalogue by name, or a user's own file by path (anything with a slash or ending in .yaml).
 * @throws HardwareError when the name is unknown or the file lacks a figure; nothing is ever filled in.
 */
export function loadAccelerator(nameOrPath: string): Accelerator {
  return toAccelerator(readAcceleratorFile(nameOrPath));
}

/** The file of an accelerator as written, checked. @throws as {@link loadAccelerator}. */
export function readAcceleratorFile(nameOrPath: string): AcceleratorFile {
  const file = resolveFile(nameOrPath);
  return parseAcceleratorFile(readFileSync(file, 'utf8'), file);
}

/** The text of an accelerator file: what {@link parseAcceleratorFile} reads. */
export function formatAcceleratorFile(file: AcceleratorFile): string {
  return stringify(file, { lineWidth: 110, flowCollectionPadding: false });
}
