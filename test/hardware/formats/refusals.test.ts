// What the codecs refuse, and that they refuse it by their own error: nothing else may come of hostile input.
import { describe, expect, it } from 'vitest';
import type { FormatErrorCode } from '../../../hardware/index.ts';
import * as hardware from '../../../hardware/index.ts';

const {
  castWeights,
  decodeBitmask,
  decodeDeltaCsc,
  decodeFloat,
  decodeGrouped,
  encodeBitmask,
  encodedBits,
  encodeCodebook,
  encodeDeltaCsc,
  encodeFloat,
  encodeGrouped,
  encodeMx,
  encodeNvFp4,
  expectedDummies,
  expectedStorageBits,
  expectedWeightBits,
  FormatError,
} = hardware;

const four = Float32Array.of(1, -2, 3, -4);
const square = { rows: 2, cols: 2 } as const;
const sparse = { ...square, valueFormat: 'fp16' } as const;
const csc = encodeDeltaCsc(four, { ...sparse, deltaBits: 4 });
const mask = encodeBitmask(four, sparse);
/** What a program without types may pass. */
const any = (value: unknown) => value as never;
const wrongArrays = [[1, 2, 3, 4], new Float64Array(4), new Int32Array(4), undefined, null, 'text'];

const CASES: Record<string, [FormatErrorCode, () => unknown]> = {
  'an MX scale rule that is none': ['option', () => encodeMx(four, 'mxfp4-e2m1', { scaleRule: any('up') })],
  'MX specials that are none': ['option', () => encodeMx(four, 'mxfp4-e2m1', { specials: any('drop') })],
  'a float format that is none': ['option', () => encodeFloat(four, any('fp12'))],
  'a stored float format that is none': [
    'option',
    () => decodeFloat({ format: any('fp12'), length: 1, packed: new Uint16Array(1) }),
  ],
  'fewer floats than said': [
    'corrupt',
    () => decodeFloat({ format: 'fp16', length: 5, packed: new Uint16Array(1) }),
  ],
  'a grouped format that is none': ['option', () => encodeGrouped(four, any('int3'))],
  'a stored grouped format that is none': [
    'option',
    () => decodeGrouped({ ...encodeGrouped(four, 'int8'), format: any('int3') }),
  ],
  'negative rows of groups': ['shape', () => encodeGrouped(four, 'int8', -2)],
  'rows of groups that do not divide': ['shape', () => encodeGrouped(four, 'int8', 3)],
  'a reduction that is none': ['option', () => castWeights(four, { ...square, reduction: any('x') }, 'fp16')],
  'bits of a format that is none': ['option', () => encodedBits(any({ format: 'fp5' }))],
  'expected bits of negative rows': ['shape', () => expectedWeightBits('fp16', { rows: -1, cols: 2 }, 0)],
  'expected bits of half a column': ['shape', () => expectedWeightBits('fp16', { rows: 1, cols: 0.5 }, 0.5)],
  'expected bits of more sparsity than all': [
    'option',
    () => expectedStorageBits('fp16', square, 1.2, { kind: 'bitmask' }),
  ],
  'dummies of more sparsity than all': ['option', () => expectedDummies(10, 2, 4)],
  'a delta CSC larger than any array': ['shape', () => decodeDeltaCsc({ ...csc, rows: 1e9, cols: 1e9 })],
  'a bitmask of negative rows': ['shape', () => decodeBitmask({ ...mask, rows: -2, cols: -2 })],
};

describe('a codec refuses', () => {
  it.each(Object.entries(CASES))('%s', (_name, [code, work]) => {
    expect(work).toThrow(FormatError);
    expect(work).toThrow(expect.objectContaining({ code }));
  });

  it('arrays of another kind, whose bits it would take for others', () => {
    for (const values of wrongArrays.map(any)) {
      for (const work of [
        () => encodeMx(values, 'mxfp4-e2m1'),
        () => encodeFloat(values, 'fp16'),
        () => encodeGrouped(values, 'int8', 2),
        () => encodeNvFp4(values, 4),
        () => encodeCodebook(values, { indexBits: 2 }),
        () => encodeDeltaCsc(values, { ...sparse, deltaBits: 4 }),
        () => encodeBitmask(values, sparse),
        () => castWeights(values, square, 'fp16'),
      ])
        expect(work).toThrow(
          expect.objectContaining({ code: 'option', message: 'values must be a Float32Array' }),
        );
    }
  });
});
