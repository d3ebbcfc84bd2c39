import { expect, it } from 'vitest';
import { unpackBits } from '../../../hardware/formats/bit-pack.ts';
import { encodeMx } from '../../../hardware/formats/mx.ts';
import { MX_ELEMENTS, MX_FORMATS } from '../../../hardware/formats/mx-format.ts';
import { deriveRng } from '../../../space/random.ts';
import { oracleBlock } from './mx-oracle.ts';

const BLOCKS = 312_500;
const CHUNK = 12_500;

const rng = deriveRng(2024, 0, 'test/mx');
const words = new Uint32Array(CHUNK * 32);
const values = new Float32Array(words.buffer);

/** A third normal weights of any size, a third few significant bits (many ties), a third random bit patterns. */
function drawBlock(block: number): void {
  const kind = block % 3;
  const size = 2 ** (rng.below(250) - 140);
  for (let i = block * 32; i < (block + 1) * 32; i += 1) {
    if (kind === 0) values[i] = rng.normal() * size;
    else if (kind === 1)
      words[i] = (rng.uint32() & 0x80f80000) | ((90 + (size > 1 ? 40 : 0) + rng.below(24)) << 23);
    // One exponent bit fewer, or nearly every block would hold NaN or infinity.
    else words[i] = rng.uint32() & (block % 6 === 2 ? 0xffffffff : 0xbfffffff);
  }
}

it.each(MX_FORMATS)(
  '%s equals the slow oracle on 10 million random floats',
  (format) => {
    const oracle = oracleBlock(format);
    let mismatches = 0;
    for (let chunk = 0; chunk < BLOCKS / CHUNK; chunk += 1) {
      for (let block = 0; block < CHUNK; block += 1) drawBlock(block);
      const tensor = encodeMx(values, format);
      const codes = unpackBits(tensor.packed, MX_ELEMENTS[format].bits, values.length);
      for (let block = 0; block < CHUNK; block += 1) {
        const expected = oracle(values.subarray(block * 32, (block + 1) * 32));
        mismatches += Number(expected.scale !== tensor.scales[block]);
        for (let i = 0; i < 32; i += 1) mismatches += Number(expected.codes[i] !== codes[block * 32 + i]);
      }
    }
    expect(mismatches).toBe(0);
  },
  300_000,
);
