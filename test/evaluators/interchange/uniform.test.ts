import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { largestDifference, logitsOf } from '../../../evaluators/interchange/decoder-check.ts';
import { widenWeights } from '../../../evaluators/interchange/uniform.ts';
import { parameterSpecs } from '../../../evaluators/model/parameters.ts';
import { uniformArchitecture } from '../../../hardware/index.ts';
import { anyArchitecture, modelOf, tokensOf, UNLIKE } from './models.ts';

async function differenceOf(architecture: typeof UNLIKE): Promise<number> {
  const model = modelOf(architecture);
  const uniform = uniformArchitecture(architecture)!;
  const weights = widenWeights(architecture, model.weights, uniform);
  for (const { name, shape } of parameterSpecs(uniform))
    expect(weights[name], name).toHaveLength(shape.reduce((a, b) => a * b, 1));
  const text = { tokens: tokensOf(architecture, 2, 9), batch: 2 };
  return largestDifference(
    await logitsOf(model, text),
    await logitsOf({ architecture: uniform, weights }, text),
  );
}

describe('the uniform form of a model', () => {
  it('computes the same', async () => {
    expect(await differenceOf(UNLIKE)).toBeLessThan(2e-5);
    const counter = fc.asyncProperty(anyArchitecture, async (architecture) => {
      expect(await differenceOf(architecture)).toBeLessThan(1e-4);
    });
    await fc.assert(counter, { numRuns: 25 });
  });

  it('is the model itself where that is a plain Llama', () => {
    const plain = uniformArchitecture(UNLIKE)!;
    const { weights } = modelOf(plain);
    expect(widenWeights(plain, weights, plain)).toEqual(weights);
  });
});
