import { describe, expect, it } from 'vitest';
import * as hardware from '../../hardware/index.ts';

describe('the public face of hardware/', () => {
  it('has the codecs beside the cost model', () => {
    const weights = Float32Array.from({ length: 64 * 4 }, (_, i) => Math.sin(i));
    const mx = hardware.encodeMx(weights, 'mxfp6-e2m3');
    expect(hardware.decodeMx(mx)).toHaveLength(weights.length);
    // 256 values in blocks of 32: six bits a value, a byte a block.
    expect(hardware.encodedBits(mx)).toBe(256 * 6 + 8 * 8);
    const face = new Map<string, unknown>(Object.entries(hardware));
    for (const name of [
      'estimateCost',
      'encodeMx',
      'decodeMx',
      'encodeDeltaCsc',
      'decodeDeltaCsc',
      'encodeCodebook',
      'decodeCodebook',
      'encodedBits',
      'castWeights',
    ]) {
      expect(face.get(name), name).toBeTypeOf('function');
    }
  });
});
