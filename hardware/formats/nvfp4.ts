// NVFP4: FP4 (E2M1) elements, an E4M3 scale each 16 values, one float32 scale for the whole tensor.
import { packBits, unpackBits } from './bit-pack.ts';
import { checkFinite, FormatError } from './format-error.ts';
import { castElements } from './mx.ts';
import { clamp, elementValues, MX_ELEMENTS, magnitudeCode } from './mx-format.ts';

/** Values that share a scale. */
export const NVFP4_BLOCK = 16;

export interface NvFp4Tensor {
  readonly format: 'nvfp4';
  readonly length: number;
  /** Blocks start anew after this many values. */
  readonly rowLength: number;
  /** A float32. */
  readonly tensorScale: number;
  /** E4M3 codes, one a block. */
  readonly scales: Uint8Array;
  /** E2M1 codes, lowest bits first. */
  readonly packed: Uint8Array;
}

const E2M1 = MX_ELEMENTS['mxfp4-e2m1'];
const E4M3 = MX_ELEMENTS['mxfp8-e4m3'];

function largest(values: Float32Array, start: number, end: number): number {
  let amax = 0;
  for (let i = start; i < end; i += 1) amax = Math.max(amax, Math.abs(values[i]!));
  return amax;
}

/** Calls `visit` with each block's number and bounds. @throws FormatError when rows do not divide the values. */
function visitBlocks(
  length: number,
  rowLength: number,
  visit: (block: number, start: number, end: number) => void,
): void {
  if (length > 0 && (!(rowLength >= 1) || length % rowLength !== 0)) {
    throw new FormatError('shape', `${length} values cannot be cut into rows of ${rowLength}`);
  }
  let block = 0;
  for (let row = 0; row < length; row += rowLength) {
    for (let start = row; start < row + rowLength; start += NVFP4_BLOCK) {
      visit(block++, start, Math.min(start + NVFP4_BLOCK, row + rowLength));
    }
  }
}

/**
 * Values to NVFP4. The tensor scale maps the largest magnitude to 6 x 448, so that block scales use all of E4M3.
 * @throws FormatError when a value is not finite or `rowLength` does not divide their number.
 */
export function encodeNvFp4(values: Float32Array, rowLength: number = values.length): NvFp4Tensor {
  checkFinite(values);
  const { length } = values;
  const amax = largest(values, 0, length);
  const tensorScale = Math.fround(amax / (E2M1.maxValue * E4M3.maxValue)) || 1;
  const scales: number[] = [];
  const ratios = new Float32Array(length);
  visitBlocks(length, rowLength, (_, start, end) => {
    const scaleCode = magnitudeCode(E4M3, largest(values, start, end) / E2M1.maxValue / tensorScale);
    scales.push(scaleCode);
    const scale = elementValues('mxfp8-e4m3')[scaleCode]! * tensorScale;
    if (scale === 0) return;
    for (let i = start; i < end; i += 1) ratios[i] = clamp(values[i]! / scale, E2M1.maxValue);
  });
  return {
    format: 'nvfp4',
    length,
    rowLength,
    tensorScale,
    scales: Uint8Array.from(scales),
    packed: packBits(castElements(ratios, 'mxfp4-e2m1'), 4),
  };
}

/** The values of an NVFP4 tensor. @throws FormatError when scales or bytes do not fit its length. */
export function decodeNvFp4(tensor: NvFp4Tensor): Float32Array {
  const codes = unpackBits(tensor.packed, 4, tensor.length);
  const elements = elementValues('mxfp4-e2m1');
  const scaleTable = elementValues('mxfp8-e4m3');
  const values = new Float32Array(tensor.length);
  visitBlocks(tensor.length, tensor.rowLength, (block, start, end) => {
    const scaleCode = tensor.scales[block];
    if (scaleCode === undefined) throw new FormatError('corrupt', `block ${block} has no scale`);
    const scale = scaleTable[scaleCode]! * tensor.tensorScale;
    for (let i = start; i < end; i += 1) values[i] = elements[codes[i]!]! * scale;
  });
  return values;
}
