// The everyday baselines: symmetric integers and FP8, each group of values with a bfloat16 scale. bfloat16 has the
// range of float32, so no weight is too small or too large for its scale.
import { packBits, unpackBits } from './bit-pack.ts';
import { fromBfloat16, toBfloat16 } from './float-cast.ts';
import { checkFinite, FormatError } from './format-error.ts';
import { castElements } from './mx.ts';
import { clamp, elementValues } from './mx-format.ts';

/** `int8` and `fp8` (E4M3) have one scale a row; `int4-gN` one scale each N values along a row. */
export const GROUPED_FORMATS = {
  int8: { bits: 8, groupSize: Infinity, largest: 127 },
  fp8: { bits: 8, groupSize: Infinity, largest: 448 },
  'int4-g32': { bits: 4, groupSize: 32, largest: 7 },
  'int4-g128': { bits: 4, groupSize: 128, largest: 7 },
} as const;
export type GroupedFormat = keyof typeof GROUPED_FORMATS;

/** True for the name of a grouped format. */
export function isGroupedFormat(format: string): format is GroupedFormat {
  return Object.hasOwn(GROUPED_FORMATS, format);
}

/** Lengths of the rows in which groups start anew: one length for all, or one each. */
export type RowLengths = number | Uint32Array;

export interface GroupedTensor {
  readonly format: GroupedFormat;
  readonly length: number;
  readonly rowLengths: RowLengths;
  /** bfloat16 bits, one a group. */
  readonly scales: Uint16Array;
  /** Two's complement integers or E4M3 codes, lowest bits first. */
  readonly packed: Uint8Array;
}

function checkFormat(format: GroupedFormat): void {
  if (isGroupedFormat(format)) return;
  throw new FormatError('option', `unknown grouped format ${JSON.stringify(format)}`);
}

/** First value of every group, and the number of values at the end. */
function groupStarts(length: number, rowLengths: RowLengths, groupSize: number): Uint32Array {
  if (typeof rowLengths === 'number' && !(Number.isInteger(rowLengths) && rowLengths >= 0))
    throw new FormatError('shape', `${length} values cannot be cut into rows of ${rowLengths}`);
  const rows =
    typeof rowLengths !== 'number'
      ? rowLengths
      : new Uint32Array(rowLengths === 0 ? 0 : Math.floor(length / rowLengths)).fill(rowLengths);
  const starts: number[] = [];
  let at = 0;
  for (const row of rows) {
    const nGroups = Math.max(1, Math.ceil(row / groupSize));
    for (let group = 0; group < nGroups; group += 1) starts.push(at + group * Math.min(groupSize, row));
    at += row;
  }
  if (at !== length) throw new FormatError('shape', `rows of ${at} values together do not hold ${length}`);
  starts.push(length);
  return Uint32Array.from(starts);
}

/** The scale of each group: the largest magnitude over the largest code, as bfloat16. */
function groupScales(values: Float32Array, starts: Uint32Array, largest: number): Uint16Array {
  const scales = new Float32Array(starts.length - 1);
  for (let group = 0; group < scales.length; group += 1) {
    let amax = 0;
    for (let i = starts[group]!; i < starts[group + 1]!; i += 1) amax = Math.max(amax, Math.abs(values[i]!));
    scales[group] = amax / largest;
  }
  return toBfloat16(scales);
}

/** Added and taken away again, this rounds a double to a whole number, ties to even. */
const ROUNDING = 1.5 * 2 ** 52;

/** Codes of the values of one group. */
function encodeGroup(
  values: Float32Array,
  start: number,
  end: number,
  format: GroupedFormat,
  scale: number,
  codes: Uint8Array,
): void {
  const { bits, largest } = GROUPED_FORMATS[format];
  if (format === 'fp8') {
    const ratios = new Float32Array(end - start);
    for (let i = start; i < end; i += 1) ratios[i - start] = clamp(values[i]! / scale, largest);
    codes.set(castElements(ratios, 'mxfp8-e4m3'), start);
    return;
  }
  const mask = (1 << bits) - 1;
  for (let i = start; i < end; i += 1) {
    codes[i] = (clamp(values[i]! / scale, largest) + ROUNDING - ROUNDING) & mask;
  }
}

function codeValues(format: GroupedFormat): Float32Array {
  if (format === 'fp8') return elementValues('mxfp8-e4m3');
  const shift = 32 - GROUPED_FORMATS[format].bits;
  return Float32Array.from({ length: 2 ** (32 - shift) }, (_, code) => (code << shift) >> shift);
}

/**
 * Values to scaled integers or FP8. Ties go to the even code.
 * @throws FormatError when the format is unknown, a value is not finite or the rows do not hold the values.
 */
export function encodeGrouped(
  values: Float32Array,
  format: GroupedFormat,
  rowLengths: RowLengths = values.length,
): GroupedTensor {
  checkFormat(format);
  checkFinite(values);
  const { bits, groupSize, largest } = GROUPED_FORMATS[format];
  const starts = groupStarts(values.length, rowLengths, groupSize);
  const scales = groupScales(values, starts, largest);
  const scaleValues = fromBfloat16(scales);
  const codes = new Uint8Array(values.length);
  for (let group = 0; group < scales.length; group += 1) {
    const scale = scaleValues[group]!;
    if (scale === 0) continue;
    encodeGroup(values, starts[group]!, starts[group + 1]!, format, scale, codes);
  }
  return { format, length: values.length, rowLengths, scales, packed: packBits(codes, bits) };
}

/** The values of a grouped tensor. @throws FormatError when scales or bytes do not fit its length. */
export function decodeGrouped(tensor: GroupedTensor): Float32Array {
  const { format, length, scales } = tensor;
  checkFormat(format);
  const { bits, groupSize } = GROUPED_FORMATS[format];
  const starts = groupStarts(length, tensor.rowLengths, groupSize);
  if (scales.length !== starts.length - 1) {
    throw new FormatError('corrupt', `${starts.length - 1} groups need as many scales, got ${scales.length}`);
  }
  const codes = unpackBits(tensor.packed, bits, length);
  const table = codeValues(format);
  const scaleValues = fromBfloat16(scales);
  const values = new Float32Array(length);
  for (let group = 0; group < scales.length; group += 1) {
    const scale = scaleValues[group]!;
    for (let i = starts[group]!; i < starts[group + 1]!; i += 1) values[i] = table[codes[i]!]! * scale;
  }
  return values;
}
