// From a block's largest magnitude to its shared scale, an E8M0 byte: 0..254 stand for 2^-127..2^127, 255 for NaN.

/**
 * Rules for the shared scale. With e the exponent of the largest magnitude and `emax` that of the element type:
 * - `floor`: 2^(e - emax), the conversion of the MX specification 1.0, section 6.3. The largest value may be clamped;
 * - `ceil`: one more whenever the largest magnitude is not a power of two;
 * - `even`: e is taken after rounding the largest magnitude to the element's precision;
 * - `rceil`: the smallest power of two with which nothing is clamped (product with 1/max in float32);
 * - `bump`: one more when the significand is 1.75 or more, for every format;
 * - `double`: always twice `floor`, so that nothing is clamped.
 */
export const MX_SCALE_RULES = ['floor', 'ceil', 'even', 'rceil', 'bump', 'double'] as const;
export type MxScaleRule = (typeof MX_SCALE_RULES)[number];

/** The byte that poisons a block. */
export const NAN_SCALE = 255;

interface ScaledElement {
  readonly emax: number;
  readonly mantissaBits: number;
  readonly maxValue: number;
}

const float = new Float32Array(1);
const floatBits = new Uint32Array(float.buffer);

/** Round-up of `amax / max`, computed as torchao does, as a biased exponent. */
function roundUpField(amaxBits: number, maxValue: number): number {
  floatBits[0] = amaxBits;
  float[0] = float[0]! * Math.fround(1 / maxValue);
  const field = floatBits[0]! >>> 23;
  const fraction = floatBits[0]! & 0x7fffff;
  return field === 0 ? Number(fraction > 0x400000) : field + Number(fraction !== 0);
}

/** The scale byte for a finite largest magnitude, given as float32 bits. */
export function scaleByte(rule: MxScaleRule, element: ScaledElement, amaxBits: number): number {
  if (amaxBits === 0) return 0;
  let field = amaxBits >>> 23;
  if (rule === 'rceil') return Math.min(254, roundUpField(amaxBits, element.maxValue));
  if (rule === 'ceil') field += Number((amaxBits & 0x7fffff) !== 0);
  else if (rule === 'even') field = (amaxBits + (1 << (22 - element.mantissaBits))) >>> 23;
  else if (rule === 'bump') field = (amaxBits + 0x200000) >>> 23;
  else if (rule === 'double') field += 1;
  // Rounding that leaves the float32 range has no scale: the block becomes NaN, as in torchao's EVEN mode.
  if ((rule === 'even' || rule === 'bump') && field === 255) return NAN_SCALE;
  const byte = field - element.emax;
  return byte < 0 ? 0 : Math.min(byte, 254);
}

/** Scale byte -> power of two; 255 -> NaN. Exact in float32 (byte 0 is subnormal). */
export const SCALE_VALUES = Float32Array.from({ length: 256 }, (_, byte) =>
  byte === NAN_SCALE ? NaN : 2 ** (byte - 127),
);
