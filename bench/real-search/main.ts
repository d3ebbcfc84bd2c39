// The search with real training at a fixed number of trained tokens: what fronts are worth once their members are
// trained anew, from the start, at the full budget, with weights and batches that no search has seen.
//
//   npx tsx bench/real-search/main.ts FOLDER [--seeds 3] [--full 36] [--threads 2] [--methods N]
//
// --methods takes the first N rows of the table alone. FOLDER keeps the runs and what was trained anew: stopped and started again, it goes on where it was.
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { defineSpace, openRuns, resume, run, type Space } from '../../runs/library/index.ts';
import { planRun } from '../../runs/plan/plan.ts';
import { createTrainer } from '../../runs/plan/train.ts';
import { frontOf, hypervolume } from '../../search/index.ts';
import { type Architecture, countParameters } from '../../space/architecture.ts';
import { halfWidthOf, meanOf } from '../search/trace.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '3' },
    full: { type: 'string', default: '36' },
    threads: { type: 'string', default: '2' },
    methods: { type: 'string', default: '5' },
  },
});
const folder = positionals[0];
if (folder === undefined) throw new Error('name a folder: see the first lines of this file');
const nSeeds = Number(values.seeds);
/** The budget of a run, in trainings at the full number of steps. */
const nFull = Number(values.full);
const threads = Number(values.threads);
mkdirSync(folder, { recursive: true });
const database = join(folder, 'real.db');
const trainedAnew = join(folder, 'anew.jsonl');

const FULL_STEPS = 240;
const LOW_STEPS = 80;
const ETA = 3;
const TOKENS_A_STEP = 16 * 64;
/** The seed that front members are trained anew with: no search uses it. */
const FRESH_SEED = 1_000_003;

interface Method {
  readonly name: string;
  readonly algorithm: 'random' | 'nsga2' | 'guided';
  readonly rungs: readonly number[];
  readonly inheritance?: boolean;
}

const ALL_METHODS: readonly Method[] = [
  { name: 'random', algorithm: 'random', rungs: [FULL_STEPS] },
  { name: 'nsga2', algorithm: 'nsga2', rungs: [FULL_STEPS] },
  { name: 'guided', algorithm: 'guided', rungs: [FULL_STEPS] },
  { name: 'guided, halving', algorithm: 'guided', rungs: [LOW_STEPS, FULL_STEPS] },
  {
    name: 'guided, halving, inheritance',
    algorithm: 'guided',
    rungs: [LOW_STEPS, FULL_STEPS],
    inheritance: true,
  },
];

const METHODS = ALL_METHODS.slice(0, Number(values.methods));

/** As many candidates as the budget has room for. */
function candidatesOf({ rungs, inheritance }: Method): number {
  if (rungs.length === 1) return nFull;
  // One in ETA goes on; with inheritance the highest rung starts from the beginning.
  const climb = inheritance === true ? FULL_STEPS : FULL_STEPS - LOW_STEPS;
  return Math.floor((nFull * FULL_STEPS) / (LOW_STEPS + climb / ETA));
}

function spaceOf(method: Method, seed: number): Space {
  const { name, algorithm, rungs, inheritance } = method;
  return defineSpace({
    name: `${name}, seed ${seed}`,
    seed,
    task: { corpus: 'sotu', contextLength: 64 },
    space: {
      dModel: [48, 64, 96],
      headDim: 16,
      depth: { min: 2, max: 6 },
      layers: { nHeads: [2, 4], nKvHeads: [1, 2, 4], dFf: [0, 96, 192, 288] },
    },
    scale: { width: 32, heads: 8, vocabSize: 32_000, contextLength: 4096 },
    accelerator: 'qualcomm-ai100-ultra',
    workload: { batch: 1, promptTokens: 1024, generatedTokens: 256 },
    objectives: ['loss', 'decodeLatency'],
    search: { algorithm, candidates: candidatesOf(method), eta: ETA, deploymentsPerArchitecture: 0 },
    training: {
      rungs,
      batch: 16,
      warmupSteps: 20,
      learningRate: 0.004,
      ...(inheritance === undefined ? {} : { inheritance }),
    },
  });
}

/** Runs a search to its end, or goes on with one that was stopped. Returns its id. */
async function runOf(method: Method, seed: number): Promise<string> {
  const space = spaceOf(method, seed);
  const known = existsSync(database) ? listRuns().find(({ name }) => name === space.spec.name) : undefined;
  if (known?.state === 'finished') return known.id;
  const settings = { database, threads };
  const started = known === undefined ? run(space, settings) : resume(known.id, settings);
  const outcome = await started.outcome;
  if (outcome.kind !== 'finished') throw new Error(`${space.spec.name} was stopped`);
  return outcome.runId;
}

function listRuns() {
  const runs = openRuns(database);
  try {
    return runs.list();
  } finally {
    runs.close();
  }
}

interface Member {
  readonly architectureHash: string;
  readonly architecture: Architecture;
  readonly decodeLatency: number;
}

/** The last front of a run, and what the run took. */
function resultOf(id: string) {
  const runs = openRuns(database);
  try {
    const members = runs.front(id)!.members.map(
      ({ candidate, evaluation }): Member => ({
        architectureHash: candidate.architectureHash,
        architecture: candidate.architecture,
        decodeLatency: evaluation.values.decodeLatency!,
      }),
    );
    const evaluations = runs.evaluations(id);
    const tokens = evaluations.reduce((sum, each) => sum + (each.tokens ?? 0), 0);
    return { members, tokens, nCandidates: runs.candidates(id).length };
  } finally {
    runs.close();
  }
}

/** Loss of architectures trained anew at the full budget, each once. */
async function lossesAnew(members: readonly Member[]): Promise<Map<string, number>> {
  const lines = existsSync(trainedAnew) ? readFileSync(trainedAnew, 'utf8').trim().split('\n') : [];
  const losses = new Map(lines.filter(Boolean).map((line) => JSON.parse(line) as [string, number]));
  const space = spaceOf(METHODS[0]!, FRESH_SEED);
  const trainer = createTrainer(planRun(space.spec, space.folder), threads);
  try {
    const open = new Map(members.map((member) => [member.architectureHash, member.architecture]));
    const work = [...open].filter(([hash]) => !losses.has(hash));
    await Promise.all(
      work.map(async ([architectureHash, architecture]) => {
        const outcome = await trainer.evaluate({ architecture, architectureHash, rung: 0 });
        if (outcome.kind !== 'ok') throw new Error(`${architectureHash}: ${outcome.kind}`);
        losses.set(architectureHash, outcome.bitsPerByte);
        appendFileSync(trainedAnew, `${JSON.stringify([architectureHash, outcome.bitsPerByte])}\n`);
      }),
    );
  } finally {
    await trainer.close();
  }
  return losses;
}

interface Row {
  readonly method: string;
  readonly seed: number;
  readonly tokens: number;
  readonly nCandidates: number;
  readonly members: readonly Member[];
}

const rows: Row[] = [];
for (let seed = 1; seed <= nSeeds; seed++) {
  for (const method of METHODS) {
    const startedAt = performance.now();
    const row = { method: method.name, seed, ...resultOf(await runOf(method, seed)) };
    rows.push(row);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
    console.error(
      `${method.name}, seed ${seed}: ${row.members.length} on the front, ${(row.tokens / 1e6).toFixed(1)} M tokens, ${seconds} s`,
    );
  }
}
const losses = await lossesAnew(rows.flatMap(({ members }) => members));
const pointsOf = ({ members }: Row) =>
  members.map(
    ({ architectureHash, decodeLatency }) => [losses.get(architectureHash)!, decodeLatency] as const,
  );
const everything = rows.flatMap(pointsOf);
// A tenth of the range beyond the worst of all members, so that the ends of a front count.
const [low, high] = [Math.min, Math.max].map((of) =>
  [0, 1].map((k) => of(...everything.map((point) => point[k]!))),
);
const reference = high!.map((worst, k) => worst + 0.1 * (worst - low![k]!));
const volumeOf = (points: readonly (readonly number[])[]) =>
  hypervolume(
    frontOf(points.map((objectives, candidate) => ({ candidate, objectives, violations: [] }))).map(
      ({ objectives }) => objectives,
    ),
    reference,
  );
const whole = volumeOf(everything);
const parameters = rows.flatMap(({ members }) =>
  members.map(({ architecture }) => countParameters(architecture)),
);

console.log(
  `${nSeeds} seeds, ${((nFull * FULL_STEPS * TOKENS_A_STEP) / 1e6).toFixed(1)} M trained tokens a run, members of ${Math.min(...parameters)} to ${Math.max(...parameters)} parameters\n`,
);
console.log(
  '| search | candidates | tokens, M | on the front | hypervolume, % of all fronts together | by seed |',
);
console.log('|---|---|---|---|---|---|');
const results = METHODS.map(({ name }) => {
  const own = rows.filter(({ method }) => method === name);
  const mean = (of: (row: Row) => number) => own.reduce((sum, row) => sum + of(row) / own.length, 0);
  const shares = own.map((row) => (100 * volumeOf(pointsOf(row))) / whole);
  const cells = [
    name,
    mean(({ nCandidates }) => nCandidates).toFixed(0),
    mean(({ tokens }) => tokens / 1e6).toFixed(1),
    mean(({ members }) => members.length).toFixed(1),
    `${meanOf(shares).toFixed(1)} ± ${halfWidthOf(shares).toFixed(1)}`,
    shares.map((share) => share.toFixed(1)).join(', '),
  ];
  console.log(`| ${cells.join(' | ')} |`);
  return { name, shares };
});
writeFileSync(
  join(folder, 'results.json'),
  JSON.stringify({ results, reference, losses: [...losses] }, null, 1),
);
