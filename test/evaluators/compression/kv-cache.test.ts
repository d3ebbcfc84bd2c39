import type * as tf from '@tensorflow/tfjs';
import { expect, test } from 'vitest';
import { castKvCache } from '../../../evaluators/compression/kv-cache.ts';
import { eagerEngine } from '../../../evaluators/engine/eager.ts';
import { bufferOf, type Engine } from '../../../evaluators/engine/program.ts';
import { onnxEngine } from '../../../evaluators/engine/session.ts';
import { decodeFloat, decodeMx, encodeFloat, encodeMx } from '../../../hardware/formats/index.ts';
import { elementValues } from '../../../hardware/formats/mx-format.ts';
import type { KvCacheFormat } from '../../../space/number-formats.ts';
import { deriveRng } from '../../../space/random.ts';

const asFloat = new Float32Array(1);
const asBits = new Int32Array(asFloat.buffer);

/** The float32 before `x`. */
function before(x: number): number {
  asFloat[0] = x;
  asBits[0] = asBits[0]! - 1;
  return asFloat[0]!;
}

/** Normal values of many scales, zeros, and what lies next to powers of two, where logarithms mislead. */
function hardValues(length: number): Float32Array {
  const rng = deriveRng(4, length, 'hard values');
  return Float32Array.from({ length }, (_, i) => {
    const power = 2 ** (rng.below(24) - 16);
    if (i % 7 === 0) return power;
    if (i % 7 === 1) return -before(power);
    if (i % 7 === 2) return i % 2 === 0 ? 0 : -0;
    return rng.normal() * power;
  });
}

async function cast(engine: Engine, format: KvCacheFormat, shape: readonly number[], values: Float32Array) {
  const program = await engine.compile({ x: { shape, dtype: 'float32' } }, ({ x }) => ({
    y: castKvCache(format, x as tf.Tensor4D),
  }));
  const y = bufferOf(shape);
  await program.run({ x: bufferOf(shape, 'float32', values) }, { y });
  await program.release();
  return y.data as Float32Array;
}

/** Nearest of `table`, ties to the even code; `table` holds the values of codes 0, 1, ... of one sign, rising. */
function nearest(table: readonly number[], x: number): number {
  let best = 0;
  table.forEach((value, code) => {
    const closer = Math.abs(value - Math.abs(x)) - Math.abs(table[best]! - Math.abs(x));
    if (closer < 0 || (closer === 0 && code % 2 === 0)) best = code;
  });
  return Math.sign(x) * table[best]!;
}

const E4M3 = [...elementValues('mxfp8-e4m3')].slice(0, 127);

const half = (x: number): number => decodeFloat(encodeFloat(Float32Array.of(x), 'fp16'))[0]!;

function int8ByHand(values: Float32Array, headDim: number): Float32Array {
  return values.map((x, i) => {
    const row = values.subarray(i - (i % headDim), i - (i % headDim) + headDim);
    const scale = half(Math.fround(Math.max(...row.map(Math.abs)) / 127));
    if (scale === 0) return 0;
    const ratio = Math.fround(x / scale);
    const down = Math.floor(ratio);
    const rest = ratio - down;
    const rounded = rest > 0.5 || (rest === 0.5 && down % 2 !== 0) ? down + 1 : down;
    return Math.max(-127, Math.min(127, rounded)) * scale;
  });
}

const EXPECTED: Readonly<Record<KvCacheFormat, (values: Float32Array, headDim: number) => Float32Array>> = {
  fp16: (values) => decodeFloat(encodeFloat(values, 'fp16')),
  fp8: (values) => values.map((x) => nearest(E4M3, x)),
  int8: int8ByHand,
  mxint8: (values, headDim) => decodeMx(encodeMx(values, 'mxint8', { rowLength: headDim })),
};

for (const format of ['fp16', 'fp8', 'int8', 'mxint8'] as const) {
  for (const headDim of [16, 48, 64]) {
    test(`${format} in heads of ${headDim}: as the codec says, on both engines`, async () => {
      const shape = [2, 5, 3, headDim];
      const values = hardValues(30 * headDim);
      const expected = EXPECTED[format](values, headDim);
      for (const engine of [onnxEngine(), eagerEngine('cpu')]) {
        const actual = await cast(engine, format, shape, values);
        // Zeros of either sign are the same to a cache.
        expect(actual.map((x) => x + 0)).toEqual(expected.map((x) => x + 0));
      }
    });
  }
}

test('what is too large saturates', async () => {
  const values = new Float32Array(32).fill(1e6);
  values[1] = -1e6;
  const shape = [1, 1, 1, 32];
  expect((await cast(onnxEngine(), 'fp8', shape, values)).slice(0, 2)).toEqual(
    Float32Array.from([448, -448]),
  );
  expect((await cast(onnxEngine(), 'fp16', shape, values)).slice(0, 2)).toEqual(
    Float32Array.from([65504, -65504]),
  );
});
