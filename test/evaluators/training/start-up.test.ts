// What a candidate costs before its first step. In processor time, so that a busy machine disturbs it little.
import { expect, test } from 'vitest';
import { type OnnxEngine, onnxEngine } from '../../../evaluators/engine/session.ts';
import { compileEvaluation, freshState, Trainer } from '../../../evaluators/training/program.ts';
import { ADAMW, architectureOf, weightsOf } from './reference.ts';

const LIMIT_SECONDS = 0.35;
const BATCH = 8;

const layers = [4, 2, 1, 4, 2, 1].map((nKvHeads, i) => ({ nHeads: 4, nKvHeads, dFf: 256 + 32 * i }));
const architecture = architectureOf(layers, {
  dModel: 128,
  headDim: 32,
  vocabSize: 256,
  contextLength: 128,
});

async function processorSeconds(work: () => Promise<unknown>): Promise<number> {
  const start = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}

test('six layers are traced and handed to ONNX Runtime in 0.35 s, evaluation included', async () => {
  const weights = weightsOf(architecture);
  const start = freshState(architecture, weights);
  const programs: { release(): Promise<void> }[] = [];
  const seconds = await processorSeconds(async () => {
    programs.push(await Trainer.create(architecture, ADAMW, BATCH, start));
    programs.push(await compileEvaluation(architecture, BATCH, weights));
  });
  for (const program of programs) await program.release();
  expect(seconds).toBeLessThan(LIMIT_SECONDS);
});

test('a graph holds its mask and tables once, whatever its depth', async () => {
  const bytesOf = async (depth: number) => {
    let bytes = 0;
    const inner = onnxEngine();
    const engine: OnnxEngine = {
      async compile(inputs, body) {
        const program = await inner.compile(inputs, body);
        bytes = program.onnxBytes;
        return program;
      },
    };
    const deep = { ...architecture, layers: Array.from({ length: depth }, () => layers[0]!) };
    const evaluation = await compileEvaluation(deep, BATCH, weightsOf(deep), engine);
    await evaluation.release();
    return bytes;
  };
  const [two, six] = [await bytesOf(2), await bytesOf(6)];
  const mask = 4 * architecture.contextLength ** 2;
  expect(two).toBeGreaterThan(mask);
  expect(six - two).toBeLessThan(mask / 4);
});
