// Trains candidates and tells its memory, as a child process of the memory test.
import { trainToRung } from '../../../evaluators/training/train.ts';
import { type Architecture, countParameters } from '../../../space/architecture.ts';
import { SETTINGS, tinyDataset } from './dataset.ts';
import { architectureOf } from './reference.ts';

export type MemoryReport = { readonly after5: number; readonly after50: number } | { readonly peak: number };

async function train(architecture: Architecture, steps: number, batch: number): Promise<void> {
  const outcome = await trainToRung(
    { architecture, architectureHash: 'hash', rung: 0 },
    {
      seed: 1,
      settings: { ...SETTINGS, rungs: [steps], batch },
      data: tinyDataset(),
      onProgress: () => {},
      shouldStop: () => undefined,
    },
  );
  if (outcome.kind !== 'ok') throw new Error(JSON.stringify(outcome));
}

/** Resident bytes after a collection. */
function resident(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage().rss;
}

/** Five sizes in turn, up and down, so that memory kept for one cannot simply serve the next. */
async function trainMany(): Promise<MemoryReport> {
  let after5 = 0;
  for (let number = 0; number < 50; number++) {
    const size = [3, 1, 5, 2, 4][number % 5]!;
    const layers = Array.from({ length: size }, () => ({ nHeads: 4, nKvHeads: 2, dFf: 64 * size }));
    const sizes = { vocabSize: 16, contextLength: 64, dModel: 32 * size, headDim: 16 };
    await train(architectureOf(layers, sizes), 2, 8);
    if (number === 4) after5 = resident();
  }
  return { after5, after50: resident() };
}

async function trainLarge(): Promise<MemoryReport> {
  const layers = Array.from({ length: 4 }, () => ({ nHeads: 8, nKvHeads: 4, dFf: 1152 }));
  const large = architectureOf(layers, { vocabSize: 16, contextLength: 128, dModel: 512, headDim: 64 });
  if (countParameters(large) < 10e6) throw new Error('too small for this test');
  await train(large, 2, 8);
  return { peak: 1024 * process.resourceUsage().maxRSS };
}

process.send!(await (process.argv[2] === 'many' ? trainMany() : trainLarge()));
process.disconnect();
