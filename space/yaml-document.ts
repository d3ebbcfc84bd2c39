// YAML text -> plain data, with the place of every value and key. One document, no tags of its own,
// no duplicate keys, no alias bombs.
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Node as YamlNode,
} from 'yaml';
import { type Place, SpecError, type SpecIssue } from './spec-error.ts';

const LARGEST_BYTES = 1_000_000;
const MOST_ALIASES = 100;

type Position = Pick<Place, 'line' | 'column'>;

export interface YamlDocument {
  readonly data: unknown;
  /** Place of the value at `path`, or of the deepest ancestor that is there; of `key` in it, where given. */
  locate(path: readonly PropertyKey[], key?: string): Position;
  /** Place `offset` characters into the text of the scalar at `path`; its start where the text is not written plainly. */
  locateInside(path: readonly PropertyKey[], offset: number): Position;
}

/**
 * Reads one YAML 1.2 document.
 * @throws {SpecError} naming `fileName`, with line and column.
 */
export function readYaml(text: string, fileName: string): YamlDocument {
  const fail = (place: Position, message: string) =>
    new SpecError([{ place: { file: fileName, ...place }, path: '', message }]);
  const start: Position = { line: 1, column: 1 };
  if (Buffer.byteLength(text) > LARGEST_BYTES) throw fail(start, `larger than ${LARGEST_BYTES / 1e6} MB`);
  const lines = new LineCounter();
  const place = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return line === 0 ? start : { line, column: col };
  };
  try {
    const document = parseDocument(text, {
      version: '1.2',
      uniqueKeys: true,
      lineCounter: lines,
      prettyErrors: false,
    });
    const problems = syntaxIssues(document, fileName, place);
    if (problems.length > 0) throw new SpecError(problems);
    const data = toData(document, (offset, message) => fail(place(offset), message));
    return {
      data,
      locate: (path, key) => place(offsetOf(document, path, key)),
      locateInside: (path, offset) => place(offsetInside(document, path, offset)),
    };
  } catch (error) {
    // Only a document thousands of levels deep exhausts the stack of the parser.
    if (error instanceof RangeError) throw fail(start, 'nested too deeply');
    throw error;
  }
}

function syntaxIssues(document: Document, file: string, place: (offset: number) => Position): SpecIssue[] {
  // A warning is an unknown tag or directive: it would silently change what the file means.
  const found = [...document.errors, ...document.warnings];
  if (found.some(({ message }) => message.includes('call stack'))) throw new RangeError('too deep');
  // What follows a syntax error is mostly its echo.
  return found.slice(0, 1).map((problem) => ({
    place: { file, ...place(problem.pos[0]) },
    path: '',
    message: syntaxMessage(problem.code, problem.message),
  }));
}

function syntaxMessage(code: string, message: string): string {
  const line = message.replace(/\s+/g, ' ').trim();
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'this key is there twice';
    case 'MULTIPLE_DOCS':
      return 'a second document starts here: one file holds one specification';
    case 'TAG_RESOLVE_FAILED':
      return `tags are not allowed: ${line}`;
    default:
      return `not valid YAML: ${line}`;
  }
}

function toData(document: Document, fail: (offset: number, message: string) => SpecError): unknown {
  try {
    return document.toJS({ maxAliasCount: MOST_ALIASES });
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    let offset = 0;
    visit(document, {
      Alias: (_, node) => {
        offset = node.range?.[0] ?? 0;
        return visit.BREAK;
      },
    });
    throw fail(offset, 'aliases expand to too much: write the values out');
  }
}

function resolved(document: Document, node: unknown): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

/** The nodes along `path`, from the root to the deepest that exists; an alias is followed. */
function walk(document: Document, path: readonly PropertyKey[]): YamlNode[] {
  const nodes: YamlNode[] = [];
  let node: unknown = document.contents;
  for (const key of [undefined, ...path]) {
    if (key !== undefined) {
      const parent = resolved(document, node);
      if (isMap(parent)) node = parent.get(key, true);
      else if (isSeq(parent)) node = parent.get(key as number, true);
      else return nodes;
    }
    if (node === undefined || node === null) return nodes;
    nodes.push(node as YamlNode);
  }
  return nodes;
}

function offsetOf(document: Document, path: readonly PropertyKey[], key?: string): number {
  const nodes = walk(document, path);
  const last = nodes.at(-1);
  if (last === undefined) return 0;
  if (key !== undefined && nodes.length === path.length + 1) {
    const map = resolved(document, last);
    const pair = isMap(map)
      ? map.items.find((item) => isScalar(item.key) && item.key.value === key)
      : undefined;
    if (isScalar(pair?.key)) return pair.key.range?.[0] ?? 0;
  }
  // A key that is missing, or a value that is empty, is reported at the key that should hold it.
  const isMissing = nodes.length <= path.length;
  const isEmpty = isScalar(last) && last.value === null;
  if ((isMissing || isEmpty) && isMap(resolved(document, nodes.at(-2)))) {
    return offsetOf(document, path.slice(0, nodes.length - 2), String(path[nodes.length - 2]));
  }
  return last.range?.[0] ?? 0;
}

function offsetInside(document: Document, path: readonly PropertyKey[], offset: number): number {
  const nodes = walk(document, path);
  const last = nodes.at(-1);
  const start = last?.range?.[0] ?? 0;
  if (nodes.length !== path.length + 1 || !isScalar(last) || !isPlainlyWritten(last)) return start;
  return start + offset + (last.type === 'PLAIN' ? 0 : 1);
}

/** Whether the scalar's characters are in the file as they are in its value: no escapes, no folded lines. */
function isPlainlyWritten(node: {
  type?: string;
  value: unknown;
  range?: readonly number[] | null;
}): boolean {
  if (typeof node.value !== 'string' || !node.range) return false;
  const quotes = node.type === 'PLAIN' ? 0 : 2;
  const written = node.range[1]! - node.range[0]!;
  return (
    /^(PLAIN|QUOTE_SINGLE|QUOTE_DOUBLE)$/.test(node.type ?? '') && written === node.value.length + quotes
  );
}
