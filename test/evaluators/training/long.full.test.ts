// A thousand steps compiled and eager end at the same validation loss.
import { expect, test } from 'vitest';
import { readWindows, sampleBatch, validationWindows } from '../../../evaluators/data/windows.ts';
import { bestEagerBackend, eagerEngine } from '../../../evaluators/engine/eager.ts';
import { onnxEngine } from '../../../evaluators/engine/session.ts';
import { compileEvaluation, freshState, Trainer } from '../../../evaluators/training/program.ts';
import { learningRateAt } from '../../../evaluators/training/schedule.ts';
import { deriveRng } from '../../../space/random.ts';
import { tinyDataset } from './dataset.ts';
import { ADAMW, architectureOf, weightsOf } from './reference.ts';

const STEPS = 1000;
const BATCH = 8;
/** At higher rates so small a model is chaotic: one weight changed by a millionth moves the end by more than 1 %. */
const LEARNING_RATE = 0.002;
const ARCHITECTURE = architectureOf(
  [
    { nHeads: 2, nKvHeads: 1, dFf: 16 },
    { nHeads: 2, nKvHeads: 2, dFf: 16 },
  ],
  { vocabSize: 16, contextLength: 16 },
);

test('1,000 steps compiled and eager: validation losses within 1 %', async () => {
  const data = tinyDataset();
  const finals: number[] = [];
  for (const engine of [onnxEngine(), eagerEngine(await bestEagerBackend())]) {
    const trainer = await Trainer.create(
      ARCHITECTURE,
      ADAMW,
      BATCH,
      freshState(ARCHITECTURE, weightsOf(ARCHITECTURE)),
      engine,
    );
    for (let step = 1; step <= STEPS; step++) {
      sampleBatch(data.train, BATCH, 16, deriveRng(1, step, 'batch'), trainer.tokens, trainer.targets);
      const rate = learningRateAt({ learningRate: LEARNING_RATE, warmupSteps: 20 }, step, 0, STEPS);
      const { loss, gradientNorm } = await trainer.step(rate);
      expect(Number.isFinite(loss) && Number.isFinite(gradientNorm)).toBe(true);
    }
    const evaluation = await compileEvaluation(ARCHITECTURE, 32, trainer.state().weights);
    const offsets = validationWindows(data.validation, 16, 512, 32);
    readWindows(data.validation, offsets, 16, evaluation.tokens, evaluation.targets);
    finals.push(await evaluation.run());
    await Promise.all([evaluation.release(), trainer.release()]);
  }
  const [compiled, eager] = finals as [number, number];
  expect(compiled).toBeLessThan(1.6);
  expect(Math.abs(compiled - eager) / eager).toBeLessThan(0.01);
});
