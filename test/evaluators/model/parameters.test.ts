import { expect, test } from 'vitest';
import { initialWeights, parameterSpecs } from '../../../evaluators/model/parameters.ts';
import { type Architecture, countParameters } from '../../../space/architecture.ts';
import { deriveRng } from '../../../space/random.ts';
import { architectureOf } from '../training/reference.ts';

const LAYERS = [
  { nHeads: 4, nKvHeads: 2, dFf: 24 },
  { nHeads: 0, nKvHeads: 0, dFf: 8 },
  { nHeads: 2, nKvHeads: 2, dFf: 0 },
  { nHeads: 0, nKvHeads: 0, dFf: 0 },
];

test.each([true, false])('as many numbers as the arithmetic says (embeddings tied: %s)', (tieEmbeddings) => {
  const architecture = architectureOf(LAYERS, { tieEmbeddings });
  const sizes = parameterSpecs(architecture).map(({ shape }) => shape.reduce((a, b) => a * b, 1));
  expect(sizes.reduce((a, b) => a + b)).toBe(countParameters(architecture));
  const names = parameterSpecs(architecture).map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

test('first values: gains of 1, matrices with the deviation they ask for, the same for the same seed', () => {
  const architecture = architectureOf([{ nHeads: 4, nKvHeads: 4, dFf: 256 }], { dModel: 128, headDim: 32 });
  const weights = initialWeights(architecture, deriveRng(1, 0, 'weights'));
  for (const { name, initialDeviation } of parameterSpecs(architecture)) {
    const values = weights[name]!;
    if (initialDeviation === undefined) expect(values.every((value) => value === 1)).toBe(true);
    else {
      const deviation = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
      expect(deviation / initialDeviation, name).toBeGreaterThan(0.95);
      expect(deviation / initialDeviation, name).toBeLessThan(1.05);
    }
  }
  expect(initialWeights(architecture, deriveRng(1, 0, 'weights'))).toEqual(weights);
  expect(initialWeights(architecture, deriveRng(2, 0, 'weights'))).not.toEqual(weights);
});

test('matrices inside the model learn slower the wider it is; embeddings and gains do not', () => {
  const factors = (dModel: number, change: Partial<Architecture> = {}) =>
    new Map(
      parameterSpecs(architectureOf(LAYERS, { dModel, tieEmbeddings: false, ...change })).map(
        ({ name, rateFactor }) => [name, rateFactor],
      ),
    );
  const [narrow, wide] = [factors(64), factors(256)];
  expect([...factors(16).values()]).toEqual([...narrow.values()]);
  for (const [name, factor] of narrow) {
    expect(factor).toBe(1);
    const isInside = !name.endsWith('norm') && name !== 'embedding';
    expect(wide.get(name), name).toBe(isInside ? 0.25 : 1);
  }
});
