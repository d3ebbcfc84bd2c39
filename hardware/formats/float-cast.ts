// IEEE half precision and bfloat16: nearest, ties to even, subnormals kept, overflow to infinity.
import { checkFloats, FormatError } from './format-error.ts';

/** Values stored as plain floats. */
export interface FloatTensor {
  readonly format: 'fp32' | 'fp16' | 'bf16';
  readonly length: number;
  readonly packed: Float32Array | Uint16Array;
}

const magic = new Float32Array(1);
const magicBits = new Int32Array(magic.buffer);

/** float32 bits to half precision bits. */
function halfFromBits(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude >= 0x47800000) return sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00);
  if (magnitude >= 0x38800000) {
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13);
  }
  // Between 0.5 and 1 a float32 steps by 2^-24, as half precision subnormals do: the addition rounds to them.
  magicBits[0] = magnitude;
  magic[0] = magic[0]! + 0.5;
  return sign | (magicBits[0]! - 0x3f000000);
}

/** Half precision bits of each value. */
export function toHalf(values: Float32Array): Uint16Array {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i += 1) halves[i] = halfFromBits(bits[i]!);
  return halves;
}

/** Values of half precision bits; exact. */
export function fromHalf(halves: Uint16Array): Float32Array {
  const values = new Float32Array(halves.length);
  const bits = new Int32Array(values.buffer);
  for (let i = 0; i < halves.length; i += 1) {
    const half = halves[i]!;
    const special = (half & 0x7c00) === 0x7c00 ? 0x7f800000 : 0;
    bits[i] = ((half & 0x8000) << 16) | ((half & 0x7fff) << 13) | special;
  }
  // The exponent fields are those of half precision; one exact product moves the bias, subnormals included.
  for (let i = 0; i < values.length; i += 1) values[i] = values[i]! * 2 ** 112;
  return values;
}

/** bfloat16 bits of each value; NaN stays NaN. */
export function toBfloat16(values: Float32Array): Uint16Array {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  const rounded = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i += 1) {
    const word = bits[i]!;
    const isNaNWord = (word & 0x7fffffff) > 0x7f800000;
    rounded[i] = isNaNWord ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return rounded;
}

/** Values of bfloat16 bits; exact. */
export function fromBfloat16(halves: Uint16Array): Float32Array {
  const values = new Float32Array(halves.length);
  const bits = new Int32Array(values.buffer);
  for (let i = 0; i < halves.length; i += 1) bits[i] = halves[i]! << 16;
  return values;
}

function checkFormat(format: FloatTensor['format']): void {
  if (format === 'fp32' || format === 'fp16' || format === 'bf16') return;
  throw new FormatError('option', `unknown float format ${JSON.stringify(format)}`);
}

/** Values to `fp16` or `bf16`, or as they are. @throws FormatError for an unknown format, or another kind of array */
export function encodeFloat(values: Float32Array, format: FloatTensor['format']): FloatTensor {
  checkFormat(format);
  checkFloats(values);
  const packed = format === 'fp32' ? values.slice() : format === 'fp16' ? toHalf(values) : toBfloat16(values);
  return { format, length: values.length, packed };
}

/** The values of a float tensor. @throws FormatError when there are not `length` of them. */
export function decodeFloat(tensor: FloatTensor): Float32Array {
  checkFormat(tensor.format);
  if (tensor.packed.length !== tensor.length)
    throw new FormatError(
      'corrupt',
      `${tensor.length} values are said to be there, ${tensor.packed.length} are`,
    );
  if (tensor.packed instanceof Float32Array) return tensor.packed.slice();
  return tensor.format === 'bf16' ? fromBfloat16(tensor.packed) : fromHalf(tensor.packed);
}
