// MX encoding and decoding. A block's scale byte comes from its largest magnitude; each element is then looked up in
// a table keyed by its float32 bits relative to the scale: exponent, the element's fraction bits, one rounding bit and
// one bit that says whether anything was below it. That is all that round-to-nearest-even depends on.
import { packBits, unpackBits } from './bit-pack.ts';
import { checkFloats, FormatError } from './format-error.ts';
import {
  elementValues,
  isMxFormat,
  MX_BLOCK,
  MX_ELEMENTS,
  type MxFormat,
  magnitudeCode,
  minSubnormalExponent,
  signedCode,
} from './mx-format.ts';
import { MX_SCALE_RULES, type MxScaleRule, NAN_SCALE, SCALE_VALUES, scaleByte } from './mx-scale.ts';

/** Values in blocks of 32 that share a scale. */
export interface MxTensor {
  readonly format: MxFormat;
  /** Number of values. */
  readonly length: number;
  /** Blocks start anew after this many values; absent where the values are one row. */
  readonly rowLength?: number;
  /** One E8M0 byte a block: 2^(byte - 127), 255 = NaN. */
  readonly scales: Uint8Array;
  /** Element codes, lowest bits first. */
  readonly packed: Uint8Array;
}

export interface MxOptions {
  /** How the shared scale is chosen; `floor` by default. */
  readonly scaleRule?: MxScaleRule;
  /** Blocks start anew after this many values: the length of the reduction axis. */
  readonly rowLength?: number;
  /**
   * `poison` (default): a block with NaN or infinity becomes NaN as a whole. `keep`: NaN and infinity become element
   * codes where the format has them (infinity only in E5M2; in E4M3 it becomes NaN) and others still poison.
   */
  readonly specials?: 'poison' | 'keep';
}

interface CastTable {
  /** Signed code by key; the second half is for negative values. */
  readonly codes: Uint8Array;
  /** Keys of one sign. */
  readonly half: number;
  /** Low float32 bits that only count as "something below". */
  readonly dropBits: number;
  /** Added to the scale byte: the float32 exponent field of the largest exponent that still rounds to zero. */
  readonly baseField: number;
}

const castTables = new Map<MxFormat, CastTable>();

function castTable(format: MxFormat): CastTable {
  const known = castTables.get(format);
  if (known !== undefined) return known;
  const element = MX_ELEMENTS[format];
  const lowest = minSubnormalExponent(element) - 2;
  const keyBits = element.mantissaBits + 2;
  const half = (element.emax - lowest + 1) << keyBits;
  const codes = new Uint8Array(2 * half);
  for (let key = 0; key < half; key += 1) {
    const fraction = (key & ((1 << keyBits) - 1)) / 2 ** keyBits;
    const magnitude = magnitudeCode(element, (1 + fraction) * 2 ** ((key >> keyBits) + lowest));
    codes[key] = signedCode(element, magnitude, false);
    codes[half + key] = signedCode(element, magnitude, true);
  }
  const table = { codes, half, dropBits: 23 - keyBits, baseField: lowest };
  castTables.set(format, table);
  return table;
}

/** Largest magnitude of a block as float32 bits; NaN and infinity are 0x7f800000 or more. Branch-free. */
function largestMagnitude(bits: Int32Array, start: number, end: number): number {
  let even = 0;
  let odd = 0;
  let i = start;
  for (; i + 1 < end; i += 2) {
    const a = ((bits[i]! & 0x7fffffff) - even) | 0;
    const b = ((bits[i + 1]! & 0x7fffffff) - odd) | 0;
    even = (even + (a & ~(a >> 31))) | 0;
    odd = (odd + (b & ~(b >> 31))) | 0;
  }
  if (i < end) even = Math.max(even, bits[i]! & 0x7fffffff);
  return Math.max(even, odd);
}

/** Codes of one block by table. `base` is the exponent field below which everything is zero, in place (<< 23). */
function castBlock(
  bits: Int32Array,
  start: number,
  end: number,
  base: number,
  table: CastTable,
  codes: Uint8Array,
): void {
  const { codes: lookup, half, dropBits } = table;
  const dropMask = (1 << dropBits) - 1;
  for (let i = start; i < end; i += 1) {
    const word = bits[i]!;
    const above = ((word & 0x7fffffff) - base) | 0;
    const clamped = above & ~(above >> 31);
    const below = ((clamped & dropMask) + dropMask) >> dropBits;
    codes[i] = lookup[((clamped >> dropBits) | below) + ((word >> 31) & half)]!;
  }
}

/** Codes of `values` in an element type without a scale. No magnitude may reach twice the largest power of two. */
export function castElements(values: Float32Array, format: MxFormat): Uint8Array {
  const table = castTable(format);
  const codes = new Uint8Array(values.length);
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  castBlock(bits, 0, bits.length, (127 + table.baseField) << 23, table, codes);
  return codes;
}

const word = new Int32Array(1);
const wordFloat = new Float32Array(word.buffer);

/** As `castBlock`, in doubles: for blocks so small that float32 subnormals count, and for kept NaN and infinity. */
function castBlockExactly(
  bits: Int32Array,
  start: number,
  end: number,
  byte: number,
  format: MxFormat,
  codes: Uint8Array,
): void {
  const element = MX_ELEMENTS[format];
  for (let i = start; i < end; i += 1) {
    const magnitudeBits = bits[i]! & 0x7fffffff;
    let magnitude: number;
    if (magnitudeBits >= 0x7f800000) {
      magnitude = format === 'mxfp8-e5m2' && magnitudeBits === 0x7f800000 ? 0x7c : 0x7f;
    } else {
      word[0] = magnitudeBits;
      magnitude = magnitudeCode(element, wordFloat[0]! * 2 ** (127 - byte));
    }
    codes[i] = signedCode(element, magnitude, bits[i]! < 0);
  }
}

/** Largest finite magnitude of a block, or -1 where a value is not finite and the format has no code for it. */
function largestKept(bits: Int32Array, start: number, end: number): number {
  let largest = 0;
  for (let i = start; i < end; i += 1) {
    const magnitude = bits[i]! & 0x7fffffff;
    if (magnitude < 0x7f800000 && magnitude > largest) largest = magnitude;
  }
  return largest;
}

function encodeBlocks(
  bits: Int32Array,
  format: MxFormat,
  rowLength: number,
  options: MxOptions,
  scales: Uint8Array,
  codes: Uint8Array,
): void {
  const element = MX_ELEMENTS[format];
  const table = castTable(format);
  const rule = options.scaleRule ?? 'floor';
  const keeps = options.specials === 'keep' && (format === 'mxfp8-e5m2' || format === 'mxfp8-e4m3');
  let block = 0;
  for (let row = 0; row < bits.length; row += rowLength) {
    const rowEnd = row + rowLength;
    for (let start = row; start < rowEnd; start += MX_BLOCK) {
      const end = Math.min(start + MX_BLOCK, rowEnd);
      const largest = largestMagnitude(bits, start, end);
      const special = largest >= 0x7f800000;
      const amaxBits = special && keeps ? largestKept(bits, start, end) : largest;
      const byte = amaxBits >= 0x7f800000 ? NAN_SCALE : scaleByte(rule, element, amaxBits);
      scales[block++] = byte;
      if (byte === NAN_SCALE) continue;
      const base = byte + table.baseField;
      if (special || (base < 1 && amaxBits !== 0)) castBlockExactly(bits, start, end, byte, format, codes);
      // A block of zeros keeps its signs: any base above its magnitudes does.
      else castBlock(bits, start, end, (amaxBits === 0 ? 1 : base) << 23, table, codes);
    }
  }
}

function checkOptions({ scaleRule = 'floor', specials = 'poison' }: MxOptions): void {
  if (!MX_SCALE_RULES.includes(scaleRule))
    throw new FormatError('option', `unknown scale rule ${JSON.stringify(scaleRule)}`);
  if (specials !== 'poison' && specials !== 'keep')
    throw new FormatError('option', `specials are "poison" or "keep", not ${JSON.stringify(specials)}`);
}

/** The length of a row, checked against the number of values. */
function checkedRowLength(length: number, rowLength: number | undefined): number {
  if (rowLength === undefined || length === 0) return Math.max(1, length);
  if (!Number.isInteger(rowLength) || rowLength < 1 || length % rowLength !== 0) {
    throw new FormatError('shape', `${length} values cannot be cut into rows of ${rowLength}`);
  }
  return rowLength;
}

/** Number of blocks of `length` values whose blocks start anew each `rowLength`. */
function mxBlockCount(length: number, rowLength: number | undefined): number {
  const row = checkedRowLength(length, rowLength);
  return (length / row) * Math.ceil(row / MX_BLOCK);
}

/**
 * Values to an MX format (OCP MX 1.0, section 6.3): ties to even, clamped, the sign of zero kept except in MXINT8.
 * A last block of less than 32 values is stored short.
 * @throws FormatError when `rowLength` does not divide the number of values, the format or an option is unknown, or the
 * values are another kind of array.
 */
export function encodeMx(values: Float32Array, format: MxFormat, options: MxOptions = {}): MxTensor {
  if (!isMxFormat(format)) throw new FormatError('option', `unknown MX format ${JSON.stringify(format)}`);
  checkFloats(values);
  checkOptions(options);
  const rowLength = checkedRowLength(values.length, options.rowLength);
  const scales = new Uint8Array(mxBlockCount(values.length, options.rowLength));
  const codes = new Uint8Array(values.length);
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  encodeBlocks(bits, format, rowLength, options, scales, codes);
  const packed = packBits(codes, MX_ELEMENTS[format].bits);
  const tensor = { format, length: values.length, scales, packed };
  return options.rowLength === undefined ? tensor : { ...tensor, rowLength };
}

function decodeBlock(
  codes: ArrayLike<number>,
  start: number,
  end: number,
  table: Float32Array,
  scale: number,
  values: Float32Array,
): void {
  for (let i = start; i < end; i += 1) values[i] = table[codes[i]!]! * scale;
}

/**
 * The values of an MX tensor, section 5.2: a NaN scale makes the whole block NaN.
 * @throws FormatError when the number of scales or bytes is not that of `length` values.
 */
export function decodeMx(tensor: MxTensor): Float32Array {
  const { format, length, scales } = tensor;
  if (!isMxFormat(format)) throw new FormatError('option', `unknown MX format ${JSON.stringify(format)}`);
  const rowLength = checkedRowLength(length, tensor.rowLength);
  const nBlocks = mxBlockCount(length, tensor.rowLength);
  if (scales.length !== nBlocks) {
    throw new FormatError('corrupt', `${nBlocks} blocks need as many scales, got ${scales.length}`);
  }
  const codes = unpackBits(tensor.packed, MX_ELEMENTS[format].bits, length) as Uint8Array;
  const table = elementValues(format);
  const values = new Float32Array(length);
  let block = 0;
  for (let row = 0; row < length; row += rowLength) {
    const rowEnd = row + rowLength;
    for (let start = row; start < rowEnd; start += MX_BLOCK) {
      const end = Math.min(start + MX_BLOCK, rowEnd);
      decodeBlock(codes, start, end, table, SCALE_VALUES[scales[block++]!]!, values);
    }
  }
  return values;
}
