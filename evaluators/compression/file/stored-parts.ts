// How an encoded matrix lies in a safetensors file: which tensors, under which names and types. Dense MXFP4, MXFP8 and
// bitmask-sparse matrices follow compressed-tensors; the rest keeps to the same pattern.
import { type EncodedTensor, FormatError } from '../../../hardware/formats/index.ts';
import type { Dtype } from '../../checkpoint/safetensors-header.ts';

/** One safetensors tensor of an encoded matrix; `suffix` follows the matrix's own name. */
export interface StoredPart {
  readonly suffix: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

type DenseTensor = Exclude<EncodedTensor, { readonly format: 'delta-csc' | 'bitmask' }>;

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

const FLOAT_TYPES = { fp32: 'F32', fp16: 'F16', bf16: 'BF16' } as const;

/** Types of formats whose codes are whole bytes. */
const BYTE_TYPES: Readonly<Record<string, Dtype>> = {
  'mxfp8-e4m3': 'F8_E4M3',
  fp8: 'F8_E4M3',
  'mxfp8-e5m2': 'F8_E5M2',
  mxint8: 'I8',
  int8: 'I8',
};

/** compressed-tensors has scale exponents as plain bytes; elsewhere they have their own type. */
const SCALE_TYPES: Readonly<Record<string, Dtype>> = {
  'mxfp4-e2m1': 'U8',
  'mxfp8-e4m3': 'U8',
};

/** `bytes` as rows of one output each where they divide evenly, else as one row. */
const byRows = (bytes: number, elementBytes: number, outputs: number): readonly number[] => {
  const count = bytes / elementBytes;
  return outputs > 0 && count % outputs === 0 ? [outputs, count / outputs] : [count];
};

function part(
  suffix: string,
  dtype: Dtype,
  data: ArrayBufferView,
  elementBytes: number,
  outputs: number,
): StoredPart {
  const bytes = bytesOf(data);
  return { suffix, dtype, shape: byRows(bytes.length, elementBytes, outputs), bytes };
}

function densePartsOf(tensor: DenseTensor, outputs: number): readonly StoredPart[] {
  switch (tensor.format) {
    case 'fp32':
    case 'fp16':
    case 'bf16':
      return [part('', FLOAT_TYPES[tensor.format], tensor.packed, tensor.format === 'fp32' ? 4 : 2, outputs)];
    case 'codebook':
      return [
        {
          suffix: '_codebook',
          dtype: 'F16',
          shape: [tensor.codebooks, 2 ** tensor.indexBits, tensor.vectorLength],
          bytes: bytesOf(tensor.table),
        },
        part('_indices', 'U8', tensor.indices, 1, 0),
      ];
    case 'nvfp4':
      return [
        part('_packed', 'U8', tensor.packed, 1, outputs),
        part('_scale', 'F8_E4M3', tensor.scales, 1, outputs),
        part('_tensor_scale', 'F32', Float32Array.of(tensor.tensorScale), 4, 0),
      ];
    default: {
      const type = BYTE_TYPES[tensor.format];
      const codes =
        type === undefined
          ? part('_packed', 'U8', tensor.packed, 1, outputs)
          : part('', type, tensor.packed, 1, outputs);
      const scale =
        tensor.scales instanceof Uint16Array
          ? part('_scale', 'BF16', tensor.scales, 2, outputs)
          : part('_scale', SCALE_TYPES[tensor.format] ?? 'F8_E8M0', tensor.scales, 1, outputs);
      return [codes, scale];
    }
  }
}

/** Entries before each output's own, as compressed-tensors counts them. */
function rowOffsets(mask: Uint8Array, inputs: number, outputs: number): BigInt64Array {
  const offsets = new BigInt64Array(outputs);
  let count = 0;
  for (let output = 0; output < outputs; output++) {
    offsets[output] = BigInt(count);
    for (let at = output * inputs; at < (output + 1) * inputs; at++)
      count += (mask[at >> 3]! >> (at & 7)) & 1;
  }
  return offsets;
}

/** Parts of an encoded matrix of `outputs` rows and `inputs` columns, the layout (out, in). */
export function partsOf(tensor: EncodedTensor, inputs: number, outputs: number): readonly StoredPart[] {
  if (tensor.format === 'bitmask') {
    const [main, ...others] = densePartsOf(tensor.values, 0);
    return [
      { ...main!, suffix: main!.suffix === '' ? '.compressed' : `.compressed${main!.suffix}` },
      ...others.map((other) => ({ ...other, suffix: `.compressed${other.suffix}` })),
      part('.bitmask', 'U8', tensor.mask, 1, inputs % 8 === 0 ? outputs : 0),
      part('.shape', 'I64', BigInt64Array.of(BigInt(outputs), BigInt(inputs)), 8, 0),
      part('.row_offsets', 'I64', rowOffsets(tensor.mask, inputs, outputs), 8, 0),
    ];
  }
  if (tensor.format === 'delta-csc') {
    return [
      ...densePartsOf(tensor.values, 0).map((other) => ({ ...other, suffix: `.values${other.suffix}` })),
      part('.deltas', 'U8', tensor.deltas, 1, 0),
      tensor.counts instanceof Uint16Array
        ? part('.counts', 'U16', tensor.counts, 2, 0)
        : part('.counts', 'U32', tensor.counts, 4, 0),
    ];
  }
  return densePartsOf(tensor, outputs);
}

/** What a file says about an encoded matrix beside its parts; plain JSON. */
export type StoredMatrix =
  | StoredValues
  | { readonly kind: 'bitmask'; readonly values: StoredValues }
  | { readonly kind: 'delta-csc'; readonly deltaBits: number; readonly values: StoredValues };

/** `length` values; `rowLength` where blocks start anew. */
interface StoredValues {
  readonly kind: 'dense';
  readonly format: DenseTensor['format'];
  readonly length: number;
  readonly rowLength?: number;
  readonly indexBits?: number;
  readonly vectorLength?: number;
  readonly codebooks?: number;
}

function describeValues(tensor: DenseTensor): StoredValues {
  const { format, length } = tensor;
  if (format === 'codebook') {
    const { indexBits, vectorLength, codebooks } = tensor;
    return { kind: 'dense', format, length, indexBits, vectorLength, codebooks };
  }
  const rowLength =
    'rowLengths' in tensor ? tensor.rowLengths : 'rowLength' in tensor ? tensor.rowLength : undefined;
  return { kind: 'dense', format, length, ...(typeof rowLength === 'number' ? { rowLength } : {}) };
}

/** What `restore` needs beside the parts. */
export function describe(tensor: EncodedTensor): StoredMatrix {
  if (tensor.format === 'bitmask') return { kind: 'bitmask', values: describeValues(tensor.values) };
  if (tensor.format === 'delta-csc') {
    return { kind: 'delta-csc', deltaBits: tensor.deltaBits, values: describeValues(tensor.values) };
  }
  return describeValues(tensor);
}

/** Bytes of a part by its suffix. */
export type TakePart = (suffix: string) => Uint8Array;

/** A copy, so that wider elements are aligned. */
const asUint16 = (bytes: Uint8Array): Uint16Array => new Uint16Array(bytes.slice().buffer);

function restoreValues(stored: StoredValues, take: TakePart, rowLengths?: Uint32Array): DenseTensor {
  const { format, length, rowLength } = stored;
  switch (format) {
    case 'fp32':
      return { format, length, packed: new Float32Array(take('').slice().buffer) };
    case 'fp16':
    case 'bf16':
      return { format, length, packed: asUint16(take('')) };
    case 'codebook': {
      const { indexBits = 0, vectorLength = 1, codebooks = 1 } = stored;
      const table = asUint16(take('_codebook'));
      return { format, length, indexBits, vectorLength, codebooks, table, indices: take('_indices') };
    }
    case 'nvfp4': {
      const tensorScale = new Float32Array(take('_tensor_scale').slice().buffer)[0]!;
      const codes = { scales: take('_scale'), packed: take('_packed') };
      return { format, length, rowLength: rowLength ?? length, tensorScale, ...codes };
    }
    case 'int8':
    case 'fp8':
    case 'int4-g32':
    case 'int4-g128': {
      const packed = take(BYTE_TYPES[format] === undefined ? '_packed' : '');
      return {
        format,
        length,
        rowLengths: rowLength ?? rowLengths ?? length,
        scales: asUint16(take('_scale')),
        packed,
      };
    }
    default: {
      const codes = {
        scales: take('_scale'),
        packed: take(BYTE_TYPES[format] === undefined ? '_packed' : ''),
      };
      return { format, length, ...(rowLength === undefined ? {} : { rowLength }), ...codes };
    }
  }
}

function countsOfMask(mask: Uint8Array, inputs: number, outputs: number): Uint32Array {
  const counts = new Uint32Array(outputs);
  for (let at = 0; at < inputs * outputs; at++) {
    const output = Math.floor(at / inputs);
    counts[output] = counts[output]! + ((mask[at >> 3]! >> (at & 7)) & 1);
  }
  return counts;
}

/** The encoded matrix of (out, in) = (`outputs`, `inputs`) again. @throws FormatError where parts do not fit. */
export function restore(
  stored: StoredMatrix,
  take: TakePart,
  inputs: number,
  outputs: number,
): EncodedTensor {
  if (stored.kind === 'dense') return restoreValues(stored, take);
  const { values } = stored;
  const valueFormat =
    values.format === 'codebook'
      ? (`codebook-${values.indexBits ?? 0}x${values.vectorLength ?? 1}` as const)
      : values.format;
  if (stored.kind === 'bitmask') {
    const mask = take('.bitmask');
    if (mask.length !== Math.ceil((inputs * outputs) / 8)) {
      throw new FormatError('corrupt', `a mask of ${mask.length} bytes for ${outputs} x ${inputs} weights`);
    }
    const counts = countsOfMask(mask, inputs, outputs);
    const dense = restoreValues(values, (suffix) => take(`.compressed${suffix}`), counts);
    return { format: 'bitmask', rows: inputs, cols: outputs, valueFormat, mask, values: dense };
  }
  const bytes = take('.counts').slice();
  const counts = inputs < 2 ** 16 ? new Uint16Array(bytes.buffer) : new Uint32Array(bytes.buffer);
  return {
    format: 'delta-csc',
    rows: inputs,
    cols: outputs,
    deltaBits: stored.deltaBits,
    valueFormat,
    counts,
    deltas: take('.deltas'),
    values: restoreValues(values, (suffix) => take(`.values${suffix}`), Uint32Array.from(counts)),
  };
}
