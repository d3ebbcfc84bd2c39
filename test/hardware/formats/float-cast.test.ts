import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fromBfloat16, fromHalf, toBfloat16, toHalf } from '../../../hardware/formats/float-cast.ts';
import { bitsOf } from './hex.ts';

const everyHalf = Uint16Array.from({ length: 2 ** 16 }, (_, code) => code);
const numbers = fc.float32Array({ minLength: 1, maxLength: 50 });

/** Value of half precision bits, from the definition of the format. */
function halfValue(code: number): number {
  const sign = code >= 0x8000 ? -1 : 1;
  const field = (code >> 10) & 31;
  const fraction = code & 0x3ff;
  if (field === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (field === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (field - 25));
}

it('decodes every half precision code to its value and back to itself', () => {
  const values = fromHalf(everyHalf);
  expect(Array.from(values)).toEqual(Array.from(everyHalf, halfValue));
  const back = toHalf(values);
  const wrong = everyHalf.filter((code, i) => !Number.isNaN(values[i]) && back[i] !== code);
  expect(wrong.length).toBe(0);
});

it('rounds the middle of two half precision numbers to the even one, and its neighbours to the nearer', () => {
  const middles: number[] = [];
  const expected: number[] = [];
  for (let code = 0; code < 0x7bff; code += 1) {
    const middle = (halfValue(code) + halfValue(code + 1)) / 2;
    const step = (halfValue(code + 1) - halfValue(code)) / 1024;
    middles.push(middle, middle - step, middle + step);
    expected.push(code + (code & 1), code, code + 1);
  }
  expect(Array.from(toHalf(Float32Array.from(middles)))).toEqual(expected);
});

it('overflows to infinity from 65520 on and keeps NaN', () => {
  expect(Array.from(fromHalf(toHalf(Float32Array.of(65519.99, 65520, -1e9, NaN, Infinity))))).toEqual([
    65504,
    Infinity,
    -Infinity,
    NaN,
    Infinity,
  ]);
});

it('rounds to bfloat16: at most half a step, ties to even, idempotent', () => {
  fc.assert(
    fc.property(numbers, (values) => {
      const rounded = fromBfloat16(toBfloat16(values));
      expect(bitsOf(fromBfloat16(toBfloat16(rounded)))).toEqual(bitsOf(rounded));
      for (const [i, value] of values.entries()) {
        if (Math.abs(value) < 3e38)
          expect(Math.abs(rounded[i]! - value)).toBeLessThanOrEqual(Math.abs(value) / 256 + 2 ** -134);
        else expect(Number.isNaN(rounded[i])).toBe(Number.isNaN(value));
      }
    }),
  );
  expect(Array.from(fromBfloat16(toBfloat16(Float32Array.of(1 + 1 / 256, 1 + 3 / 256))))).toEqual([
    1,
    1 + 1 / 64,
  ]);
});
