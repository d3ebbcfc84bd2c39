// A slow, separate MX quantiser written from the text of the rule, sharing no code with the codec: every value of
// the element type is listed, and the nearest one is found by bisection, a tie going to the even code.
import type { MxFormat } from '../../../hardware/formats/mx-format.ts';

interface Shape {
  readonly exponentBits: number;
  readonly mantissaBits: number;
  readonly bias: number;
  readonly emax: number;
  /** Number of finite non-negative codes. */
  readonly finite: number;
}

const SHAPES: Record<Exclude<MxFormat, 'mxint8'>, Shape> = {
  'mxfp8-e5m2': { exponentBits: 5, mantissaBits: 2, bias: 15, emax: 15, finite: 0x7c },
  'mxfp8-e4m3': { exponentBits: 4, mantissaBits: 3, bias: 7, emax: 8, finite: 0x7f },
  'mxfp6-e3m2': { exponentBits: 3, mantissaBits: 2, bias: 3, emax: 4, finite: 32 },
  'mxfp6-e2m3': { exponentBits: 2, mantissaBits: 3, bias: 1, emax: 2, finite: 32 },
  'mxfp4-e2m1': { exponentBits: 2, mantissaBits: 1, bias: 1, emax: 2, finite: 8 },
};

function magnitudes(format: MxFormat): number[] {
  if (format === 'mxint8') return Array.from({ length: 128 }, (_, code) => code / 64);
  const { mantissaBits, bias, finite } = SHAPES[format];
  return Array.from({ length: finite }, (_, code) => {
    const exponent = Math.floor(code / 2 ** mantissaBits);
    const fraction = (code % 2 ** mantissaBits) / 2 ** mantissaBits;
    return exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias);
  });
}

function nearest(values: readonly number[], a: number): number {
  if (a >= values.at(-1)!) return values.length - 1;
  let low = 0;
  let high = values.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (values[middle]! <= a) low = middle;
    else high = middle;
  }
  const toLow = a - values[low]!;
  const toHigh = values[high]! - a;
  if (toLow === toHigh) return low % 2 === 0 ? low : high;
  return toLow < toHigh ? low : high;
}

/** Codes of one block and its scale byte, by the floor rule; a block with NaN or infinity has byte 255 and codes 0. */
export function oracleBlock(format: MxFormat) {
  const values = magnitudes(format);
  const emax = format === 'mxint8' ? 0 : SHAPES[format].emax;
  const signBit = format === 'mxint8' ? 0 : values.length > 32 ? 128 : values.length;
  return (block: ArrayLike<number>): { scale: number; codes: number[] } => {
    const all = Array.from(block);
    if (all.some((v) => !Number.isFinite(v))) return { scale: 255, codes: all.map(() => 0) };
    const amax = Math.max(...all.map(Math.abs));
    let exponent = -127;
    while (exponent < 127 && 2 ** (exponent + 1 + emax) <= amax) exponent += 1;
    const codes = all.map((v) => {
      const code = nearest(values, Math.abs(v) / 2 ** exponent);
      if (format === 'mxint8') return v < 0 ? (256 - code) % 256 : code;
      return v < 0 || Object.is(v, -0) ? code + signBit : code;
    });
    return { scale: exponent + 127, codes };
  };
}
