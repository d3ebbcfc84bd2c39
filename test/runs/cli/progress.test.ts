import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { createProgress, plainView, spinnerView } from '../../../runs/cli/progress.ts';
import type { RunEvent } from '../../../runs/loop/events.ts';
import type { CandidateRecord } from '../../../runs/store/records.ts';

const started: RunEvent = {
  kind: 'started',
  runId: 'r',
  name: 'n',
  planned: [8, 2],
  rungs: [10, 30],
  stepsPerRung: [10, 20],
  maxThreads: 1,
};
const candidate = { number: 4 } as CandidateRecord;
const evaluated = (rung: number, isNew = true): RunEvent => ({
  kind: 'evaluated',
  candidate,
  isNew,
  evaluation: {
    number: 0,
    candidate: 4,
    rung,
    state: 'ok',
    architectureHash: 'a',
    violations: [0],
    values: { loss: 2.5, decodeLatency: 0.002 },
  },
});
const trained: RunEvent = {
  kind: 'trained',
  training: { architectureHash: 'a', rung: 0, attempt: 1, state: 'ok', loss: 2.5, steps: 10, wallSeconds: 1 },
};
const front = {
  generation: 1,
  nTold: 1,
  rung: 0,
  hypervolume: 0.125,
  members: [{ candidate: 4, evaluation: 0 }],
};

it('measures the time left by optimiser steps, those under way included', () => {
  let now = 0;
  const progress = createProgress(() => now);
  progress.take(started);
  expect(progress.line()).toBe('generation 0, 0/10 evaluated, front 0, hypervolume 0.0000');
  // 120 steps in all; 10 done and 5 under way in 15 s leave 105 s.
  now = 15_000;
  progress.take(trained);
  progress.take(evaluated(0));
  progress.take({ kind: 'generation', front });
  progress.take({
    kind: 'progress',
    architectureHash: 'b',
    rung: 1,
    progress: { step: 15, totalSteps: 30, loss: 3 },
  });
  expect(progress.line()).toBe(
    'generation 1, 1/10 evaluated, front 1, hypervolume 0.1250, about 1 min 45 s left',
  );
});

it('does not take what a resumed run replays for speed', () => {
  let now = 0;
  const progress = createProgress(() => now);
  progress.take({ ...started, kind: 'resumed' });
  for (let k = 0; k < 7; k++) progress.take(evaluated(0, false));
  expect(progress.line()).toContain('7/10 evaluated, 7 from before');
  // 10 steps took 1 s; the two climbs of 20 steps each are left.
  now = 1000;
  progress.take(trained);
  progress.take(evaluated(0));
  expect(progress.line()).toContain('about 4 s left');
});

it('writes plain lines for what is new', () => {
  const lines: string[] = [];
  const view = plainView(
    (line) => lines.push(line),
    () => 0,
  );
  view.listen(started);
  view.listen(evaluated(0, false));
  view.listen(evaluated(1));
  view.end();
  expect(lines).toEqual([
    'run r (n) started, 1 thread',
    '[2/10] candidate 4 rung 1: loss 2.5000, decodeLatency 2.00 ms',
  ]);
});

it('keeps one line on a terminal and takes it away at the end', () => {
  const stream = Object.assign(new PassThrough(), {
    isTTY: true,
    columns: 200,
    cursorTo() {},
    clearLine() {},
    moveCursor() {},
  });
  const view = spinnerView(stream as unknown as NodeJS.WriteStream, () => 0);
  view.listen(started);
  view.listen(evaluated(0));
  view.end();
  expect(String(stream.read())).not.toContain('undefined');
});
