// The element types of the OCP Microscaling (MX) formats, v1.0: 32 elements share one power-of-two scale (E8M0).

/** Elements that share one scale. */
export const MX_BLOCK = 32;

interface MxElement {
  /** Bits of one stored element. */
  readonly bits: 4 | 6 | 8;
  readonly kind: 'float' | 'integer';
  /** Stored fraction bits at the largest exponent. */
  readonly mantissaBits: number;
  /** Exponent of the largest power of two. */
  readonly emax: number;
  /** Exponent of the smallest normal; below it the step stays constant. */
  readonly emin: number;
  /** Largest magnitude, to which larger ones are clamped. */
  readonly maxValue: number;
}

const float = (
  bits: 4 | 6 | 8,
  mantissaBits: number,
  emin: number,
  emax: number,
  maxValue: number,
): MxElement => ({
  bits,
  kind: 'float',
  mantissaBits,
  emin,
  emax,
  maxValue,
});

/** The six named formats. MXINT8 is a two's complement integer times 2^-6: a float whose values are all subnormal. */
export const MX_ELEMENTS = {
  'mxfp8-e5m2': float(8, 2, -14, 15, 57344),
  'mxfp8-e4m3': float(8, 3, -6, 8, 448),
  'mxfp6-e3m2': float(6, 2, -2, 4, 28),
  'mxfp6-e2m3': float(6, 3, 0, 2, 7.5),
  'mxfp4-e2m1': float(4, 1, 0, 2, 6),
  mxint8: { bits: 8, kind: 'integer', mantissaBits: 6, emin: 0, emax: 0, maxValue: 127 / 64 },
} as const satisfies Record<string, MxElement>;

export type MxFormat = keyof typeof MX_ELEMENTS;

/** The six format names. */
export const MX_FORMATS = Object.keys(MX_ELEMENTS) as MxFormat[];

/** True for the name of an MX format. */
export function isMxFormat(format: string): format is MxFormat {
  return Object.hasOwn(MX_ELEMENTS, format);
}

/** The smallest positive value is 2 to this power. */
export function minSubnormalExponent(element: MxElement): number {
  return element.emin - element.mantissaBits;
}

/** `a` rounded to a whole number, ties to even. `a` is not negative and below 2^52. */
function roundTiesToEven(a: number): number {
  const below = Math.floor(a);
  const rest = a - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}

/**
 * The code of the magnitude `a` (exact in a double): nearest, ties to even, clamped to the largest value.
 * Codes of one sign count upwards with the value, so the code is the step number.
 */
export function magnitudeCode(element: MxElement, a: number): number {
  if (a >= element.maxValue) a = element.maxValue;
  let exponent = element.emin;
  while (exponent < element.emax && a >= 2 ** (exponent + 1)) exponent += 1;
  const step = 2 ** (exponent - element.mantissaBits);
  return (exponent - element.emin) * 2 ** element.mantissaBits + roundTiesToEven(a / step);
}

/** `magnitude` with its sign: a sign bit for floats, two's complement for integers. */
export function signedCode(element: MxElement, magnitude: number, negative: boolean): number {
  if (!negative) return magnitude;
  return element.kind === 'float' ? magnitude | (1 << (element.bits - 1)) : -magnitude & 0xff;
}

/** `x`, but no farther from zero than `limit`. */
export function clamp(x: number, limit: number): number {
  return x > limit ? limit : Math.max(x, -limit);
}

function codeValue(format: MxFormat, code: number): number {
  const element: MxElement = MX_ELEMENTS[format];
  if (element.kind === 'integer') return ((code << 24) >> 24) / 64;
  const sign = code >> (element.bits - 1) === 1 ? -1 : 1;
  const magnitude = code & ((1 << (element.bits - 1)) - 1);
  if (format === 'mxfp8-e5m2' && magnitude >= 0x7c) return magnitude === 0x7c ? sign * Infinity : NaN;
  if (format === 'mxfp8-e4m3' && magnitude === 0x7f) return NaN;
  const field = magnitude >> element.mantissaBits;
  const fraction = (magnitude & ((1 << element.mantissaBits) - 1)) / 2 ** element.mantissaBits;
  const value = field === 0 ? fraction * 2 ** element.emin : (1 + fraction) * 2 ** (element.emin + field - 1);
  return sign * value;
}

const valueTables = new Map<MxFormat, Float32Array>();

/** Code -> value, without the scale; NaN and infinity codes included. */
export function elementValues(format: MxFormat): Float32Array {
  let table = valueTables.get(format);
  if (table === undefined) {
    table = Float32Array.from({ length: 2 ** MX_ELEMENTS[format].bits }, (_, code) =>
      codeValue(format, code),
    );
    valueTables.set(format, table);
  }
  return table;
}
