/** Big-endian float32 hex to values, bit for bit. */
export function floatsFromHex(hex: string): Float32Array {
  const bytes = Buffer.from(hex, 'hex').swap32();
  return new Float32Array(Uint8Array.from(bytes).buffer);
}

/** The bits of float32 values, so that -0 and 0 differ; every NaN is the same. */
export function bitsOf(values: Float32Array): number[] {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Array.from(bits, (word, i) => (Number.isNaN(values[i]) ? 0x7fc00000 : word));
}
