// A matrix in a compressed file: how it lies there, and how it is read back.
import { decodeWeights } from '../../../hardware/formats/index.ts';
import { CheckpointError } from '../../checkpoint/checkpoint-error.ts';
import { restore, type StoredMatrix } from './stored-parts.ts';
import type { TensorFile } from './tensor-file.ts';

/** The key of `__metadata__` under which a file says how its matrices are stored: JSON, `CastMatrix` by name. */
export const MATRICES_KEY = 'paretoformer.matrices';

/** How one matrix lies in the file. */
export interface CastMatrix {
  readonly layout: 'out-in' | 'in-out';
  readonly inputs: number;
  readonly outputs: number;
  /** One for all outputs, or one for each stretch of them, under `NAME.partI`. */
  readonly parts: readonly { readonly outputs: number; readonly stored: StoredMatrix }[];
}

/** Outputs `from` to `to` of a matrix. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** Parts beyond the only one are numbered. */
export const partName = (name: string, index: number, count: number): string =>
  count === 1 ? name : `${name}.part${index}`;

/**
 * The outputs `from` to `to` of a matrix in a compressed file, decoded, in the layout of the original. What was stored
 * in parts, or as (in, out), can only be read part by part, or whole.
 * @throws CheckpointError where a part is missing, FormatError where parts do not fit each other.
 */
export function readStretch(
  file: TensorFile,
  name: string,
  matrix: CastMatrix,
  { from, to }: Stretch,
): Float32Array {
  const { inputs, layout, parts } = matrix;
  let before = 0;
  const index = parts.findIndex(({ outputs }) => {
    before += outputs;
    return from < before;
  });
  const { outputs, stored } = parts[index]!;
  const first = before - outputs;
  const share = (to - from) / outputs;
  const take = (suffix: string): Uint8Array => {
    const wanted = partName(name, index, parts.length) + suffix;
    const entry = file.entries.find((candidate) => candidate.name === wanted);
    if (entry === undefined) throw new CheckpointError(file.path, `tensor "${wanted}" is missing`);
    const bytes = entry.end - entry.begin;
    return file.read(entry, ((from - first) / outputs) * bytes, bytes * share);
  };
  const described =
    stored.kind === 'dense' && share < 1 ? { ...stored, length: (to - from) * inputs } : stored;
  const tensor = restore(described, take, inputs, to - from);
  const shape =
    layout === 'in-out'
      ? { rows: inputs, cols: to - from, reduction: 'rows' as const }
      : { rows: to - from, cols: inputs, reduction: 'cols' as const };
  return decodeWeights({ tensor, shape, storage: { kind: 'dense' }, nonZeros: 0, dummies: 0 });
}
