import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unpackBits } from '../../../hardware/formats/bit-pack.ts';
import { decodeMx, encodeMx } from '../../../hardware/formats/mx.ts';
import {
  elementValues,
  MX_ELEMENTS,
  MX_FORMATS,
  type MxFormat,
} from '../../../hardware/formats/mx-format.ts';
import { type MxScaleRule, SCALE_VALUES, scaleByte } from '../../../hardware/formats/mx-scale.ts';
import { bitsOf, floatsFromHex } from './hex.ts';
import { oracleBlock } from './mx-oracle.ts';

interface GoldenBlock {
  readonly tag: string;
  readonly input: string;
  readonly scale: number;
  readonly packed: string | null;
  readonly output: string | null;
}

const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../fixtures/formats/${name}`, import.meta.url), 'utf8'));
const golden: Record<MxFormat, GoldenBlock[]> = fixture('mx-golden.json');

const float32 = fc.float({ noNaN: true, noDefaultInfinity: true });
const block = fc.float32Array({ noNaN: true, noDefaultInfinity: true, minLength: 1, maxLength: 100 });

describe.each(MX_FORMATS)('%s', (format) => {
  it('meets every golden block: scale byte, packed bytes, values with the sign of zero', () => {
    expect(golden[format].length).toBeGreaterThan(50);
    for (const { tag, input, scale, packed, output } of golden[format]) {
      const tensor = encodeMx(floatsFromHex(input), format);
      expect([tag, ...tensor.scales]).toEqual([tag, scale]);
      const values = decodeMx(tensor);
      if (packed === null) expect([tag, values.every(Number.isNaN)]).toEqual([tag, true]);
      else {
        expect([tag, Buffer.from(tensor.packed).toString('hex')]).toEqual([tag, packed]);
        expect([tag, bitsOf(values)]).toEqual([tag, bitsOf(floatsFromHex(output!))]);
      }
    }
  });

  it('decodes every code to the published value', () => {
    const expected: (number | string)[] = fixture('mx-element-values.json')[format];
    const numbers = expected.map((v) => (typeof v === 'string' ? Number(v.replace('inf', 'Infinity')) : v));
    expect(Array.from(elementValues(format))).toEqual(numbers);
  });

  it('agrees with the slow oracle on blocks of any bit pattern', () => {
    const oracle = oracleBlock(format);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 128, maxLength: 128 }), (bytes) => {
        const values = new Float32Array(Uint8Array.from(bytes).buffer);
        const tensor = encodeMx(values, format);
        const { scale, codes } = oracle(values);
        expect(tensor.scales[0]).toBe(scale);
        expect(Array.from(unpackBits(tensor.packed, MX_ELEMENTS[format].bits, 32))).toEqual(codes);
      }),
      { numRuns: 300 },
    );
  });

  it('is idempotent: encoding the decoded values changes none of them', () => {
    fc.assert(
      fc.property(block, (values) => {
        const once = decodeMx(encodeMx(values, format));
        expect(bitsOf(decodeMx(encodeMx(once, format)))).toEqual(bitsOf(once));
      }),
    );
  });

  it('is at most half a step away, or clamped', () => {
    const { mantissaBits, emin, maxValue } = MX_ELEMENTS[format];
    fc.assert(
      fc.property(block, (values) => {
        const tensor = encodeMx(values, format);
        const decoded = decodeMx(tensor);
        for (const [i, value] of values.entries()) {
          const scale = 2 ** (tensor.scales[i >> 5]! - 127);
          const size = Math.min(Math.abs(value), maxValue * scale);
          const exponent = Math.max(emin, Math.floor(Math.log2(size / scale)));
          const halfStep = scale * 2 ** (exponent - mantissaBits - 1);
          const clamped = Math.abs(value) - size;
          expect(Math.abs(decoded[i]! - value)).toBeLessThanOrEqual(halfStep + clamped);
        }
      }),
    );
  });

  it('stores a short last block and starts blocks anew in each row', () => {
    const values = Float32Array.from({ length: 90 }, (_, i) => Math.sin(i) * 2 ** (i % 7));
    const byRow = [0, 45].map((at) => decodeMx(encodeMx(values.subarray(at, at + 45), format)));
    const tensor = encodeMx(values, format, { rowLength: 45 });
    expect(tensor.scales.length).toBe(4);
    expect(tensor.packed.length).toBe(Math.ceil((90 * MX_ELEMENTS[format].bits) / 8));
    expect(Array.from(decodeMx(tensor))).toEqual(byRow.flatMap((row) => Array.from(row)));
    expect(decodeMx(encodeMx(new Float32Array(0), format)).length).toBe(0);
  });

  it('pads with nothing: a short block equals the same block filled up with zeros', () => {
    fc.assert(
      fc.property(fc.array(float32, { minLength: 1, maxLength: 31 }), (values) => {
        const short = decodeMx(encodeMx(Float32Array.from(values), format));
        const padded = new Float32Array(32);
        padded.set(values);
        expect(bitsOf(short)).toEqual(bitsOf(decodeMx(encodeMx(padded, format)).slice(0, values.length)));
      }),
    );
  });
});

describe('scale rules', () => {
  it('give the bytes of the published implementation', () => {
    const { amax, modes } = fixture('mx-scale-rules.json') as {
      amax: string[];
      modes: Record<MxFormat, Record<MxScaleRule, number[]>>;
    };
    for (const [format, rules] of Object.entries(modes) as [MxFormat, Record<MxScaleRule, number[]>][]) {
      for (const [rule, bytes] of Object.entries(rules) as [MxScaleRule, number[]][]) {
        const own = amax.map((hex) => scaleByte(rule, MX_ELEMENTS[format], Number.parseInt(hex, 16)));
        expect([format, rule, own]).toEqual([format, rule, bytes]);
      }
    }
  });

  it.each(['rceil', 'ceil', 'double'] as const)('%s clamps nothing', (scaleRule) => {
    fc.assert(
      fc.property(fc.constantFrom(...MX_FORMATS), block, (format, values) => {
        const { scales } = encodeMx(values, format, { scaleRule });
        for (const [i, value] of values.entries()) {
          const byte = scales[i >> 5]!;
          const ratio = Math.abs(value) / SCALE_VALUES[byte]!;
          // At the ends of the scale's range there is no other byte; the product with 1/max is rounded to float32.
          if (byte > 0 && byte < 254)
            expect(ratio).toBeLessThanOrEqual(MX_ELEMENTS[format].maxValue * 1.0000003);
        }
      }),
    );
  });

  it('bump raises the scale from a significand of 1.75 on', () => {
    const bytes = [1.7499, 1.75, 1.9].map((v) =>
      encodeMx(Float32Array.of(v), 'mxfp4-e2m1', { scaleRule: 'bump' }),
    );
    expect(bytes.map((tensor) => tensor.scales[0])).toEqual([125, 126, 126]);
  });
});

describe('special values', () => {
  const values = Float32Array.of(1, -Infinity, NaN, 0.5);
  it('keeps NaN and infinity as codes where asked and possible', () => {
    const kept = (format: MxFormat) => Array.from(decodeMx(encodeMx(values, format, { specials: 'keep' })));
    expect(kept('mxfp8-e5m2')).toEqual([1, -Infinity, NaN, 0.5]);
    expect(kept('mxfp8-e4m3')).toEqual([1, NaN, NaN, 0.5]);
    expect(kept('mxfp6-e2m3')).toEqual([NaN, NaN, NaN, NaN]);
  });
});

describe('wrong input', () => {
  it('is refused with a code', () => {
    const tensor = encodeMx(new Float32Array(40), 'mxfp6-e2m3');
    expect(() => decodeMx({ ...tensor, packed: tensor.packed.slice(1) })).toThrow(
      '40 codes of 6 bits need 30 bytes, got 29',
    );
    expect(() => decodeMx({ ...tensor, scales: new Uint8Array(1) })).toThrow(
      '2 blocks need as many scales, got 1',
    );
    expect(() => encodeMx(new Float32Array(40), 'mxint8', { rowLength: 32 })).toThrow(
      '40 values cannot be cut into rows of 32',
    );
    expect(() => encodeMx(new Float32Array(1), 'mxfp5' as MxFormat)).toThrow('unknown MX format "mxfp5"');
  });
});
