// A target priced together with its draft: verification is a pass of the roofline at k + 1 tokens a sequence. The joint
// figure is computed, never a product of speed-ups.
import type { Deployment } from '../space/deployment.ts';
import type { MetricValues } from '../space/metrics.ts';
import type { Accelerator } from './accelerator.ts';
import { type CostEstimate, estimateCost } from './cost.ts';
import type { CostInput } from './cost-input.ts';
import { deviceJoules } from './energy.ts';
import { HardwareError } from './errors.ts';
import { forwardTime } from './forward.ts';
import type { ModelShape } from './model-shape.ts';
import {
  bestRound,
  type LengthRule,
  type MeasuredRound,
  priceRound,
  ROUNDING,
  type Round,
  type RoundTimes,
} from './speculative-round.ts';

export interface SpeculationInput {
  readonly target: CostInput;
  /** The model that drafts; absent where drafts cost nothing, as by look-up. */
  readonly draft?: {
    readonly architecture: ModelShape;
    readonly deployment: Deployment;
    /** Cards of the draft's own; absent: it runs on the target's cards and takes part of their memory. */
    readonly accelerator?: Accelerator;
    /** Its weights are some of the target's own, so that they are stored once. */
    readonly sharesWeights?: boolean;
  };
  /** Accepted over tested tokens, 0 to 1, or what rounds were found to give. No default: nobody can guess it. */
  readonly acceptance: number | readonly MeasuredRound[];
  /** A fixed draft length; the best one is chosen when absent. */
  readonly draftLength?: number;
  readonly maxDraftLength?: number;
  readonly lengthRule?: LengthRule;
  readonly proposalRatio?: number;
  /** Share of each device's cores that run the draft (the rest runs the target); absent: all cores run both in turn. */
  readonly draftCoreRatio?: number;
  /** Extra verification time a drafted token, in plain steps; the accelerator's own per-sequence time when absent. */
  readonly verifySlope?: number;
}

export interface SpeculationEstimate {
  readonly target: CostEstimate;
  /** Absent where no model drafts. */
  readonly draft: CostEstimate | undefined;
  /** Chosen draft length; 0 = better not to speculate. */
  readonly draftLength: number;
  readonly expectedTokensPerRound: number;
  readonly draftSecondsPerToken: number;
  readonly verifySeconds: number;
  readonly roundSeconds: number;
  readonly decodeSecondsPerToken: number;
  /** Over the target alone on all of its cores. */
  readonly speedup: number;
  /** Generated tokens of the whole batch over the whole request, both prefills included. */
  readonly tokensPerSecond: number;
  readonly requestSeconds: number;
  /** Of the batch, the draft's own included where it drafts. */
  readonly prefillSeconds: number;
  /** All cards of both, whole request, a generated token. */
  readonly energyJoulesPerToken: number;
  readonly dollarsPerMillionTokens: number | undefined;
  /** The fullest of the target's cards; it holds the draft too where both share cards. */
  readonly memoryBytesPerCard: number;
  readonly usableBytesPerCard: number;
  readonly fits: boolean;
  /** What draft and target hold together, all cards; of the target alone where nothing is drafted. */
  readonly memoryBytes: number;
  readonly weightBytes: number;
  readonly kvCacheBytes: number;
  readonly parameters: number;
  /** Multiply-accumulates of a round over its tokens. */
  readonly macsPerToken: number;
}

const DEFAULT_MAX_LENGTH = 16;

/** The device with only a share of its cores: arithmetic and unpacking slow down, memory does not. */
function withCores(accelerator: Accelerator, ratio: number): Accelerator {
  const weightFormats = Object.fromEntries(
    Object.entries(accelerator.weightFormats).map(([family, { kernel, isCalibrated, decompression }]) => [
      family,
      {
        isCalibrated,
        kernel: { ...kernel, peakFlopsPerSecond: kernel.peakFlopsPerSecond * ratio },
        decompression:
          decompression.kind === 'native'
            ? decompression
            : { ...decompression, weightsPerSecond: decompression.weightsPerSecond * ratio },
      },
    ]),
  ) as unknown as Accelerator['weightFormats'];
  return { ...accelerator, weightFormats };
}

function checkRatio(name: string, value: number): void {
  if (!(value >= 0 && value <= 1)) {
    throw new HardwareError('bad-workload', `${name} must be between 0 and 1, not ${value}`);
  }
}

function checkSpeculation(input: SpeculationInput): void {
  if (typeof input.acceptance === 'number') checkRatio('acceptance', input.acceptance);
  if (input.proposalRatio !== undefined) checkRatio('proposalRatio', input.proposalRatio);
  const cores = input.draftCoreRatio;
  if (cores !== undefined && !(cores > 0 && cores < 1)) {
    throw new HardwareError('bad-deployment', `draftCoreRatio must lie between 0 and 1, not ${cores}`);
  }
  for (const name of ['draftLength', 'maxDraftLength'] as const) {
    const length = input[name];
    if (length !== undefined && !(Number.isSafeInteger(length) && length >= 0 && length <= 1024)) {
      throw new HardwareError('bad-workload', `${name} must be a whole number from 0 to 1024, not ${length}`);
    }
  }
  const { draft, target } = input;
  if (draft === undefined) return;
  if (draft.accelerator === undefined && draft.deployment.nCards > target.deployment.nCards) {
    throw new HardwareError(
      'bad-deployment',
      `a draft on ${draft.deployment.nCards} cards does not fit the target's ${target.deployment.nCards}`,
    );
  }
  if (target.architecture.vocabSize !== draft.architecture.vocabSize) {
    throw new HardwareError(
      'bad-architecture',
      `draft and target must share the vocabulary: ${draft.architecture.vocabSize} and ${target.architecture.vocabSize} tokens`,
    );
  }
}

/** Time and energy, all devices, of one step or pass. */
interface Step {
  readonly seconds: number;
  readonly joules: number;
}

/** Verification by draft length, remembered. */
function verifier(input: SpeculationInput, target: CostInput): (draftLength: number) => Step {
  const { workload, accelerator, deployment } = target;
  const plain = estimateCost(target);
  const plainSeconds = plain.decodeSecondsPerToken;
  const isStatic = accelerator.staticShapes !== undefined;
  const { batch, promptTokens, generatedTokens } = workload;
  const needed = promptTokens + generatedTokens;
  const roomy = (target.compiledContexts ?? []).filter((context) => context >= needed);
  const held = roomy.length === 0 ? needed : Math.min(...roomy);
  const known = new Map<number, Step>([[0, { seconds: plainSeconds, joules: plain.decodeStepJoules }]]);
  const slope = input.verifySlope;
  const priced =
    slope === undefined
      ? target
      : { ...target, accelerator: { ...accelerator, sequenceSecondsPerWeight: 0 } };
  return (draftLength) => {
    let step = known.get(draftLength);
    if (step === undefined) {
      const newTokens = draftLength + 1;
      const past = isStatic ? held - newTokens : promptTokens + generatedTokens / 2;
      const pass = { nSequences: batch, newTokens, pastTokens: Math.max(1, past), logitRows: newTokens };
      const time = forwardTime(priced, pass);
      const extra = (slope ?? 0) * draftLength * plainSeconds;
      const seconds = time.seconds + extra;
      const nDevices = deployment.nCards * accelerator.devicesPerCard;
      const joules = nDevices * deviceJoules(accelerator, time.busySeconds + extra, seconds);
      step = { seconds, joules };
      known.set(draftLength, step);
    }
    return step;
  };
}

/** Watts of one side's devices while they wait for the other. */
function waitingWatts({ target, draft }: SpeculationInput) {
  const { accelerator, deployment } = target;
  const nTarget = deployment.nCards * accelerator.devicesPerCard;
  const { idleWatts } = accelerator.power;
  if (draft === undefined) return { target: 0, draft: 0 };
  const draftOn = draft.accelerator ?? accelerator;
  const nDraft = draft.deployment.nCards * draftOn.devicesPerCard;
  return draft.accelerator === undefined
    ? { target: (nTarget - nDraft) * idleWatts, draft: 0 }
    : { target: nTarget * idleWatts, draft: nDraft * draftOn.power.idleWatts };
}

/** What a draft without a model costs. */
const NO_DRAFT = { decodeSecondsPerToken: 0, decodeStepJoules: 0, prefillSeconds: 0, prefillJoules: 0 };

/** Joules a generated token: the round's own mixture of drafting and verifying, priced in energy. */
function speculativeJoules(
  target: CostEstimate,
  draft: typeof NO_DRAFT,
  watts: { target: number; draft: number },
  { batch, generatedTokens }: CostInput['workload'],
  { draftLength }: Round,
  times: RoundTimes,
  verify: (draftLength: number) => Step,
): number {
  if (draftLength === 0 || generatedTokens === 0) return target.energyJoulesPerToken;
  const inJoules: RoundTimes = {
    ...times,
    draftStepSeconds: draft.decodeStepJoules + watts.target * draft.decodeSecondsPerToken,
    verifySeconds: (length) => verify(length).joules + watts.draft * verify(length).seconds,
  };
  const prefillJoules =
    target.prefillJoules +
    watts.draft * target.prefillSeconds +
    draft.prefillJoules +
    watts.target * draft.prefillSeconds;
  const decodeJoules = (generatedTokens - 1) * priceRound(inJoules, draftLength).secondsPerToken;
  return (prefillJoules + decodeJoules) / (batch * generatedTokens);
}

/** Dollars of the cards in use over the joint rate. */
function speculativeDollars(used: readonly CostEstimate[], tokensPerSecond: number): number | undefined {
  let total = 0;
  for (const { dollarsPerMillionTokens, tokensPerSecond: rate } of used) {
    if (dollarsPerMillionTokens === undefined) return undefined;
    total += dollarsPerMillionTokens * rate;
  }
  return tokensPerSecond === 0 ? undefined : total / tokensPerSecond;
}

/** Target for verification and draft, each on the cores that it has. */
function sidesOf(input: SpeculationInput): { verifyOn: CostInput; draftOn: CostInput | undefined } {
  const { target, draft, draftCoreRatio: ratio } = input;
  const { accelerator, workload, compiledContexts } = target;
  const verifyOn =
    ratio === undefined ? target : { ...target, accelerator: withCores(accelerator, 1 - ratio) };
  if (draft === undefined) return { verifyOn, draftOn: undefined };
  const own = draft.accelerator ?? accelerator;
  return {
    verifyOn,
    draftOn: {
      architecture: draft.architecture,
      deployment: draft.deployment,
      accelerator: ratio === undefined ? own : withCores(own, ratio),
      workload,
      ...(compiledContexts === undefined ? {} : { compiledContexts }),
    },
  };
}

/** What a draft that is in use holds beside the target. */
function heldByDraft({ draft }: SpeculationInput, cost: CostEstimate | undefined) {
  if (draft === undefined || cost === undefined) {
    return { memoryBytes: 0, bytesPerSharedCard: 0, weightBytes: 0, kvCacheBytes: 0, parameters: 0 };
  }
  const isShared = draft.sharesWeights === true;
  const weightBytes = isShared ? 0 : cost.weightBytes;
  const memoryBytes = cost.memoryBytes - cost.weightBytes + weightBytes;
  return {
    memoryBytes,
    bytesPerSharedCard: draft.accelerator === undefined ? memoryBytes / draft.deployment.nCards : 0,
    weightBytes,
    kvCacheBytes: cost.kvCacheBytes,
    parameters: isShared ? 0 : cost.parameters,
  };
}

/** Multiply-accumulates a token: counted like seconds, one pass each. */
function macsPerToken(
  target: CostEstimate,
  draft: CostEstimate | undefined,
  { draftLength }: Round,
  times: RoundTimes,
): number {
  const inMacs: RoundTimes = {
    ...times,
    draftStepSeconds: draft?.macs ?? 0,
    verifySeconds: (length) => (length + 1) * target.macs,
  };
  return priceRound(inMacs, draftLength).secondsPerToken;
}

/** Times of the input's passes, whatever is accepted. */
function timesOf(input: SpeculationInput) {
  const { verifyOn, draftOn } = sidesOf(input);
  const draft = draftOn === undefined ? undefined : estimateCost(draftOn);
  const verify = verifier(input, verifyOn);
  const times: RoundTimes = {
    draftStepSeconds: draft?.decodeSecondsPerToken ?? 0,
    verifySeconds: (draftLength) => verify(draftLength).seconds,
    acceptance: input.acceptance,
    proposalRatio: input.proposalRatio ?? 1,
    lengthRule: input.lengthRule ?? 'fixed',
  };
  return { draft, verify, times };
}

/**
 * Speculative decoding of `target` with `draft`: the best (or given) draft length and what it gives.
 * @throws HardwareError for an acceptance outside 0..1, unlike vocabularies, or input that makes no sense.
 */
export function estimateSpeculation(input: SpeculationInput): SpeculationEstimate {
  checkSpeculation(input);
  const { workload } = input.target;
  const target = estimateCost(input.target);
  const { draft, verify, times } = timesOf(input);
  const round =
    input.draftLength === undefined
      ? bestRound(times, input.maxDraftLength ?? DEFAULT_MAX_LENGTH)
      : priceRound(times, input.draftLength);
  const drafts = round.draftLength > 0;
  const prefillSeconds = target.prefillSeconds + (drafts ? (draft?.prefillSeconds ?? 0) : 0);
  const requestSeconds = prefillSeconds + Math.max(0, workload.generatedTokens - 1) * round.secondsPerToken;
  const tokensPerSecond = (workload.batch * workload.generatedTokens) / requestSeconds;
  const hasOwnCards = input.draft?.accelerator !== undefined;
  const held = heldByDraft(input, drafts ? draft : undefined);
  const memoryBytesPerCard = target.memoryBytesPerCard + held.bytesPerSharedCard;
  const cards = drafts && hasOwnCards ? [target, draft!] : [target];
  return {
    target,
    draft,
    draftLength: round.draftLength,
    expectedTokensPerRound: round.expectedTokens,
    draftSecondsPerToken: draft?.decodeSecondsPerToken ?? 0,
    verifySeconds: times.verifySeconds(round.draftLength),
    roundSeconds: round.roundSeconds,
    decodeSecondsPerToken: round.secondsPerToken,
    speedup: target.decodeSecondsPerToken / round.secondsPerToken,
    tokensPerSecond,
    requestSeconds,
    prefillSeconds,
    energyJoulesPerToken: speculativeJoules(
      target,
      draft ?? NO_DRAFT,
      waitingWatts(input),
      workload,
      round,
      times,
      verify,
    ),
    dollarsPerMillionTokens: speculativeDollars(cards, tokensPerSecond),
    memoryBytesPerCard,
    usableBytesPerCard: target.usableBytesPerCard,
    fits: memoryBytesPerCard <= target.usableBytesPerCard && (!hasOwnCards || draft!.fits),
    memoryBytes: target.memoryBytes + held.memoryBytes,
    weightBytes: target.weightBytes + held.weightBytes,
    kvCacheBytes: target.kvCacheBytes + held.kvCacheBytes,
    parameters: target.parameters + held.parameters,
    macsPerToken: macsPerToken(target, draft, round, times),
  };
}

/** The search's metrics of a pair. The first token comes out of the target's own prefill. */
export function metricsOfPair(pair: SpeculationEstimate): MetricValues {
  const { dollarsPerMillionTokens: price } = pair;
  return {
    decodeLatency: pair.decodeSecondsPerToken,
    prefillLatency: pair.target.timeToFirstTokenSeconds,
    requestLatency: pair.requestSeconds,
    throughput: pair.tokensPerSecond,
    memory: pair.memoryBytes,
    weightBytes: pair.weightBytes,
    kvCacheBytes: pair.kvCacheBytes,
    parameters: pair.parameters,
    macs: pair.macsPerToken,
    energy: pair.energyJoulesPerToken,
    ...(price === undefined ? {} : { price }),
  };
}

/** Halvings of the interval in which an acceptance is looked for. */
const HALVINGS = 40;

/**
 * The acceptance above which drafting is faster than the target alone, with the given draft length or some length up
 * to `maxDraftLength`; `undefined` where it is not though every token were accepted.
 * @throws HardwareError as {@link estimateSpeculation}.
 */
export function breakEvenAcceptance(input: Omit<SpeculationInput, 'acceptance'>): number | undefined {
  const whole: SpeculationInput = { ...input, acceptance: 1 };
  checkSpeculation(whole);
  const { times } = timesOf(whole);
  const { draftLength, maxDraftLength = DEFAULT_MAX_LENGTH } = input;
  const limit = times.verifySeconds(0) * (1 - ROUNDING);
  const pays = (acceptance: number) => {
    const known = { ...times, acceptance };
    const round =
      draftLength === undefined ? bestRound(known, maxDraftLength) : priceRound(known, draftLength);
    return round.secondsPerToken < limit;
  };
  if (!pays(1)) return undefined;
  let [low, high] = [0, 1];
  for (let i = 0; i < HALVINGS; i += 1) {
    const middle = (low + high) / 2;
    if (pays(middle)) high = middle;
    else low = middle;
  }
  return high;
}
