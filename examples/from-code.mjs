// A search from a program: a small space, trained for real, with its events as they come. Run it in an empty folder:
//   node from-code.mjs
import { defineSpace, openRuns, run } from 'paretoformer';

const space = defineSpace({
  name: 'from-code',
  task: { corpus: 'sotu', contextLength: 64 },
  space: {
    dModel: [32, 48],
    headDim: 16,
    depth: { min: 1, max: 3 },
    layers: { nHeads: [2, 4], nKvHeads: [1, 2], dFf: [64, 128] },
  },
  deployment: { weightFormat: ['fp16', 'mxfp6-e2m3'] },
  accelerator: 'nvidia-l4',
  objectives: ['loss', 'weightBytes'],
  search: { candidates: 6, deploymentsPerArchitecture: 1 },
  training: { rungs: [100], warmupSteps: 10, evaluationTokens: 8192 },
});

for await (const event of run(space, { threads: 2 })) {
  if (event.kind === 'evaluated') {
    const { state, values } = event.evaluation;
    console.log(`candidate ${event.candidate.number}: ${values.loss?.toFixed(3) ?? state}`);
  }
}

const runs = openRuns();
for (const { candidate, evaluation } of runs.front('latest')?.members ?? []) {
  const { loss, weightBytes } = evaluation.values;
  console.log(`on the front: candidate ${candidate.number}, ${loss} bits per byte in ${weightBytes} bytes`);
}
runs.close();
