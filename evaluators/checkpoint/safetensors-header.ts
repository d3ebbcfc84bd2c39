// The JSON header of a safetensors file, read with suspicion: what it says must fit the bytes that follow.
import { CheckpointError } from './checkpoint-error.ts';

/** Bytes of one element. */
export const DTYPE_BYTES = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  F8_E8M0: 1,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;
export type Dtype = keyof typeof DTYPE_BYTES;

/** Where a tensor lies: `begin` and `end` count bytes from the end of the header. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  /** In the order of their bytes. */
  readonly entries: readonly TensorEntry[];
  readonly metadata: ReadonlyMap<string, string>;
}

/** The header's key for strings about the file; no tensor may bear it. */
export const METADATA_KEY = '__metadata__';

/** The JSON text, padded with blanks to a multiple of 8 bytes. */
export function encodeHeader({ entries, metadata }: Header): Uint8Array {
  const fields: string[] = [];
  if (metadata.size > 0) {
    const strings = [...metadata].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
    fields.push(`"${METADATA_KEY}":{${strings.join(',')}}`);
  }
  for (const { name, dtype, shape, begin, end } of entries) {
    const entry = JSON.stringify({ dtype, shape, data_offsets: [begin, end] });
    fields.push(`${JSON.stringify(name)}:${entry}`);
  }
  const bytes = new TextEncoder().encode(`{${fields.join(',')}}`);
  const padded = new Uint8Array(Math.ceil(bytes.length / 8) * 8).fill(0x20);
  padded.set(bytes);
  return padded;
}

/**
 * Reads a header that describes `dataBytes` bytes of data.
 * @throws CheckpointError naming `path` for anything but tensors that fill the data without holes or overlaps.
 */
export function parseHeader(bytes: Uint8Array, dataBytes: number, path: string): Header {
  const fail = (problem: string) => new CheckpointError(path, problem);
  let text: string;
  let root: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    root = JSON.parse(text);
  } catch (error) {
    throw new CheckpointError(path, 'the header is not JSON', { cause: error });
  }
  if (!text.startsWith('{') || !isRecord(root)) throw fail('the header is not a JSON object');
  const repeated = findRepeatedKey(text);
  if (repeated !== undefined) throw fail(`the header has "${repeated}" twice`);
  const entries: TensorEntry[] = [];
  let metadata: ReadonlyMap<string, string> = new Map();
  for (const [name, value] of Object.entries(root)) {
    if (name === METADATA_KEY) metadata = readMetadata(value, fail);
    else entries.push(readEntry(name, value, fail));
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkCoverage(entries, dataBytes, fail);
  return { entries, metadata };
}

/** Elements of a shape, or `undefined` where the shape is no list of sizes or the product is not exact. */
export function countElements(shape: unknown): number | undefined {
  if (!Array.isArray(shape)) return undefined;
  let product = 1;
  for (const size of shape as unknown[]) {
    if (!isSize(size)) return undefined;
    product *= size;
  }
  return Number.isSafeInteger(product) ? product : undefined;
}

type Fail = (problem: string) => CheckpointError;

function readMetadata(value: unknown, fail: Fail): ReadonlyMap<string, string> {
  if (!isRecord(value)) throw fail(`${METADATA_KEY} is not an object`);
  const metadata = new Map<string, string>();
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw fail(`${METADATA_KEY} "${key}" is not a string`);
    metadata.set(key, text);
  }
  return metadata;
}

function readEntry(name: string, value: unknown, fail: Fail): TensorEntry {
  if (!isRecord(value)) throw fail(`tensor "${name}" is not described by an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !Object.hasOwn(DTYPE_BYTES, dtype)) {
    const known = Object.keys(DTYPE_BYTES).join(', ');
    throw fail(`tensor "${name}" has the type ${JSON.stringify(dtype)}, which is none of ${known}`);
  }
  const nElements = countElements(shape);
  if (nElements === undefined)
    throw fail(`tensor "${name}" has the impossible shape ${JSON.stringify(shape)}`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !isSize(offsets[0]) || !isSize(offsets[1])) {
    throw fail(`tensor "${name}" has the impossible data_offsets ${JSON.stringify(offsets)}`);
  }
  const [begin, end] = offsets as [number, number];
  const wantedBytes = nElements * DTYPE_BYTES[dtype as Dtype];
  if (end - begin !== wantedBytes) {
    throw fail(`tensor "${name}" needs ${wantedBytes} bytes and is given ${begin} to ${end}`);
  }
  return { name, dtype: dtype as Dtype, shape: shape as number[], begin, end };
}

/** Tensors in the order of their bytes must follow each other exactly, up to the end of the file. */
function checkCoverage(entries: readonly TensorEntry[], dataBytes: number, fail: Fail): void {
  let at = 0;
  for (const { name, begin, end } of entries) {
    if (begin < at) throw fail(`tensor "${name}" overlaps the one before it`);
    if (begin > at) throw fail(`${begin - at} bytes before tensor "${name}" belong to none`);
    if (end > dataBytes)
      throw fail(`tensor "${name}" ends at ${end} of ${dataBytes} bytes: the file is cut off`);
    at = end;
  }
  if (at < dataBytes) throw fail(`${dataBytes - at} bytes after the last tensor belong to none`);
}

/** Behind the closing quote of the JSON string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

/**
 * JSON.parse keeps the last of two equal keys silently. `text` is known to be valid JSON. It is walked by hand: a
 * regular expression runs out of stack on strings of some megabytes, as tokenizers among the metadata are.
 */
function findRepeatedKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  const notBlank = /[^ \t\n\r]/g;
  for (let at = 0; at < text.length; at++) {
    const token = text[at];
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (token === '"') {
      const end = endOfString(text, at);
      notBlank.lastIndex = end;
      if (notBlank.exec(text)?.[0] === ':') {
        const name = JSON.parse(text.slice(at, end)) as string;
        if (open.at(-1)!.has(name)) return name;
        open.at(-1)!.add(name);
      }
      at = end - 1;
    }
  }
  return undefined;
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
