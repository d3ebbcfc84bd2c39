// What inherited weights save, and whether they bias the ranking: real trainings of small models.
//
//   npx tsx bench/inheritance/main.ts [--parents 5] [--children 30] [--pairs 12] [--seed 1]
//
// Parents are trained in full. Each child is a mutant of one, and is trained three times: to the low rung from the
// weights that a run would hand it, to the low rung from first weights, and on from there in full.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { TrainingSuccess } from '../../evaluators/outcome.ts';
import { trainToRung } from '../../evaluators/training/train.ts';
import { defineSpace } from '../../runs/library/index.ts';
import { createHeritage } from '../../runs/loop/heritage.ts';
import { planRun } from '../../runs/plan/plan.ts';
import { taskSettings } from '../../runs/plan/train.ts';
import { candidateFeatures, kendallTau } from '../../search/index.ts';
import { fitSurrogate, type Observation } from '../../search/surrogate.ts';
import { type Candidate, hashOf } from '../../space/candidate.ts';
import { compileSpace } from '../../space/compiled-space.ts';
import { mutateCandidate } from '../../space/mutate.ts';
import { deriveRng } from '../../space/random.ts';
import { sampleCandidate } from '../../space/sample.ts';
import { rankCorrelation } from '../hardware/statistics.ts';
import { halfWidthOf, meanOf } from '../search/trace.ts';

const { values } = parseArgs({
  options: {
    parents: { type: 'string', default: '5' },
    children: { type: 'string', default: '30' },
    pairs: { type: 'string', default: '12' },
    seed: { type: 'string', default: '1' },
  },
});
const [nParents, nChildren, seed] = [Number(values.parents), Number(values.children), Number(values.seed)];

const LOW_STEPS = 80;
const FULL_STEPS = 240;
/** Further trainings from the start, with schedules of their own, until one reaches the loss of the inherited start. */
const SHORTER = 160;
const LONGER = [360, 480] as const;
/** Changes that lie between a parent and a child: one or two. */
const MOST_CHANGES = 2;
/** Pairs whose saving is measured. */
const nPairs = Number(values.pairs);

const { spec, folder } = defineSpace({
  seed,
  task: { corpus: 'sotu', contextLength: 64 },
  space: {
    dModel: [32, 48, 64],
    headDim: 16,
    depth: { min: 2, max: 4 },
    layers: { nHeads: [2, 4], nKvHeads: [1, 2, 4], dFf: [0, 64, 128, 192] },
  },
  accelerator: 'qualcomm-ai100-ultra',
  workload: { batch: 1, promptTokens: 32, generatedTokens: 32 },
  objectives: ['loss', 'decodeLatency'],
  search: { candidates: 30 },
  training: {
    rungs: [LOW_STEPS, FULL_STEPS],
    inheritance: true,
    batch: 8,
    warmupSteps: 20,
    learningRate: 0.004,
  },
});
const plan = planRun(spec, folder);
const space = compileSpace(spec);
const heritage = createHeritage(1);
const checkpoints = mkdtempSync(join(tmpdir(), 'paretoformer-inheritance-'));

async function train(
  { architecture }: Candidate,
  rung: number,
  changes: { readonly rungs?: readonly number[]; readonly inherits?: boolean } = {},
): Promise<TrainingSuccess> {
  const { settings, ...rest } = taskSettings(plan, checkpoints);
  const { rungs = settings.rungs, inherits = false } = changes;
  const architectureHash = hashOf(architecture);
  const donor = inherits ? heritage.donorOf(architectureHash, rung) : undefined;
  const outcome = await trainToRung(
    { architecture, architectureHash, rung, ...(donor === undefined ? {} : { donor }) },
    {
      ...rest,
      settings: { ...settings, rungs },
      onProgress: () => {},
      shouldStop: () => undefined,
    },
  );
  if (outcome.kind !== 'ok') throw new Error(`a training ended as ${outcome.kind}`);
  return outcome;
}

type Curve = readonly (readonly [steps: number, loss: number])[];

/** Steps from the start to a loss, between the lengths that were trained: the first, or undefined, beyond them. */
function stepsTo(loss: number, curve: Curve): number | undefined {
  const after = curve.findIndex(([, reached]) => reached <= loss);
  if (after <= 0) return after === 0 ? curve[0]![0] : undefined;
  const [[steps, higher], [end, lower]] = [curve[after - 1]!, curve[after]!];
  return steps + ((end - steps) * (higher - loss)) / (higher - lower);
}

/** The ends of trainings from the start, ascending, until one is as good as the inherited start. */
async function curveTo(candidate: Candidate, { heir, low, full }: Child): Promise<Curve> {
  const lossAfter = async (steps: number) => counted(await train(candidate, 0, { rungs: [steps] }));
  const curve: (readonly [number, number])[] = [[LOW_STEPS, low]];
  if (full <= heir) curve.push([SHORTER, await lossAfter(SHORTER)]);
  curve.push([FULL_STEPS, full]);
  for (const steps of LONGER)
    if (curve.every(([, loss]) => loss > heir)) curve.push([steps, await lossAfter(steps)]);
  return curve;
}

interface Child {
  readonly candidate: Candidate;
  readonly start: number;
  readonly heir: number;
  readonly low: number;
  readonly full: number;
}

const topResults: Observation[] = [];
const parents: Candidate[] = [];
const children: Child[] = [];
let nRefused = 0;
let nSteps = 0;
const counted = (outcome: TrainingSuccess) => {
  nSteps += outcome.steps;
  return outcome.bitsPerByte;
};

try {
  for (let at = 0; at < nParents; at++) {
    const candidate = sampleCandidate(space, deriveRng(seed, at, 'parent'));
    counted(await train(candidate, 0));
    const loss = counted(await train(candidate, 1));
    parents.push(candidate);
    topResults.push({ features: candidateFeatures(candidate), rung: 1, value: loss, candidate: -1 - at });
    heritage.learn({
      candidate: { architecture: candidate.architecture, architectureHash: hashOf(candidate.architecture) },
      evaluation: { rung: 1 },
      measured: { trainedLoss: loss },
    } as Parameters<typeof heritage.learn>[0]);
  }
  const seen = new Set(parents.map(({ architecture }) => hashOf(architecture)));
  console.log(
    `| child | inherited start | ${LOW_STEPS} steps from it | ${LOW_STEPS} steps | ${FULL_STEPS} steps | steps to the loss of the third column |`,
  );
  console.log('|---|---|---|---|---|---|');
  const needed: number[] = [];
  let nBeyond = 0;
  for (let draw = 0; children.length + nRefused < nChildren; draw++) {
    const rng = deriveRng(seed, draw, 'child');
    let candidate = parents[draw % nParents]!;
    const nChanges = 1 + rng.below(MOST_CHANGES);
    for (let k = 0; k < nChanges; k++) candidate = mutateCandidate(space, candidate, rng);
    const name = hashOf(candidate.architecture);
    if (seen.has(name)) continue;
    seen.add(name);
    heritage.decide({ genome: candidate });
    const heir = await train(candidate, 0, { inherits: true });
    counted(heir);
    if (heir.inheritedBitsPerByte === undefined) {
      nRefused += 1;
      continue;
    }
    const low = counted(await train(candidate, 0));
    const full = counted(await train(candidate, 1));
    const child = {
      candidate,
      start: heir.inheritedBitsPerByte,
      heir: heir.bitsPerByte,
      low,
      full,
    };
    children.push(child);
    let steps = '';
    if (needed.length < nPairs) {
      const reached = stepsTo(child.heir, await curveTo(candidate, child));
      if (reached === undefined) nBeyond += 1;
      needed.push(reached ?? LONGER.at(-1)!);
      steps = `${reached === undefined ? '> ' : ''}${needed.at(-1)!.toFixed(0)}`;
    }
    const losses = [child.start, child.heir, low, full].map((loss) => loss.toFixed(3));
    const cells = [children.length, ...losses, steps];
    console.log(`| ${cells.join(' | ')} |`);
  }

  console.log(
    `\n${children.length} heirs, ${nRefused} whose inherited weights were not used; ${nSteps} steps trained.`,
  );
  if (needed.length > 0)
    console.log(
      `${LOW_STEPS} steps from inherited weights are worth ${meanOf(needed).toFixed(0)} ± ${halfWidthOf(needed).toFixed(0)} from the start over ${needed.length} pairs (${nBeyond} were worth more than ${LONGER.at(-1)}, and count as that).`,
    );
  correlations();
} finally {
  rmSync(checkpoints, { recursive: true, force: true });
}

/** How the children rank after the low rung, against full training from the start. */
function correlations(): void {
  const fulls = children.map(({ full }) => full);
  const foretold = (observation: (child: Child) => Pick<Observation, 'value' | 'startValue'>) => {
    const early = children.map((child, at) => ({
      features: candidateFeatures(child.candidate),
      rung: 0,
      candidate: at,
      ...observation(child),
    }));
    const surrogate = fitSurrogate([...early, ...topResults], 2, 3)!;
    return early.map(({ features }, at) => surrogate.mean(features, 1, at));
  };
  console.log(`\n| after ${LOW_STEPS} steps | Spearman | Kendall |\n|---|---|---|`);
  for (const [name, ranked] of [
    ['from the start', children.map(({ low }) => low)],
    ['inherited', children.map(({ heir }) => heir)],
    ['from the start, as the model of the loss foretells the end', foretold(({ low }) => ({ value: low }))],
    [
      'inherited, as the model of the loss foretells the end',
      foretold(({ heir, start }) => ({ value: heir, startValue: start })),
    ],
  ] as const) {
    const cells = [name, rankCorrelation(ranked, fulls).toFixed(3), kendallTau(ranked, fulls).toFixed(3)];
    console.log(`| ${cells.join(' | ')} |`);
  }
}
