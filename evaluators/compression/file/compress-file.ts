// Compresses any safetensors file of weights, tensor by tensor, so that a file may be larger than memory.
import type { Storage } from '../../../hardware/formats/index.ts';
import type { WeightFormat } from '../../../space/number-formats.ts';
import { CheckpointError } from '../../checkpoint/checkpoint-error.ts';
import type { TensorEntry } from '../../checkpoint/safetensors-header.ts';
import { prunedCount } from '../mask.ts';
import { type CastTensor, castTensor, digestOf } from './cast-tensor.ts';
import { MATRICES_KEY, readStretch } from './stored-matrix.ts';
import { openTensorFile, type TensorFile, TensorFileWriter } from './tensor-file.ts';

/** What becomes of one tensor. Only matrices of F32, F16 or BF16 can be cast. */
export type TensorChoice =
  | {
      readonly kind: 'cast';
      readonly format: WeightFormat;
      readonly sparsity: number;
      /** That of the file when absent. */
      readonly layout?: 'out-in' | 'in-out';
    }
  | { readonly kind: 'copy' }
  | { readonly kind: 'drop' };

export interface FileCompression {
  readonly choose: (entry: TensorEntry) => TensorChoice;
  /** Shape of the matrices: `out-in` (default) as torch stores linear layers, `in-out` as this project does. */
  readonly layout?: 'out-in' | 'in-out';
  /** Weights in memory at a time; larger (out, in) matrices are cut between outputs. 2^24 by default. */
  readonly maxWeights?: number;
}

export interface FileTensorReport {
  readonly name: string;
  readonly shape: readonly number[];
  /** Absent where the tensor was copied. */
  readonly format?: WeightFormat;
  readonly storages: readonly Storage[];
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Pruned weights count as errors. */
  readonly signalToNoiseDecibels: number;
  readonly dummies: number;
}

/** Reads every matrix back from the finished file. @throws CheckpointError where one is not what was encoded. */
function* verify(path: string, casts: readonly CastTensor[]): Generator<void, void> {
  const file = openTensorFile(path);
  try {
    for (const { job, stretches, matrix } of casts) {
      yield;
      stretches.forEach((stretch, i) => {
        if (digestOf(readStretch(file, job.entry.name, matrix, stretch)) === job.tally.digests[i]) return;
        throw new CheckpointError(path, `tensor "${job.entry.name}" does not read back as it was written`);
      });
    }
  } finally {
    file.close();
  }
}

function copyPieces(source: TensorFile, entry: TensorEntry, pieceBytes: number): Iterable<Uint8Array> {
  const length = entry.end - entry.begin;
  return (function* () {
    for (let at = 0; at < length; at += pieceBytes) {
      yield source.read(entry, at, Math.min(pieceBytes, length - at));
    }
  })();
}

/**
 * Writes a compressed copy of the safetensors file `from` to `to`. The result is read back and compared before it gets
 * its name; on any error nothing is left.
 * @throws CheckpointError where `from` is no sound safetensors file or a tensor cannot be cast, FormatError for a
 * sparsity outside [0, 1].
 */
export function compressFile(
  from: string,
  to: string,
  options: FileCompression,
): readonly FileTensorReport[] {
  const steps = compressSteps(from, to, options);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** As `compressFile`, a tensor at a time: who returns the generator early stops it, and nothing is left. */
export function* compressSteps(
  from: string,
  to: string,
  options: FileCompression,
): Generator<void, readonly FileTensorReport[]> {
  const { layout = 'out-in', maxWeights = 2 ** 24 } = options;
  const source = openTensorFile(from);
  try {
    if (source.metadata.has(MATRICES_KEY))
      throw new CheckpointError(from, 'is compressed already; cast the file that it was made from');
    const choices = source.entries.map((entry) => ({ entry, choice: options.choose(entry) }));
    for (const { choice } of choices) if (choice.kind === 'cast') prunedCount(choice.sparsity, 1);
    const writer = new TensorFileWriter(to);
    try {
      const casts: CastTensor[] = [];
      const reports: FileTensorReport[] = [];
      for (const { entry, choice } of choices) {
        yield;
        const bytesBefore = entry.end - entry.begin;
        const { name, shape } = entry;
        // A matrix of no weights has nothing that could be cast.
        if (choice.kind === 'copy' || (choice.kind === 'cast' && bytesBefore === 0)) {
          writer.add(name, entry.dtype, shape, copyPieces(source, entry, 2 ** 24));
          const unchanged = { signalToNoiseDecibels: Number.POSITIVE_INFINITY, dummies: 0, storages: [] };
          reports.push({ name, shape, bytesBefore, bytesAfter: bytesBefore, ...unchanged });
        } else if (choice.kind === 'cast') {
          const cast = castTensor(source, entry, { layout, maxWeights, ...choice }, writer);
          casts.push(cast);
          reports.push(reportOf(cast, bytesBefore));
        }
      }
      const matrices = Object.fromEntries(casts.map(({ job, matrix }) => [job.entry.name, matrix]));
      const metadata = new Map([...source.metadata, [MATRICES_KEY, JSON.stringify(matrices)]]);
      yield* verify(writer.assemble(metadata), casts);
      writer.publish();
      return reports;
    } finally {
      writer.discard();
    }
  } finally {
    source.close();
  }
}

function reportOf({ job }: CastTensor, bytesBefore: number): FileTensorReport {
  const { entry, format, tally } = job;
  return {
    name: entry.name,
    shape: entry.shape,
    format,
    storages: tally.storages,
    bytesBefore,
    bytesAfter: tally.bits / 8,
    signalToNoiseDecibels: tally.decibels,
    dummies: tally.dummies,
  };
}
