import { expect, test } from 'vitest';
import { createCalibrator, inputNorms } from '../../../evaluators/compression/calibration.ts';
import { blockMatrices } from '../../../evaluators/compression/matrices.ts';
import { sampleBatch } from '../../../evaluators/data/windows.ts';
import { initialWeights } from '../../../evaluators/model/parameters.ts';
import { deriveRng } from '../../../space/random.ts';
import { TINY, tinyData } from './tiny.ts';

const SEED = 3;
const WINDOWS = 16;

test('the first layer sees the normed embeddings of the calibration windows', async () => {
  const data = tinyData();
  const weights = initialWeights(TINY, deriveRng(1, 0, 'calibrated'));
  const calibrator = await createCalibrator(TINY, data, { seed: SEED, windows: WINDOWS });
  const moments = await calibrator.measure(weights);
  const again = await calibrator.measure(weights);
  await calibrator.release();

  const width = TINY.dModel;
  const expected = new Float64Array(width * width);
  const tokens = new Int32Array(8 * TINY.contextLength);
  const nTokens = WINDOWS * TINY.contextLength;
  for (let batch = 0; batch < WINDOWS / 8; batch++) {
    const rng = deriveRng(SEED, batch, 'calibration');
    sampleBatch(data.train, 8, TINY.contextLength, rng, tokens, new Int32Array(tokens.length));
    for (const token of tokens) {
      const row = weights.embedding!.subarray(token * width, (token + 1) * width);
      const meanSquare = row.reduce((sum, x) => sum + x * x, 0) / width;
      const normed = Array.from(row, (x) => x / Math.sqrt(meanSquare + 1e-5));
      for (let i = 0; i < width; i++) {
        for (let j = 0; j < width; j++) {
          expected[i * width + j] = expected[i * width + j]! + (normed[i]! * normed[j]!) / nTokens;
        }
      }
    }
  }
  const actual = moments['layers.0.attention.q']!;
  for (let i = 0; i < expected.length; i++) expect(actual[i]).toBeCloseTo(expected[i]!, 4);
  const norms = inputNorms(actual);
  expect(norms[5]).toBeCloseTo(Math.sqrt(expected[5 * width + 5]!), 4);

  expect(Object.keys(moments).sort()).toEqual(
    blockMatrices(TINY)
      .map(({ name }) => name)
      .sort(),
  );
  for (const { name, rows } of blockMatrices(TINY)) expect(moments[name]!.length).toBe(rows * rows);
  expect(moments['layers.1.attention.v']).toBe(moments['layers.1.attention.q']);
  expect(moments['layers.1.feedForward.up']).toBe(moments['layers.1.feedForward.gate']);
  expect(moments['layers.1.feedForward.gate']).not.toBe(moments['layers.1.attention.q']);
  expect(again).toEqual(moments);
});
