// npx tsx bench/training/main.ts [--shapes 0,1] [--rounds 20] [--clock cpu] [--profile PREFIX] [--json]
// Trains each shape on one thread, in turn with one large product, and prints how close training comes to its rate.
import { fork } from 'node:child_process';
import { parseArgs } from 'node:util';
import type { Measured } from './measure.ts';
import { SHAPES } from './shapes.ts';

const { values } = parseArgs({
  options: {
    shapes: { type: 'string', default: SHAPES.map((_, i) => i).join() },
    rounds: { type: 'string', default: '20' },
    clock: { type: 'string', default: 'wall' },
    profile: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

/** A process for each shape, so that peak memory is the shape's own. */
function measureApart(index: string): Promise<Measured> {
  const child = fork(new URL('./measure.ts', import.meta.url), [
    index,
    values.clock,
    values.rounds,
    ...(values.profile === undefined ? [] : [values.profile]),
  ]);
  return new Promise((resolve, reject) => {
    child.on('message', (message) => resolve(message as Measured));
    child.on('exit', (code) => reject(new Error(`shape ${index} ended with ${code}`)));
  });
}

function describe(m: Measured): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const ms = (seconds: number) => `${(1000 * seconds).toFixed(1)} ms`;
  return [
    `${m.name}: ${(m.parameters / 1e6).toFixed(2)} M parameters`,
    `  step            ${ms(m.stepSeconds)} (fastest ${ms(m.fastestStepSeconds)}), ${Math.round(m.tokensPerSecond)} tokens/s`,
    `  product rate    ${(m.productRate / 1e9).toFixed(1)} GFLOP/s; the step's products need ${percent(m.productShare)} of its time at that rate`,
    `  evaluation      ${m.evaluationRatio.toFixed(2)} x the tokens/s of training`,
    `  start-up        trace ${ms(m.traceSeconds)}, session ${ms(m.sessionSeconds)}`,
    `  graph           ${m.graphNodes} nodes, ${m.graphBytes} bytes`,
    `  peak memory     ${Math.round(m.peakMemoryBytes / 2 ** 20)} MiB`,
  ].join('\n');
}

const all: Measured[] = [];
for (const index of values.shapes.split(',')) {
  const measured = await measureApart(index);
  all.push(measured);
  if (!values.json) console.log(describe(measured));
}
if (values.json) console.log(JSON.stringify(all, null, 2));
