// Speed of the codecs on one core, as MB/s of dense float32 and as a share of a plain copy loop in the same run.
// Two clocks: the least wall time of all repeats, and the mean CPU time, which other processes on the machine disturb
// less. A floor is met when one of them meets it.
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
const COLS = 256;
const SECONDS_EACH = 1;

interface Task {
  readonly name: string;
  readonly floorMBps?: number;
  readonly run: () => unknown;
}

const rng = deriveRng(1, 0, 'bench/formats');
const dense = Float32Array.from({ length: ROWS * COLS }, () => rng.normal() * 0.02);
const sparse = keepLargest(dense, 0.8);
const copied = new Float32Array(dense.length);

interface Timing {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
}

/** Repeats `run` for a while after warming up. */
function time(run: () => unknown): Timing {
  for (let i = 0; i < 3; i += 1) run();
  let wallSeconds = Infinity;
  let repeats = 0;
  const before = process.cpuUsage();
  const begin = performance.now();
  while (repeats < 5 || performance.now() - begin < SECONDS_EACH * 1000) {
    const start = performance.now();
    run();
    wallSeconds = Math.min(wallSeconds, (performance.now() - start) / 1000);
    repeats += 1;
  }
  const used = process.cpuUsage(before);
  return { wallSeconds, cpuSeconds: (used.user + used.system) / 1e6 / repeats };
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

const megabytesIn = (seconds: number) => dense.byteLength / seconds / 1e6;
const copyTiming = time(copy.run);
let missed = 0;
console.log(`${ROWS} x ${COLS} float32, sparse = 80 % zeros\n`);
console.log(`${''.padEnd(30)} least wall time           CPU time   of copy`);
for (const { name, floorMBps, run } of [copy, ...mxTasks, ...sparseTasks]) {
  const { wallSeconds, cpuSeconds } = time(run);
  const wall = megabytesIn(wallSeconds);
  const cpu = megabytesIn(cpuSeconds);
  const isMet = floorMBps === undefined || Math.max(wall, cpu) >= floorMBps;
  if (!isMet) missed += 1;
  const share = ((100 * copyTiming.wallSeconds) / wallSeconds).toFixed(1);
  console.log(
    `${name.padEnd(30)} ${(wall / 1000).toFixed(2).padStart(5)} GB/s ${wall.toFixed(0).padStart(5)} MB/s ` +
      `${cpu.toFixed(0).padStart(6)} MB/s ${share.padStart(6)} %` +
      (floorMBps === undefined ? '' : `  floor ${floorMBps} ${isMet ? 'met' : 'MISSED'}`),
  );
}
process.exitCode = missed === 0 ? 0 : 1;
