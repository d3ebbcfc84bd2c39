// Safetensors: u64 little-endian header length, JSON header padded with blanks to 8 bytes, raw little-endian data
// (huggingface/safetensors, README "Format"). Tensors lie one after the other without holes, the widest types
// first, so that each is aligned in the file and a Float32Array can look at it in place.
import { readFileSync } from 'node:fs';
import { endianness } from 'node:os';
import { replaceFile } from './atomic-write.ts';
import { CheckpointError } from './checkpoint-error.ts';
import {
  countElements,
  DTYPE_BYTES,
  type Dtype,
  encodeHeader,
  METADATA_KEY,
  parseHeader,
  type TensorEntry,
} from './safetensors-header.ts';

export interface StoredTensor {
  readonly dtype: Dtype;
  /** Whole numbers; empty for a scalar. */
  readonly shape: readonly number[];
  /** Little-endian elements, row-major: any view of the right number of bytes. */
  readonly data: ArrayBufferView;
}

export interface Safetensors {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Strings about the file, the header's `__metadata__`. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** What was read from `path`. */
export interface SafetensorsFile extends Safetensors {
  readonly path: string;
}

const LENGTH_BYTES = 8;
/** The format's own limit. */
const MAX_HEADER_BYTES = 100_000_000;

/**
 * Writes the file whole or not at all: what was at `path` stays until the new file is safely on disk.
 * Equal content gives equal bytes.
 * @throws CheckpointError where a tensor's bytes do not fit its shape, or the file system refuses.
 */
export function writeSafetensors(path: string, content: Safetensors): void {
  const parts = layOut(path, content);
  try {
    replaceFile(path, parts);
  } catch (error) {
    throw new CheckpointError(path, `cannot be written: ${(error as Error).message}`, { cause: error });
  }
}

/** Reads a whole file. @throws CheckpointError where it is missing, cut off or contradicts itself. */
export function readSafetensors(path: string): SafetensorsFile {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const problem = isMissing ? 'no such file' : `cannot be read: ${(error as Error).message}`;
    throw new CheckpointError(path, problem, { cause: error });
  }
  return decodeSafetensors(bytes, path);
}

/** The tensors in `bytes`, as views of it; `path` is for messages. @throws CheckpointError */
export function decodeSafetensors(bytes: Uint8Array, path: string): SafetensorsFile {
  requireLittleEndian(path);
  if (bytes.length < LENGTH_BYTES)
    throw new CheckpointError(path, `${bytes.length} bytes are no safetensors file`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = view.getBigUint64(0, true);
  if (headerBytes > MAX_HEADER_BYTES) {
    throw new CheckpointError(path, `a header of ${headerBytes} bytes: not a safetensors file`);
  }
  const dataStart = LENGTH_BYTES + Number(headerBytes);
  if (dataStart > bytes.length) {
    throw new CheckpointError(
      path,
      `cut off in the header, at ${bytes.length} of at least ${dataStart} bytes`,
    );
  }
  const header = parseHeader(bytes.subarray(LENGTH_BYTES, dataStart), bytes.length - dataStart, path);
  const tensors = new Map<string, StoredTensor>();
  for (const { name, dtype, shape, begin, end } of header.entries) {
    tensors.set(name, { dtype, shape, data: bytes.subarray(dataStart + begin, dataStart + end) });
  }
  return { path, tensors, metadata: header.metadata };
}

/**
 * An F32 tensor of a known shape: a view of the file's bytes where they are aligned, else a copy.
 * @throws CheckpointError where there is no such tensor.
 */
export function float32Tensor(file: SafetensorsFile, name: string, shape: readonly number[]): Float32Array {
  const tensor = file.tensors.get(name);
  if (tensor === undefined) throw new CheckpointError(file.path, `tensor "${name}" is missing`);
  const found = `${tensor.dtype}[${tensor.shape.join(',')}]`;
  const wanted = `F32[${shape.join(',')}]`;
  if (found !== wanted) throw new CheckpointError(file.path, `tensor "${name}" is ${found}, not ${wanted}`);
  const { buffer, byteOffset, byteLength } = tensor.data;
  if (byteOffset % 4 === 0) return new Float32Array(buffer, byteOffset, byteLength / 4);
  return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

/** The file's bytes in order: length, header, data. */
function layOut(path: string, { tensors, metadata }: Safetensors): Uint8Array[] {
  requireLittleEndian(path);
  const sorted = [...tensors].sort(
    ([a, x], [b, y]) => DTYPE_BYTES[y.dtype] - DTYPE_BYTES[x.dtype] || (a < b ? -1 : a > b ? 1 : 0),
  );
  const entries: TensorEntry[] = [];
  const data: Uint8Array[] = [];
  let at = 0;
  for (const [name, tensor] of sorted) {
    checkTensor(path, name, tensor);
    const { dtype, shape } = tensor;
    const { buffer, byteOffset, byteLength } = tensor.data;
    entries.push({ name, dtype, shape, begin: at, end: at + byteLength });
    data.push(new Uint8Array(buffer, byteOffset, byteLength));
    at += byteLength;
  }
  const sortedMetadata = new Map([...metadata].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  const header = encodeHeader({ entries, metadata: sortedMetadata });
  if (header.length > MAX_HEADER_BYTES) throw new CheckpointError(path, 'too many tensors for one header');
  const length = new Uint8Array(LENGTH_BYTES);
  new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true);
  return [length, header, ...data];
}

function checkTensor(path: string, name: string, { dtype, shape, data }: StoredTensor): void {
  if (name === METADATA_KEY) throw new CheckpointError(path, `a tensor cannot be called "${METADATA_KEY}"`);
  const nElements = countElements(shape);
  if (nElements === undefined)
    throw new CheckpointError(path, `tensor "${name}" has the impossible shape [${shape.join(',')}]`);
  if (nElements * DTYPE_BYTES[dtype] === data.byteLength) return;
  throw new CheckpointError(
    path,
    `tensor "${name}" is ${dtype}[${shape.join(',')}] and has ${data.byteLength} bytes`,
  );
}

/** Data is used as it lies in memory. */
function requireLittleEndian(path: string): void {
  if (endianness() !== 'LE')
    throw new CheckpointError(path, 'this machine is big-endian, which is not supported');
}
