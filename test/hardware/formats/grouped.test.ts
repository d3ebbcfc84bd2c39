import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBfloat16 } from '../../../hardware/formats/float-cast.ts';
import {
  decodeGrouped,
  encodeGrouped,
  GROUPED_FORMATS,
  type GroupedFormat,
} from '../../../hardware/formats/grouped.ts';
import { decodeNvFp4, encodeNvFp4 } from '../../../hardware/formats/nvfp4.ts';
import { encodedBits } from '../../../hardware/formats/sizes.ts';
import { bitsOf } from './hex.ts';

const values = fc.float32Array({
  noNaN: true,
  noDefaultInfinity: true,
  min: Math.fround(-1e30),
  max: Math.fround(1e30),
  minLength: 1,
  maxLength: 300,
});
const formats = Object.keys(GROUPED_FORMATS) as GroupedFormat[];

describe.each(formats)('%s', (format) => {
  const { bits, groupSize, largest } = GROUPED_FORMATS[format];

  it('is within half a step of the scale of its group', () => {
    fc.assert(
      fc.property(values, (row) => {
        const tensor = encodeGrouped(row, format);
        const scales = fromBfloat16(tensor.scales);
        const decoded = decodeGrouped(tensor);
        for (const [i, value] of row.entries()) {
          const scale = scales[Math.floor(i / groupSize)]!;
          // FP8 steps grow with the value.
          const step = format === 'fp8' ? Math.max(2 ** -9 * scale, Math.abs(value) / 8) : scale;
          const rounding = 1e-6 * Math.abs(value) + 2 ** -126 * largest;
          expect(Math.abs(decoded[i]! - value)).toBeLessThanOrEqual(0.5 * step + rounding);
        }
      }),
    );
  });

  it('is idempotent and counts its bytes', () => {
    fc.assert(
      fc.property(values, (row) => {
        const tensor = encodeGrouped(row, format);
        const decoded = decodeGrouped(tensor);
        if (decoded.every((x) => x === 0 || Math.abs(x) > 1e-30)) {
          expect(bitsOf(decodeGrouped(encodeGrouped(decoded, format)))).toEqual(bitsOf(decoded));
        }
        const groups = Math.max(1, Math.ceil(row.length / groupSize));
        expect(encodedBits(tensor)).toBe(8 * Math.ceil((row.length * bits) / 8) + 16 * groups);
      }),
    );
  });

  it('starts groups anew in each row and refuses what is not finite', () => {
    const rows = Float32Array.of(1, 2, 3, 400, 500, 600);
    const tensor = encodeGrouped(rows, format, 3);
    expect(tensor.scales.length).toBe(2);
    const first = decodeGrouped(encodeGrouped(rows.subarray(0, 3), format));
    expect(decodeGrouped(tensor).slice(0, 3)).toEqual(first);
    expect(decodeGrouped(encodeGrouped(rows, format, Uint32Array.of(3, 0, 3))).slice(0, 3)).toEqual(first);
    expect(() => encodeGrouped(Float32Array.of(1, NaN), format)).toThrow('value 1 is NaN');
    expect(() => encodeGrouped(rows, format, Uint32Array.of(3, 4))).toThrow(
      'rows of 7 values together do not hold 6',
    );
    expect(() => decodeGrouped({ ...tensor, scales: Uint16Array.of(1) })).toThrow(
      '2 groups need as many scales, got 1',
    );
  });
});

it('rounds ties of int8 and int4 to even', () => {
  const decoded = decodeGrouped(encodeGrouped(Float32Array.of(127, 0.5, 1.5, -2.5), 'int8'));
  expect(Array.from(decoded)).toEqual([127, 0, 2, -2]);
  expect(Array.from(decodeGrouped(encodeGrouped(Float32Array.of(7, 0.5, 1.5, -2.5), 'int4-g32')))).toEqual([
    7, 0, 2, -2,
  ]);
});

describe('nvfp4', () => {
  it('is within half a step, or the clamp, of its two scales', () => {
    fc.assert(
      fc.property(values, (row) => {
        const decoded = decodeNvFp4(encodeNvFp4(row));
        for (let start = 0; start < row.length; start += 16) {
          const block = row.subarray(start, start + 16);
          const amax = Math.max(...Array.from(block, Math.abs));
          const whole = Math.max(...Array.from(row, Math.abs));
          // The largest step is a third of the largest value; the scale itself is off by up to 1/16, or 2^-10 of its unit.
          const bound = amax / 6 + amax / 16 + (whole / 2688) * 2 ** -10 * 6 + 1e-40;
          for (const [i, value] of block.entries())
            expect(Math.abs(decoded[start + i]! - value)).toBeLessThanOrEqual(bound);
        }
      }),
    );
  });

  it('stores 4 bits a value, 8 a block of 16, 32 a tensor', () => {
    const tensor = encodeNvFp4(
      Float32Array.from({ length: 80 }, (_, i) => i - 40),
      40,
    );
    expect(encodedBits(tensor)).toBe(80 * 4 + 2 * 3 * 8 + 32);
    expect(() => encodeNvFp4(new Float32Array(80), 33)).toThrow('80 values cannot be cut into rows of 33');
    expect(() => decodeNvFp4({ ...tensor, scales: new Uint8Array(5) })).toThrow('block 5 has no scale');
  });

  it('decodes a hand-made block: tensor scale 1, block scale 2, elements 6, -0.5 and 1', () => {
    const tensor = encodeNvFp4(Float32Array.of(12, -1, 2, ...Array(13).fill(0), 2688));
    expect(tensor.tensorScale).toBe(1);
    expect(Array.from(decodeNvFp4(tensor).slice(0, 3))).toEqual([12, -1, 2]);
    expect(Array.from(tensor.packed.slice(0, 2))).toEqual([0x97, 0x02]);
  });
});
