// Safetensors files larger than memory: tensors are read by stretches, and written one after the other.
import { randomUUID } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { CheckpointError } from '../../checkpoint/checkpoint-error.ts';
import {
  DTYPE_BYTES,
  type Dtype,
  encodeHeader,
  type Header,
  parseHeader,
  type TensorEntry,
} from '../../checkpoint/safetensors-header.ts';

const LENGTH_BYTES = 8;
/** The format's own limit. */
const MAX_HEADER_BYTES = 100_000_000;
const COPY_BYTES = 2 ** 23;

export interface TensorFile extends Header {
  readonly path: string;
  /** `length` bytes of a tensor from its byte `begin` on; all of it by default. @throws CheckpointError */
  read(entry: TensorEntry, begin?: number, length?: number): Uint8Array;
  close(): void;
}

function readFully(file: number, position: number, length: number, path: string): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const got = readSync(file, bytes, at, length - at, position + at);
    if (got === 0) throw new CheckpointError(path, `ends at byte ${position + at}: the file is cut off`);
    at += got;
  }
  return bytes;
}

/** Reads the header. @throws CheckpointError where the file is missing, cut off or contradicts itself. */
export function openTensorFile(path: string): TensorFile {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const problem = isMissing ? 'no such file' : `cannot be read: ${(error as Error).message}`;
    throw new CheckpointError(path, problem, { cause: error });
  }
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw new CheckpointError(path, 'is no file');
    const { size } = stats;
    if (size < LENGTH_BYTES) throw new CheckpointError(path, `${size} bytes are no safetensors file`);
    const length = readFully(file, 0, LENGTH_BYTES, path);
    const headerBytes = new DataView(length.buffer).getBigUint64(0, true);
    if (headerBytes > MAX_HEADER_BYTES) {
      throw new CheckpointError(path, `a header of ${headerBytes} bytes: not a safetensors file`);
    }
    const dataStart = LENGTH_BYTES + Number(headerBytes);
    if (dataStart > size) {
      throw new CheckpointError(path, `cut off in the header, at ${size} of at least ${dataStart} bytes`);
    }
    const header = parseHeader(
      readFully(file, LENGTH_BYTES, Number(headerBytes), path),
      size - dataStart,
      path,
    );
    return {
      ...header,
      path,
      read: (entry, begin = 0, length = entry.end - entry.begin - begin) =>
        readFully(file, dataStart + entry.begin + begin, length, path),
      close: () => closeSync(file),
    };
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

function writeFully(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}

/** What the file system says while `path` is written. @throws CheckpointError */
function written<T>(path: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    throw new CheckpointError(path, `cannot be written: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Collects tensors in a temporary file beside `path`. `assemble` puts the header before them, `publish` gives the whole
 * its name; whatever happens before that, nothing is at `path` that was not there.
 */
export class TensorFileWriter {
  readonly #path: string;
  readonly #dataPath: string;
  readonly #wholePath: string;
  readonly #data: number;
  readonly #entries: TensorEntry[] = [];
  readonly #names = new Set<string>();
  #written = 0;

  /** @throws CheckpointError, as everything here, where the file system refuses. */
  constructor(path: string) {
    this.#path = path;
    const unique = `${path}.${randomUUID()}`;
    this.#dataPath = `${unique}.data.tmp`;
    this.#wholePath = `${unique}.tmp`;
    this.#data = written(path, () => openSync(this.#dataPath, 'wx+'));
  }

  /** Appends a tensor whose bytes come in `pieces`. @throws CheckpointError where its name is taken, or they do not fill its shape. */
  add(name: string, dtype: Dtype, shape: readonly number[], pieces: Iterable<Uint8Array>): void {
    if (this.#names.has(name)) throw new CheckpointError(this.#path, `two tensors would be called "${name}"`);
    this.#names.add(name);
    const begin = this.#written;
    for (const piece of pieces) {
      written(this.#path, () => writeFully(this.#data, piece));
      this.#written += piece.length;
    }
    const wanted = shape.reduce((a, b) => a * b, 1) * DTYPE_BYTES[dtype];
    if (this.#written - begin !== wanted) {
      throw new CheckpointError(
        this.#path,
        `tensor "${name}" has ${this.#written - begin} bytes of ${wanted}`,
      );
    }
    this.#entries.push({ name, dtype, shape, begin, end: this.#written });
  }

  /** Writes the whole file under a temporary name, has it on disk, and returns that name. */
  assemble(metadata: ReadonlyMap<string, string>): string {
    return written(this.#path, () => this.#assemble(metadata));
  }

  #assemble(metadata: ReadonlyMap<string, string>): string {
    const header = encodeHeader({ entries: this.#entries, metadata });
    const length = new Uint8Array(LENGTH_BYTES);
    new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true);
    const whole = openSync(this.#wholePath, 'wx');
    try {
      writeFully(whole, length);
      writeFully(whole, header);
      for (let at = 0; at < this.#written; at += COPY_BYTES) {
        const size = Math.min(COPY_BYTES, this.#written - at);
        writeFully(whole, readFully(this.#data, at, size, this.#dataPath));
      }
      fsyncSync(whole);
    } finally {
      closeSync(whole);
    }
    return this.#wholePath;
  }

  publish(): void {
    written(this.#path, () => renameSync(this.#wholePath, this.#path));
  }

  /** Removes what is temporary; call it at the end in any case. */
  discard(): void {
    closeSync(this.#data);
    rmSync(this.#dataPath, { force: true });
    rmSync(this.#wholePath, { force: true });
  }
}
