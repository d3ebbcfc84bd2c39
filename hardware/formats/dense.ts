// One entry to every codec that stores each value it is given.
import { type CodebookTensor, decodeCodebook, encodeCodebook } from './codebook.ts';
import { decodeFloat, encodeFloat, type FloatTensor } from './float-cast.ts';
import { FormatError } from './format-error.ts';
import {
  decodeGrouped,
  encodeGrouped,
  type GroupedFormat,
  type GroupedTensor,
  isGroupedFormat,
  type RowLengths,
} from './grouped.ts';
import { decodeMx, encodeMx, type MxTensor } from './mx.ts';
import { isMxFormat, type MxFormat } from './mx-format.ts';
import { decodeNvFp4, encodeNvFp4, type NvFp4Tensor } from './nvfp4.ts';

/** Formats of single values, each with an exact zero; `codebook-KxV` has K index bits and vectors of V weights. */
export type ValueFormat =
  | FloatTensor['format']
  | MxFormat
  | GroupedFormat
  | 'nvfp4'
  | `codebook-${number}x${number}`;

export type DenseTensor = FloatTensor | MxTensor | GroupedTensor | NvFp4Tensor | CodebookTensor;

/** K and V of `codebook-KxV`, or undefined for another format. */
export function codebookShape(format: string): { indexBits: number; vectorLength: number } | undefined {
  const match = /^codebook-(\d+)x(\d+)$/.exec(format);
  return match === null ? undefined : { indexBits: Number(match[1]), vectorLength: Number(match[2]) };
}

export interface DenseOptions {
  /** Length of the reduction axis: blocks of MX, NVFP4 and grouped formats start anew after it. */
  readonly rowLength?: number;
  /** Rows of unequal length, for the formats with one scale a row. */
  readonly rowLengths?: RowLengths;
  /** Reserves codebook entry 0 for zero. */
  readonly zeroEntry?: boolean;
  readonly seed?: number;
}

/**
 * Values to `format`.
 * @throws FormatError for an unknown format, or what the codec refuses.
 */
export function encodeDense(
  values: Float32Array,
  format: ValueFormat,
  options: DenseOptions = {},
): DenseTensor {
  const { rowLength, seed = 0, zeroEntry = false } = options;
  if (format === 'fp32' || format === 'fp16' || format === 'bf16') return encodeFloat(values, format);
  if (isMxFormat(format)) return encodeMx(values, format, rowLength === undefined ? {} : { rowLength });
  if (isGroupedFormat(format)) return encodeGrouped(values, format, options.rowLengths ?? rowLength);
  if (format === 'nvfp4') return encodeNvFp4(values, rowLength);
  const shape = codebookShape(format);
  if (shape === undefined) throw new FormatError('option', `unknown weight format ${JSON.stringify(format)}`);
  return encodeCodebook(values, { ...shape, seed, zeroEntry });
}

/** The values of any dense tensor. */
export function decodeDense(tensor: DenseTensor): Float32Array {
  switch (tensor.format) {
    case 'fp32':
    case 'fp16':
    case 'bf16':
      return decodeFloat(tensor);
    case 'nvfp4':
      return decodeNvFp4(tensor);
    case 'codebook':
      return decodeCodebook(tensor);
    case 'int8':
    case 'fp8':
    case 'int4-g32':
    case 'int4-g128':
      return decodeGrouped(tensor);
    default:
      return decodeMx(tensor);
  }
}
