// A small analytic world: genomes with costs in closed form, and an evaluator that takes random time.
import { setTimeout as sleep } from 'node:timers/promises';
import { disturbanceOf, storageKey } from '../../evaluators/compression/noise-table.ts';
import type {
  MeasurementOutcome,
  NoiseTable,
  PairOutcome,
  TrainingOutcome,
} from '../../evaluators/outcome.ts';
import type {
  Evaluator,
  MeasurementTask,
  PairTask,
  ProfileTask,
  TrainingTask,
} from '../../evaluators/port.ts';
import { expectedTokens } from '../../hardware/index.ts';
import { createProblem, type RunProblem } from '../../runs/plan/problem.ts';
import { countParameters, type Layer } from '../../space/architecture.ts';
import type { Candidate } from '../../space/candidate.ts';
import { parseConstraint } from '../../space/constraint.ts';
import { alikeLayer, LAYER_PARTS, plainDeployment, type WeightStorage } from '../../space/deployment.ts';
import { METRICS, type MetricName } from '../../space/metrics.ts';
import type { WeightFormat } from '../../space/number-formats.ts';
import type { Rng } from '../../space/random.ts';
import { hasPart } from '../../space/storage-genes.ts';

const FORMATS: readonly WeightFormat[] = ['fp16', 'int8', 'mxfp4-e2m1'];
const BYTES: Partial<Record<WeightFormat, number>> = { fp16: 2, int8: 1, 'mxfp4-e2m1': 0.53125 };

function randomLayer(rng: Rng): Layer {
  const nHeads = rng.pick([2, 4]);
  return { nHeads, nKvHeads: rng.pick([1, nHeads]), dFf: rng.pick([0, 64, 128]) };
}

export function candidateOf(dModel: number, layers: readonly Layer[], weightFormat: WeightFormat): Candidate {
  return {
    architecture: {
      dModel,
      headDim: 16,
      vocabSize: 256,
      contextLength: 64,
      tieEmbeddings: true,
      ropeTheta: 10_000,
      layers,
    },
    deployment: {
      ...plainDeployment(layers.length),
      layers: layers.map(() => alikeLayer({ weightFormat, sparsity: 0 })),
    },
  };
}

function sample(rng: Rng): Candidate {
  const layers = Array.from({ length: 1 + rng.below(4) }, () => randomLayer(rng));
  return candidateOf(rng.pick([32, 48, 64]), layers, rng.pick(FORMATS));
}

function mutate({ architecture, deployment }: Candidate, rng: Rng): Candidate {
  const layers = [...architecture.layers];
  const format = deployment.layers[0]!.attention.weightFormat;
  if (rng.chance(1, 3)) return candidateOf(architecture.dModel, layers, rng.pick(FORMATS));
  layers[rng.below(layers.length)] = randomLayer(rng);
  return candidateOf(architecture.dModel, layers, format);
}

/** Whether weights of the donor would be of no use. */
const isStrange = ({ architecture, donor }: Pick<TrainingTask, 'architecture' | 'donor'>) =>
  donor !== undefined && donor.architecture.layers.length > architecture.layers.length + 1;

/**
 * The loss that training would reach: better with parameters, with rungs and with a donor's weights, with a spread from
 * the shape.
 */
export function analyticLoss(task: Pick<TrainingTask, 'architecture' | 'rung' | 'donor'>): number {
  const { architecture, rung } = task;
  const spread = architecture.layers.reduce(
    (sum, { nHeads, dFf }, at) => sum + Math.sin(nHeads + dFf * at),
    0,
  );
  const isHeir = task.donor !== undefined && !isStrange(task);
  const missing = isHeir ? 0.3 / (rung + 2) : 0.5 / (rung + 1);
  return 1 + 40 / Math.sqrt(countParameters(architecture)) + 0.02 * spread + missing;
}

const fakeCosts = ({ architecture, deployment }: Candidate) => {
  const parameters = countParameters(architecture);
  const weightBytes = parameters * BYTES[deployment.layers[0]!.attention.weightFormat]!;
  const deployed = { parameters, weightBytes, memory: weightBytes + 1000, decodeLatency: weightBytes * 1e-9 };
  return { deployed: { ...deployed, throughput: 1 / deployed.decodeLatency }, memoryOverflow: 0 };
};

export function fakeProblem(
  options: { objectives?: readonly MetricName[]; constraints?: readonly string[]; baseline?: Candidate } = {},
): RunProblem {
  const { objectives = ['loss', 'decodeLatency'], constraints = [], baseline } = options;
  return createProblem({
    metrics: METRICS,
    objectives,
    constraints: constraints.map((text) => parseConstraint(text)),
    ...(baseline === undefined ? {} : { baseline }),
    space: {
      sample,
      mutate,
      cross: (a, b, rng) => (rng.chance(1, 2) ? mutate(a, rng) : b),
      deploymentsOf: ({ architecture }) =>
        FORMATS.map((format) => candidateOf(architecture.dModel, architecture.layers, format)),
    },
    costsOf: fakeCosts,
    trainedCostsOf: (candidate) => fakeCosts(candidate).deployed,
  });
}

/** What storing a layer so adds to the loss, bits per byte. */
const LOSS_OF_FORMAT: Partial<Record<WeightFormat, number>> = { fp16: 0, int8: 0.004, 'mxfp4-e2m1': 0.09 };
const lossOf = ({ weightFormat, sparsity }: WeightStorage): number =>
  (LOSS_OF_FORMAT[weightFormat] ?? 0.01) + 0.1 * sparsity ** 2;

/** Disturbances that rank deployments as their losses do. */
function analyticTable({ architecture, choices }: ProfileTask): NoiseTable {
  const row = (storages: readonly WeightStorage[], noise: (storage: WeightStorage) => number) =>
    Object.fromEntries(storages.map((storage) => [storageKey(storage), noise(storage) + 1e-6]));
  const inLayer = (storage: WeightStorage) => 0.1 * lossOf(storage);
  return {
    layers: architecture.layers.map((layer) =>
      Object.fromEntries(
        LAYER_PARTS.filter((part) => hasPart(layer, part)).map((part) => [part, row(choices[part], inLayer)]),
      ),
    ),
    embedding: row(choices.embedding, () => 0),
  };
}

/** What a measurement of the analytic world comes to. */
export function analyticMeasurement(task: MeasurementTask): MeasurementOutcome {
  const { architecture, deployment } = task;
  const { layers } = deployment;
  const attention = layers.map((layer) => layer.attention);
  const feedForward = layers.map((layer) => layer.feedForward);
  const choices = { attention, feedForward, embedding: [deployment.embedding] };
  const table = analyticTable({ ...task, choices });
  const bytes = BYTES[attention[0]!.weightFormat] ?? 1;
  return {
    kind: 'ok',
    bitsPerByte:
      analyticLoss(task) + attention.reduce((sum, storage) => sum + lossOf(storage) / layers.length, 0),
    encodedBits: 8.1 * bytes * countParameters(architecture),
    layerBits: layers.map((_, at) => 1000 * (at + 1) * bytes),
    disturbance: disturbanceOf(table, deployment),
    seconds: 0.01,
  };
}

/** How drafts of the analytic world get on: better the larger they are beside the target, better aligned. */
export function analyticPair({ target, draft, draftLengths, alignmentSteps }: PairTask): PairOutcome {
  const ratio =
    draft.kind === 'model'
      ? countParameters(draft.model.architecture) / countParameters(target.architecture)
      : 0.1;
  const logit = 1.5 + 0.5 * Math.log(ratio) + (alignmentSteps > 0 ? 0.3 : 0);
  const acceptance = 1 / (1 + Math.exp(-logit));
  const lengths = draftLengths.map((draftLength) => ({
    draftLength,
    tokensPerRound: expectedTokens(acceptance, draftLength),
    acceptedOverTested: acceptance,
    drafted: Array.from({ length: draftLength + 1 }, (_, j) => (j === draftLength ? 1 : 0)),
    draftPasses: draft.kind === 'lookup' ? 0 : draftLength,
  }));
  return { kind: 'ok', acceptance, standardError: 0.004, lengths, seconds: 0.01 };
}

export interface FakeEvaluator extends Required<Evaluator> {
  /** Every training that was started, in order. */
  readonly started: TrainingTask[];
  /** Every measurement that was started, in order. */
  readonly measured: MeasurementTask[];
  /** Every pair whose measurement was started, in order. */
  readonly paired: PairTask[];
  readonly maxActive: () => number;
}

/** `fate` decides what a task comes to; by default it trains well. */
export function fakeEvaluator(
  options: {
    maxDelayMs?: number;
    fate?: (task: TrainingTask, nthStart: number) => TrainingOutcome | 'crash' | undefined;
    measuredFate?: (task: MeasurementTask, nthStart: number) => MeasurementOutcome | 'crash' | undefined;
  } = {},
): FakeEvaluator {
  const started: TrainingTask[] = [];
  const measured: MeasurementTask[] = [];
  const paired: PairTask[] = [];
  let active = 0;
  let most = 0;
  /** Takes a while like real work; false where it was stopped meanwhile. */
  const takeTime = async (signal: AbortSignal | undefined): Promise<boolean> => {
    most = Math.max(most, ++active);
    const milliseconds = Math.random() * (options.maxDelayMs ?? 2);
    try {
      await sleep(milliseconds, undefined, signal === undefined ? {} : { signal });
      return true;
    } catch {
      return false;
    } finally {
      active--;
    }
  };
  return {
    started,
    measured,
    paired,
    maxActive: () => most,
    evaluate: async (task, signal) => {
      const nth = started.push(task);
      if (!(await takeTime(signal))) return { kind: 'cancelled' };
      const fate = options.fate?.(task, nth);
      if (fate === 'crash') throw new Error('worker terminated');
      if (fate !== undefined) return fate;
      const bitsPerByte = analyticLoss(task);
      // What differs too much is trained from the start, as by the real one.
      const isOwn = task.donor === undefined || isStrange(task);
      const inherited = isOwn || task.rung > 0 ? {} : { inheritedBitsPerByte: bitsPerByte + 0.4 };
      return {
        kind: 'ok',
        bitsPerByte,
        ...inherited,
        steps: 10,
        tokens: 640,
        trainSeconds: 0.01,
        compileSeconds: 0,
      };
    },
    measure: async (task, signal) => {
      const nth = measured.push(task);
      if (!(await takeTime(signal))) return { kind: 'cancelled' };
      const fate = options.measuredFate?.(task, nth);
      if (fate === 'crash') throw new Error('worker terminated');
      return fate ?? analyticMeasurement(task);
    },
    profile: async (task, signal) =>
      (await takeTime(signal)) ? { kind: 'ok', table: analyticTable(task) } : { kind: 'cancelled' },
    pair: async (task, signal) => {
      paired.push(task);
      return (await takeTime(signal)) ? analyticPair(task) : { kind: 'cancelled' };
    },
    close: async () => {},
  };
}
