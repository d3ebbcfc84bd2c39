import { expect, test } from 'vitest';
import { eagerEngine } from '../../../evaluators/engine/eager.ts';
import { bufferOf } from '../../../evaluators/engine/program.ts';
import { onnxEngine } from '../../../evaluators/engine/session.ts';
import { parameterSpecs } from '../../../evaluators/model/parameters.ts';
import { nPassesOf, sequenceBytes } from '../../../evaluators/training/passes.ts';
import { compileEvaluation, freshState, Trainer } from '../../../evaluators/training/program.ts';
import { GRADIENT, lossAndGradients, passInputs } from '../../../evaluators/training/step.ts';
import type { Architecture } from '../../../space/architecture.ts';
import { deriveRng } from '../../../space/random.ts';
import { expectClose } from '../engine/compare.ts';
import { ADAMW, architectureOf, type Batch, batchOf, eagerPass, referenceTraining, weightsOf } from './reference.ts'; // biome-ignore format: one line

const MIXED = architectureOf([
  { nHeads: 4, nKvHeads: 2, dFf: 24 },
  { nHeads: 0, nKvHeads: 0, dFf: 8 },
  { nHeads: 2, nKvHeads: 2, dFf: 0 },
]);

const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  'mixed layers': MIXED,
  'an untied head': { ...MIXED, tieEmbeddings: false },
  'one head a group': architectureOf([{ nHeads: 4, nKvHeads: 4, dFf: 0 }]),
  'two heads a group': architectureOf([{ nHeads: 4, nKvHeads: 2, dFf: 0 }]),
  'four heads a group': architectureOf([{ nHeads: 4, nKvHeads: 1, dFf: 0 }]),
  'feed-forward alone': architectureOf([{ nHeads: 0, nKvHeads: 0, dFf: 24 }]),
  'no layer work at all': architectureOf([{ nHeads: 0, nKvHeads: 0, dFf: 0 }]),
  'one position': architectureOf([{ nHeads: 2, nKvHeads: 1, dFf: 8 }], { contextLength: 1 }),
  'attention in several blocks, the last one short': architectureOf([{ nHeads: 2, nKvHeads: 1, dFf: 0 }], {
    contextLength: 140,
    dModel: 8,
  }),
  'a context of 1,024': architectureOf([{ nHeads: 1, nKvHeads: 1, dFf: 0 }], {
    contextLength: 1024,
    dModel: 4,
  }),
  'heads wider than the model': architectureOf([{ nHeads: 2, nKvHeads: 1, dFf: 8 }], { headDim: 12 }),
};

async function tracedPass(
  architecture: Architecture,
  weights: Readonly<Record<string, Float32Array>>,
  { tokens, targets }: Batch,
): Promise<Record<string, Float32Array>> {
  const nSequences = tokens.length / architecture.contextLength;
  const inputs = passInputs(architecture, nSequences);
  const program = await onnxEngine().compile(inputs, (given) => lossAndGradients(architecture, given));
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, { shape, dtype }]) => [
      name,
      bufferOf(shape, dtype, name === 'tokens' ? tokens : name === 'targets' ? targets : weights[name]!),
    ]),
  );
  const fetches = Object.fromEntries([
    ['loss', bufferOf([])],
    ...parameterSpecs(architecture).map(({ name, shape }) => [GRADIENT + name, bufferOf(shape)] as const),
  ]);
  await program.run(feeds, fetches);
  await program.release();
  return Object.fromEntries(Object.entries(fetches).map(([name, { data }]) => [name, data as Float32Array]));
}

test.each(Object.entries(ARCHITECTURES))(
  '%s: loss and gradients traced as eager',
  async (_, architecture) => {
    const weights = weightsOf(architecture);
    const batch = batchOf(architecture, architecture.contextLength < 1000 ? 3 : 1);
    const eager = await eagerPass(architecture, weights, batch);
    expectClose(await tracedPass(architecture, weights, batch), eager, 1e-4);
  },
);

/** Along a direction between the gradient and a random one, the loss changes as the gradient says. */
test.each([MIXED, { ...MIXED, tieEmbeddings: false }])('finite differences agree', async (architecture) => {
  const weights = weightsOf(architecture);
  const batch = batchOf(architecture, 3);
  const results = await tracedPass(architecture, weights, batch);
  const evaluation = await compileEvaluation(architecture, 3, weights);
  evaluation.tokens.set(batch.tokens);
  evaluation.targets.set(batch.targets);
  const rng = deriveRng(5, 0, 'direction');
  for (const { name } of parameterSpecs(architecture)) {
    const gradient = results[GRADIENT + name]!;
    const values = weights[name]!;
    const before = values.slice();
    const unit = (vector: Float32Array) => vector.map((x) => x / Math.hypot(...vector));
    const random = unit(gradient.map(() => rng.normal()));
    const direction = unit(unit(gradient).map((g, i) => g + random[i]!));
    const lossAt = (distance: number) => {
      for (let i = 0; i < values.length; i++) values[i] = before[i]! + distance * direction[i]!;
      return evaluation.run();
    };
    const h = 0.005 * Math.hypot(...values);
    const slope = ((await lossAt(h)) - (await lossAt(-h))) / (2 * h);
    values.set(before);
    const expected = gradient.reduce((sum, g, i) => sum + g * direction[i]!, 0);
    expect(Math.abs(slope - expected) / Math.abs(expected), name).toBeLessThan(0.01);
  }
  await evaluation.release();
});

test('20 steps: losses as the reference, weights too', async () => {
  const rates = Array.from({ length: 20 }, (_, i) => 0.01 * Math.min(1, (i + 1) / 5));
  const { losses, weights } = await referenceTraining(MIXED, 4, rates);
  const trainer = await Trainer.create(MIXED, ADAMW, 4, freshState(MIXED, weightsOf(MIXED)));
  for (const [i, rate] of rates.entries()) {
    const batch = batchOf(MIXED, 4, i);
    trainer.tokens.set(batch.tokens);
    trainer.targets.set(batch.targets);
    const { loss } = await trainer.step(rate);
    expect(Math.abs(loss - losses[i]!) / losses[i]!, `step ${i + 1}`).toBeLessThan(1e-4);
  }
  expectClose({ ...trainer.state().weights }, weights, 1e-2);
  expect(trainer.state().step).toBe(20);
  await trainer.release();
});

test('a batch in several passes trains as in one', async () => {
  const runs: { loss: number; norm: number; weights: Record<string, Float32Array> }[] = [];
  for (const nPasses of [1, 2, 6]) {
    const start = freshState(MIXED, weightsOf(MIXED));
    const trainer = await Trainer.create(MIXED, ADAMW, 6, start, onnxEngine(), undefined, nPasses);
    const last = { loss: 0, norm: 0 };
    for (let step = 0; step < 4; step++) {
      const batch = batchOf(MIXED, 6, step);
      trainer.tokens.set(batch.tokens);
      trainer.targets.set(batch.targets);
      const { loss, gradientNorm } = await trainer.step(0.01);
      Object.assign(last, { loss, norm: gradientNorm });
    }
    const weights = Object.fromEntries(
      Object.entries(trainer.state().weights).map(([name, values]) => [name, values.slice()]),
    );
    runs.push({ ...last, weights });
    await trainer.release();
  }
  for (const run of runs.slice(1)) {
    expect(run.loss).toBeCloseTo(runs[0]!.loss, 5);
    expect(run.norm / runs[0]!.norm).toBeCloseTo(1, 4);
    expectClose(run.weights, runs[0]!.weights, 1e-3);
  }
});

test('passes divide the batch and stay within the limit where they can', () => {
  const bytes = sequenceBytes(MIXED);
  expect(nPassesOf(MIXED, 12)).toBe(1);
  expect(nPassesOf(MIXED, 12, 12 * bytes)).toBe(1);
  expect(nPassesOf(MIXED, 12, 11 * bytes)).toBe(2);
  expect(nPassesOf(MIXED, 12, 2.5 * bytes)).toBe(6);
  expect(nPassesOf(MIXED, 7, 3 * bytes)).toBe(7);
  expect(nPassesOf(MIXED, 12, 1)).toBe(12);
  // The yardstick of the training benchmark takes one pass.
  const layer = { nHeads: 4, nKvHeads: 2, dFf: 352 };
  const wide = { dModel: 128, headDim: 32, vocabSize: 256, contextLength: 128 };
  expect(nPassesOf(architectureOf([layer, layer, layer, layer], wide), 8)).toBe(1);
});

test('a step whose loss is no number leaves the weights as they are', async () => {
  const start = freshState(MIXED, weightsOf(MIXED));
  const trainer = await Trainer.create(MIXED, ADAMW, 2, start);
  const batch = batchOf(MIXED, 2);
  trainer.tokens.set(batch.tokens);
  trainer.targets.set(batch.targets);
  expect(Number.isFinite((await trainer.step(0.01)).loss)).toBe(true);
  const { weights } = trainer.state();
  weights['layers.1.feedForward.up']![3] = Number.NaN;
  const before = Object.entries(weights).map(([name, values]) => [name, values.slice()] as const);
  const { loss, gradientNorm } = await trainer.step(0.01);
  expect([loss, gradientNorm]).toEqual([Number.NaN, Number.NaN]);
  for (const [name, values] of before) expect(weights[name], name).toEqual(values);
  await trainer.release();
});

test('a model learns a text by heart', async () => {
  const architecture = architectureOf([{ nHeads: 2, nKvHeads: 1, dFf: 16 }], { contextLength: 16 });
  const trainer = await Trainer.create(
    architecture,
    ADAMW,
    2,
    freshState(architecture, weightsOf(architecture)),
  );
  const text = Int32Array.from({ length: 33 }, (_, i) => (i * i + 3 * (i >> 2)) % 11);
  trainer.tokens.set(text.subarray(0, 32));
  trainer.targets.set(text.subarray(1));
  let last = Number.POSITIVE_INFINITY;
  for (let step = 0; step < 150; step++) last = (await trainer.step(0.01)).loss;
  await trainer.release();
  expect(last).toBeLessThan(0.05);
});

test('the eager engine trains with the same losses', async () => {
  const losses: number[][] = [];
  for (const engine of [onnxEngine(), eagerEngine('cpu')]) {
    const trainer = await Trainer.create(MIXED, ADAMW, 2, freshState(MIXED, weightsOf(MIXED)), engine);
    const batch = batchOf(MIXED, 2);
    trainer.tokens.set(batch.tokens);
    trainer.targets.set(batch.targets);
    const seen: number[] = [];
    for (let step = 0; step < 4; step++) seen.push((await trainer.step(0.01)).loss);
    losses.push(seen);
    await trainer.release();
  }
  losses[0]!.forEach((loss, i) => {
    expect(Math.abs(loss - losses[1]![i]!)).toBeLessThan(1e-4);
  });
});
