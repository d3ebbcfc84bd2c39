// Casts one matrix from file to file, in stretches that fit into memory.
import { createHash } from 'node:crypto';
import {
  decodeFloat,
  decodeWeights,
  encodedBits,
  encodeWeights,
  type Storage,
} from '../../../hardware/formats/index.ts';
import type { WeightFormat } from '../../../space/number-formats.ts';
import { CheckpointError } from '../../checkpoint/checkpoint-error.ts';
import type { TensorEntry } from '../../checkpoint/safetensors-header.ts';
import { type CastMatrix, partName, type Stretch } from './stored-matrix.ts';
import { describe, partsOf, type StoredMatrix, type StoredPart } from './stored-parts.ts';
import type { TensorFile, TensorFileWriter } from './tensor-file.ts';

const FLOATS: Readonly<Record<string, 'fp16' | 'bf16'>> = { F16: 'fp16', BF16: 'bf16' };
const ELEMENT_BYTES: Readonly<Record<string, number>> = { F32: 4, F16: 2, BF16: 2 };

function toFloats(bytes: Uint8Array, dtype: string): Float32Array {
  const { buffer } =
    bytes.byteOffset === 0 && bytes.buffer.byteLength === bytes.length ? bytes : bytes.slice();
  const format = FLOATS[dtype];
  if (format === undefined) return new Float32Array(buffer);
  const packed = new Uint16Array(buffer);
  return decodeFloat({ format, length: packed.length, packed });
}

/** SHA-256 of the values' bytes. */
export const digestOf = (values: Float32Array): string =>
  createHash('sha256')
    .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    .digest('hex');

/** Errors and bits, summed over the stretches of a matrix. */
class Tally {
  signal = 0;
  noise = 0;
  bits = 0;
  dummies = 0;
  readonly storages: Storage[] = [];
  /** Digest of each stretch's decoded values. */
  readonly digests: string[] = [];

  add(before: Float32Array, after: Float32Array): void {
    for (let i = 0; i < before.length; i++) {
      this.signal += before[i]! ** 2;
      this.noise += (after[i]! - before[i]!) ** 2;
    }
    this.digests.push(digestOf(after));
  }

  get decibels(): number {
    return this.noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(this.signal / this.noise);
  }
}

/** One matrix on its way from file to file. */
interface Job {
  readonly source: TensorFile;
  readonly entry: TensorEntry;
  readonly layout: 'out-in' | 'in-out';
  readonly inputs: number;
  readonly outputs: number;
  readonly format: WeightFormat;
  readonly sparsity: number;
  readonly tally: Tally;
}

function encodeStretch(job: Job, { from, to }: Stretch) {
  const { source, entry, layout, inputs, format, sparsity, tally } = job;
  const elementBytes = ELEMENT_BYTES[entry.dtype]!;
  const whole = layout === 'in-out';
  const begin = whole ? 0 : from * inputs * elementBytes;
  const bytes = source.read(entry, begin, (to - from) * inputs * elementBytes);
  const values = toFloats(bytes, entry.dtype);
  const [rows, cols] = whole ? [inputs, to - from] : [to - from, inputs];
  const shape = { rows, cols, reduction: whole ? ('rows' as const) : ('cols' as const) };
  let encoded: ReturnType<typeof encodeWeights>;
  try {
    encoded = encodeWeights(values, shape, format, sparsity);
  } catch (error) {
    throw new CheckpointError(source.path, `tensor "${entry.name}": ${(error as Error).message}`, {
      cause: error,
    });
  }
  tally.add(values, decodeWeights(encoded));
  if (!Number.isFinite(tally.noise))
    throw new CheckpointError(
      source.path,
      `tensor "${entry.name}" has weights that are too large for ${format}`,
    );
  tally.bits += encodedBits(encoded.tensor);
  tally.dummies += encoded.dummies;
  tally.storages.push(encoded.storage);
  return encoded.tensor;
}

function stretchesOf({ layout, inputs, outputs }: Job, maxWeights: number): readonly Stretch[] {
  const size = layout === 'in-out' ? outputs : Math.max(1, Math.floor(maxWeights / Math.max(1, inputs)));
  if (outputs <= size) return [{ from: 0, to: outputs }];
  return Array.from({ length: Math.ceil(outputs / size) }, (_, i) => ({
    from: i * size,
    to: Math.min(outputs, (i + 1) * size),
  }));
}

/** Formats whose outputs are stored independently of each other. */
const ROW_WISE = /^(fp32|fp16|bf16|fp8|int8|int4-g\d+|mx.*)$/;

/** Whether stretches of dense outputs lie one after the other as if they had been stored at once. */
function joins({ format, sparsity, inputs }: Job): boolean {
  const bits = /4/.test(format) ? 4 : /mxfp6/.test(format) ? 6 : 8;
  return sparsity === 0 && ROW_WISE.test(format) && (inputs * bits) % 8 === 0;
}

/** Writes dense stretches as one matrix: codes as they come, scales gathered. */
function writeJoined(job: Job, stretches: readonly Stretch[], writer: TensorFileWriter): CastMatrix['parts'] {
  const { entry, inputs, outputs } = job;
  const first = partsOf(encodeStretch(job, stretches[0]!), inputs, stretches[0]!.to);
  const gathered = first.slice(1).map((): Uint8Array[] => []);
  const keep = (parts: readonly StoredPart[]) => {
    for (const [i, { bytes }] of parts.slice(1).entries()) gathered[i]!.push(bytes);
  };
  const shapeOf = ({ shape }: StoredPart): readonly number[] => [outputs, ...shape.slice(1)];
  let stored: StoredMatrix | undefined;
  function* codes(): Generator<Uint8Array> {
    keep(first);
    yield first[0]!.bytes;
    for (const stretch of stretches.slice(1)) {
      const tensor = encodeStretch(job, stretch);
      stored = describe(tensor);
      const parts = partsOf(tensor, inputs, stretch.to - stretch.from);
      keep(parts);
      yield parts[0]!.bytes;
    }
  }
  writer.add(entry.name + first[0]!.suffix, first[0]!.dtype, shapeOf(first[0]!), codes());
  for (const [i, part] of first.slice(1).entries()) {
    writer.add(entry.name + part.suffix, part.dtype, shapeOf(part), gathered[i]!);
  }
  return [{ outputs, stored: { ...stored!, length: inputs * outputs } as StoredMatrix }];
}

function writeApart(job: Job, stretches: readonly Stretch[], writer: TensorFileWriter): CastMatrix['parts'] {
  return stretches.map((stretch, i) => {
    const outputs = stretch.to - stretch.from;
    const tensor = encodeStretch(job, stretch);
    const name = partName(job.entry.name, i, stretches.length);
    for (const { suffix, dtype, shape, bytes } of partsOf(tensor, job.inputs, outputs)) {
      writer.add(name + suffix, dtype, shape, [bytes]);
    }
    return { outputs, stored: describe(tensor) };
  });
}

/** What was cast, and what reading it back must give. */
export interface CastTensor {
  readonly job: Job;
  readonly stretches: readonly Stretch[];
  readonly matrix: CastMatrix;
}

export interface CastTensorOptions {
  readonly format: WeightFormat;
  readonly sparsity: number;
  readonly layout: Job['layout'];
  readonly maxWeights: number;
}

/** Casts a matrix into `writer`. @throws CheckpointError for what is no matrix of floats, or cannot be stored. */
export function castTensor(
  source: TensorFile,
  entry: TensorEntry,
  { format, sparsity, layout, maxWeights }: CastTensorOptions,
  writer: TensorFileWriter,
): CastTensor {
  const { name, dtype, shape } = entry;
  if (shape.length !== 2 || ELEMENT_BYTES[dtype] === undefined) {
    throw new CheckpointError(
      source.path,
      `tensor "${name}" is ${dtype}[${shape.join(',')}]: only F32, F16 and BF16 matrices can be cast`,
    );
  }
  const [inputs, outputs] = layout === 'in-out' ? [shape[0]!, shape[1]!] : [shape[1]!, shape[0]!];
  const job: Job = { source, entry, layout, inputs, outputs, format, sparsity, tally: new Tally() };
  const stretches = stretchesOf(job, maxWeights);
  const parts =
    stretches.length > 1 && joins(job)
      ? writeJoined(job, stretches, writer)
      : writeApart(job, stretches, writer);
  return { job, stretches, matrix: { layout, inputs, outputs, parts } };
}
