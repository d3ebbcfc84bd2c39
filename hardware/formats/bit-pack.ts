// Codes of a few bits as one stream of bytes, lowest bits first: code k occupies bits k*width to k*width + width - 1.
// For 4 bits this is low nibble first; for 6 bits four codes fill three bytes.
import { FormatError } from './format-error.ts';

/** Codes before packing: one array element each. */
export type Codes = Uint8Array | Uint16Array;

/** Bytes of `count` codes of `width` bits. */
export function packedBytes(count: number, width: number): number {
  return Math.ceil((count * width) / 8);
}

function pack4(codes: Codes, packed: Uint8Array): void {
  const pairs = codes.length >> 1;
  for (let i = 0; i < pairs; i += 1) packed[i] = codes[2 * i]! | (codes[2 * i + 1]! << 4);
  if (codes.length % 2 === 1) packed[pairs] = codes[codes.length - 1]!;
}

function packAny(codes: Codes, width: number, packed: Uint8Array, from: number): void {
  let held = 0;
  let heldBits = 0;
  let at = (from * width) >> 3;
  for (let i = from; i < codes.length; i += 1) {
    held |= codes[i]! << heldBits;
    heldBits += width;
    while (heldBits >= 8) {
      packed[at++] = held;
      held >>>= 8;
      heldBits -= 8;
    }
  }
  if (heldBits > 0) packed[at] = held;
}

function pack6(codes: Codes, packed: Uint8Array): void {
  const whole = codes.length & ~3;
  let at = 0;
  for (let i = 0; i < whole; i += 4) {
    const word = codes[i]! | (codes[i + 1]! << 6) | (codes[i + 2]! << 12) | (codes[i + 3]! << 18);
    packed[at] = word;
    packed[at + 1] = word >> 8;
    packed[at + 2] = word >> 16;
    at += 3;
  }
  packAny(codes, 6, packed, whole);
}

/** Packs codes of `width` bits (1 to 16), each below 2^width. The last byte is filled up with zeros. */
export function packBits(codes: Codes, width: number): Uint8Array {
  if (width === 8 && codes instanceof Uint8Array) return codes;
  const packed = new Uint8Array(packedBytes(codes.length, width));
  if (width === 4) pack4(codes, packed);
  else if (width === 6) pack6(codes, packed);
  else packAny(codes, width, packed, 0);
  return packed;
}

function unpack4(packed: Uint8Array, codes: Codes): void {
  const pairs = codes.length >> 1;
  for (let i = 0; i < pairs; i += 1) {
    const byte = packed[i]!;
    codes[2 * i] = byte & 15;
    codes[2 * i + 1] = byte >> 4;
  }
  if (codes.length % 2 === 1) codes[codes.length - 1] = packed[pairs]! & 15;
}

function unpackAny(packed: Uint8Array, width: number, codes: Codes, from: number): void {
  const mask = (1 << width) - 1;
  let held = 0;
  let heldBits = 0;
  let at = (from * width) >> 3;
  for (let i = from; i < codes.length; i += 1) {
    while (heldBits < width) {
      held |= packed[at++]! << heldBits;
      heldBits += 8;
    }
    codes[i] = held & mask;
    held >>>= width;
    heldBits -= width;
  }
}

function unpack6(packed: Uint8Array, codes: Codes): void {
  const whole = codes.length & ~3;
  let at = 0;
  for (let i = 0; i < whole; i += 4) {
    const word = packed[at]! | (packed[at + 1]! << 8) | (packed[at + 2]! << 16);
    codes[i] = word & 63;
    codes[i + 1] = (word >> 6) & 63;
    codes[i + 2] = (word >> 12) & 63;
    codes[i + 3] = word >> 18;
    at += 3;
  }
  unpackAny(packed, 6, codes, whole);
}

/**
 * `count` codes of `width` bits (1 to 16) out of a packed stream.
 * @throws FormatError when the stream has not exactly the bytes of `count` codes.
 */
export function unpackBits(packed: Uint8Array, width: number, count: number): Codes {
  const bytes = packedBytes(count, width);
  if (packed.length !== bytes) {
    throw new FormatError(
      'corrupt',
      `${count} codes of ${width} bits need ${bytes} bytes, got ${packed.length}`,
    );
  }
  if (width === 8) return packed;
  const codes = width > 8 ? new Uint16Array(count) : new Uint8Array(count);
  if (width === 4) unpack4(packed, codes);
  else if (width === 6) unpack6(packed, codes);
  else unpackAny(packed, width, codes, 0);
  return codes;
}
