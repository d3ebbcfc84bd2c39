// Speed of the codecs on one core, as MB/s of dense float32 and as a share of a plain copy loop in the same run.
// Run: npx tsx bench/formats/main.ts

import { keepLargest } from '../../hardware/formats/magnitude.ts';
import { decodeMx, encodeMx } from '../../hardware/formats/mx.ts';
import { MX_FORMATS } from '../../hardware/formats/mx-format.ts';
import {
  decodeBitmask,
  decodeDeltaCsc,
  encodeBitmask,
  encodeDeltaCsc,
} from '../../hardware/formats/sparse.ts';
import { deriveRng } from '../../space/random.ts';

const ROWS = 4096;
const COLS = 1024;
const REPEATS = 15;

interface Task {
  readonly name: string;
  readonly floorMBps?: number;
  readonly run: () => unknown;
}

const rng = deriveRng(1, 0, 'bench/formats');
const dense = Float32Array.from({ length: ROWS * COLS }, () => rng.normal() * 0.02);
const sparse = keepLargest(dense, 0.8);
const copied = new Float32Array(dense.length);

/** Least seconds of the repeats after two warm-up runs. */
function bestSeconds(run: () => unknown): number {
  run();
  run();
  let best = Infinity;
  for (let i = 0; i < REPEATS; i += 1) {
    const start = performance.now();
    run();
    best = Math.min(best, performance.now() - start);
  }
  return best / 1000;
}

const mxTasks: Task[] = MX_FORMATS.flatMap((format) => {
  const tensor = encodeMx(dense, format);
  return [
    { name: `${format} cast and pack`, floorMBps: 400, run: () => encodeMx(dense, format) },
    { name: `${format} decode`, floorMBps: 400, run: () => decodeMx(tensor) },
  ];
});

const sparseTasks: Task[] = (['fp16', 'mxfp6-e2m3'] as const).flatMap((valueFormat) => {
  const options = { rows: ROWS, cols: COLS, valueFormat };
  const delta = encodeDeltaCsc(sparse, { ...options, deltaBits: 4 });
  const mask = encodeBitmask(sparse, options);
  return [
    {
      name: `delta CSC ${valueFormat} encode`,
      floorMBps: 300,
      run: () => encodeDeltaCsc(sparse, { ...options, deltaBits: 4 }),
    },
    { name: `delta CSC ${valueFormat} decode`, floorMBps: 300, run: () => decodeDeltaCsc(delta) },
    { name: `bitmask ${valueFormat} encode`, run: () => encodeBitmask(sparse, options) },
    { name: `bitmask ${valueFormat} decode`, run: () => decodeBitmask(mask) },
  ];
});

const copy: Task = {
  name: 'plain copy loop',
  run: () => {
    for (let i = 0; i < dense.length; i += 1) copied[i] = dense[i]!;
  },
};

const copySeconds = bestSeconds(copy.run);
let missed = 0;
console.log(`${ROWS} x ${COLS} float32, sparse = 80 % zeros; least of ${REPEATS}\n`);
for (const { name, floorMBps, run } of [copy, ...mxTasks, ...sparseTasks]) {
  const seconds = bestSeconds(run);
  const megabytes = dense.byteLength / seconds / 1e6;
  const share = ((100 * copySeconds) / seconds).toFixed(1);
  const floor =
    floorMBps === undefined ? '' : `floor ${floorMBps} ${megabytes >= floorMBps ? 'met' : 'MISSED'}`;
  if (floorMBps !== undefined && megabytes < floorMBps) missed += 1;
  console.log(
    `${name.padEnd(30)} ${(megabytes / 1000).toFixed(2).padStart(6)} GB/s ${megabytes.toFixed(0).padStart(6)} MB/s ` +
      `${share.padStart(6)} % of copy  ${floor}`,
  );
}
process.exitCode = missed === 0 ? 0 : 1;
