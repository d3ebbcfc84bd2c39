// npx tsx bench/rates/main.ts [--widths 64,128,256] [--rates 0.002,0.004,0.008,0.016] [--seeds 2] [--steps 300]
// Which learning rate is best at which width: losses of real trainings, as the table of docs/engine.md shows them.
import { parseArgs } from 'node:util';
import { loadCorpus } from '../../evaluators/data/corpus.ts';
import { type Dataset, prepareDataset } from '../../evaluators/data/dataset.ts';
import { trainToRung } from '../../evaluators/training/train.ts';
import type { Architecture } from '../../space/architecture.ts';

const { values } = parseArgs({
  options: {
    widths: { type: 'string', default: '64,128,256' },
    rates: { type: 'string', default: '0.002,0.004,0.008,0.016' },
    seeds: { type: 'string', default: '2' },
    steps: { type: 'string', default: '300' },
  },
});
const numbers = (text: string): number[] => text.split(',').map(Number);
const steps = Number(values.steps);
const seeds = Array.from({ length: Number(values.seeds) }, (_, i) => i + 1);
const rates = numbers(values.rates);

const CONTEXT = 64;

function architectureOf(width: number): Architecture {
  const layer = { nHeads: 4, nKvHeads: 2, dFf: 2.75 * width };
  return {
    dModel: width,
    headDim: width / 4,
    vocabSize: 256,
    contextLength: CONTEXT,
    tieEmbeddings: true,
    ropeTheta: 10_000,
    layers: [layer, layer],
  };
}

/** Bits a byte of validation text. */
async function lossOf(data: Dataset, width: number, learningRate: number, seed: number): Promise<number> {
  const outcome = await trainToRung(
    { architecture: architectureOf(width), architectureHash: '', rung: 0 },
    {
      seed,
      data,
      settings: {
        rungs: [steps],
        batch: 8,
        learningRate,
        warmupSteps: 20,
        weightDecay: 0.1,
        beta1: 0.9,
        beta2: 0.95,
        epsilon: 1e-8,
        gradientClip: 1,
        evaluationTokens: 32_768,
      },
      onProgress: () => {},
      shouldStop: () => undefined,
    },
  );
  return outcome.kind === 'ok' ? outcome.bitsPerByte : Number.NaN;
}

const data = prepareDataset(loadCorpus('sotu', '.'), { kind: 'bytes' }, 0.05, CONTEXT);
console.log(`| width | ${rates.join(' | ')} |\n|${'---|'.repeat(rates.length + 1)}`);
for (const width of numbers(values.widths)) {
  const rows: number[][] = [];
  for (const rate of rates) {
    const losses: number[] = [];
    for (const seed of seeds) losses.push(await lossOf(data, width, rate, seed));
    rows.push(losses);
  }
  const means = rows.map((losses) => losses.reduce((sum, loss) => sum + loss, 0) / losses.length);
  const cells = rows.map((losses, i) => {
    const mean = means[i]!.toFixed(3);
    const each = losses.map((loss) => loss.toFixed(3)).join(', ');
    return `${means[i] === Math.min(...means) ? `**${mean}**` : mean} (${each})`;
  });
  console.log(`| ${width} | ${cells.join(' | ')} |`);
}
