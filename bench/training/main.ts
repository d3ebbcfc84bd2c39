// npx tsx bench/training/main.ts [--shapes 0,1] [--rounds 20] [--clock wall|cpu] [--markdown | --json] [--profile PREFIX]
// Trains each shape on one thread, in turn with one large product, and prints how close training comes to its rate.
// --markdown prints the rows of the tables in docs/engine.md.
import { fork } from 'node:child_process';
import { parseArgs } from 'node:util';
import { clockOf } from './clock.ts';
import type { Measured } from './measure.ts';
import { SHAPES } from './shapes.ts';
import { machine, milliseconds, percent, shapesOf, tableHead, tableRow } from './text.ts';

const { values } = parseArgs({
  options: {
    shapes: { type: 'string', default: SHAPES.map((_, i) => i).join() },
    rounds: { type: 'string', default: '20' },
    clock: { type: 'string', default: 'wall' },
    profile: { type: 'string' },
    json: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
  },
});
const clock = clockOf(values.clock);

/** A process for each shape, so that peak memory is the shape's own. */
function measureApart(index: number): Promise<Measured> {
  const child = fork(new URL('./measure.ts', import.meta.url), [
    String(index),
    clock,
    values.rounds,
    ...(values.profile === undefined ? [] : [values.profile]),
  ]);
  return new Promise((resolve, reject) => {
    child.on('message', (message) => resolve(message as Measured));
    child.on('exit', (code) => reject(new Error(`shape ${index} ended with ${code}`)));
  });
}

function describe(m: Measured): string {
  return [
    `${m.name}: ${(m.parameters / 1e6).toFixed(2)} M parameters`,
    `  step            ${milliseconds(m.stepSeconds)} (fastest ${milliseconds(m.fastestStepSeconds)}), ${Math.round(m.tokensPerSecond)} tokens/s`,
    `  product rate    ${(m.productRate / 1e9).toFixed(1)} GFLOP/s; the step's products need ${percent(m.productShare)} of its time at that rate`,
    `  evaluation      ${m.evaluationRatio.toFixed(2)} x the tokens/s of training`,
    `  start-up        ${m.startUpSeconds.toFixed(2)} s`,
    `  graph           ${m.graphNodes} nodes, ${m.graphBytes} bytes`,
    `  peak memory     ${Math.round(m.peakMemoryBytes / 2 ** 20)} MiB`,
  ].join('\n');
}

const HEADINGS = [
  'shape',
  'step',
  'tokens/s',
  'large product',
  'share of its rate',
  'evaluation',
  'start-up',
  'graph',
  'peak memory',
];

function row(m: Measured): string {
  return tableRow([
    m.name,
    milliseconds(m.stepSeconds),
    Math.round(m.tokensPerSecond).toLocaleString('en'),
    `${(m.productRate / 1e9).toFixed(0)} GFLOP/s`,
    percent(m.productShare),
    `${m.evaluationRatio.toFixed(1)} x`,
    `${m.startUpSeconds.toFixed(2)} s`,
    `${m.graphNodes} nodes, ${Math.round(m.graphBytes / 1000)} kB`,
    `${Math.round(m.peakMemoryBytes / 2 ** 20)} MiB`,
  ]);
}

const all: Measured[] = [];
if (values.markdown) {
  console.log(`${machine()}; ${clock} clock, medians of ${values.rounds}\n`);
  console.log(tableHead(HEADINGS));
}
for (const { index } of shapesOf(values.shapes)) {
  const measured = await measureApart(index);
  all.push(measured);
  if (values.markdown) console.log(row(measured));
  else if (!values.json) console.log(describe(measured));
}
if (values.json) console.log(JSON.stringify(all, null, 2));
