// Text from a trained candidate as it is deployed, alone or with a draft, in this process, and the pace of it.
import { deployedModel, type MeasurementContext } from '../../evaluators/compression/measure-at-rung.ts';
import { type Tokenizer, tokenizerFromJson } from '../../evaluators/data/tokenizer.ts';
import { loadTeacher } from '../../evaluators/distillation/teacher.ts';
import { createEngine } from '../../evaluators/engine/create.ts';
import { WIDEST_PASS } from '../../evaluators/generation/cached-model.ts';
import { generate } from '../../evaluators/generation/generate.ts';
import type { LanguageModel } from '../../evaluators/generation/language-model.ts';
import { modelPredictor, type Predictor } from '../../evaluators/generation/predictor.ts';
import { randomChoices, type SamplingSettings } from '../../evaluators/generation/sampling.ts';
import type { PairTask, TaskFailure } from '../../evaluators/index.ts';
import type { MeasurementTask, TrainingProgress } from '../../evaluators/port.ts';
import { createDrafter, type Drafter, type DraftSource } from '../../evaluators/speculation/drafter.ts';
import { draftSource } from '../../evaluators/speculation/pair-at-rung.ts';
import { type RoundCounts, speculate } from '../../evaluators/speculation/speculate.ts';
import type { EngineSpec } from '../../space/engine-spec.ts';
import { deriveRng } from '../../space/random.ts';
import { failureFields } from '../loop/outcome-record.ts';
import type { taskSettings } from '../plan/train.ts';
import { RunError } from '../run-error.ts';

export interface WritingOptions {
  readonly sampling: SamplingSettings;
  readonly maxTokens: number;
  readonly seed: number;
  readonly engine?: EngineSpec;
  /** Gets text as soon as it is sure; characters come whole. */
  readonly onText?: (text: string) => void;
}

/** A draft that is at hand, and tokens that a round drafts at most. */
export interface Drafting {
  readonly source: DraftSource;
  readonly draftLength: number;
  /** The draft stops where it is less sure than this; 0 = a fixed length. */
  readonly confidence: number;
}

/** What was written, and how fast. The prompt is not part of it. */
export interface Writing {
  readonly text: string;
  readonly tokens: number;
  /** By the clock, and of this process; compiling the models and reading the prompt are not counted. */
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  /** Absent where nothing was drafted. */
  readonly counts?: RoundCounts;
}

type TaskSettings = ReturnType<typeof taskSettings>;

/** The models of a run, loaded as a worker would. */
export interface ModelRoom {
  target(task: MeasurementTask): Promise<LanguageModel>;
  /** The draft of a pair, for its deployed target. */
  draft(task: PairTask, target: LanguageModel): Promise<DraftSource>;
}

function refuse(what: string, outcome: TaskFailure): never {
  const { state, reason = state } = failureFields(outcome);
  throw new RunError(`${what} could not be loaded: ${reason}`);
}

/** Loads, and where weights are gone trains, the models of a run. Both throw {@link RunError} where that fails. */
export function openModels(
  settings: TaskSettings,
  onProgress: (progress: TrainingProgress) => void,
): ModelRoom {
  const context: MeasurementContext = {
    ...settings,
    onProgress,
    shouldStop: () => undefined,
    teacher: () => loadTeacher(settings.settings.teacher!, context),
  };
  return {
    async target(task) {
      const deployed = await deployedModel(task, context);
      return deployed.kind === 'deployed' ? deployed.model : refuse('the candidate', deployed);
    },
    async draft(task, target) {
      const drafting = await draftSource(task, target, context);
      return drafting.kind === 'source' ? drafting.source : refuse('the draft', drafting);
    },
  };
}

/** Turns tokens into text as they come; a character that is cut in two waits for its rest. */
function streamed(tokenizer: Tokenizer, onText: ((text: string) => void) | undefined) {
  const decoder = new TextDecoder();
  return {
    push: (tokens: readonly number[]) => onText?.(decoder.decode(tokenizer.decode(tokens), { stream: true })),
    end: () => onText?.(decoder.decode()),
  };
}

/** Compiles every pass that a text can need, so that nothing is compiled while the clock runs. */
async function warmUp(
  predictor: Predictor,
  start: readonly number[],
  drafter: Drafter | undefined,
  draftLength: number,
): Promise<void> {
  const choices = randomChoices(deriveRng(0, 0, 'warm-up'));
  const long = Array.from({ length: Math.max(WIDEST_PASS + 2, draftLength + 1) }, () => start[0]!);
  const further = (n: number) => [...start, ...long.slice(0, n)];
  for (const text of [long, start]) await predictor.predict(text, 1);
  for (let width = 1; width <= draftLength + 1; width++) await predictor.predict(further(width), width);
  for (const text of [long, start, further(1), further(3)]) await drafter?.propose(text, 1, choices);
}

/**
 * Writes on after `prompt`, alone or with a draft. The seed decides the text, but another one with a draft than without;
 * greedy, the text is the same.
 * @throws {@link RunError} for a prompt without a token.
 */
export async function write(
  target: LanguageModel,
  tokenizer: Tokenizer,
  prompt: string,
  { sampling, maxTokens, seed, engine: engineSpec, onText }: WritingOptions,
  drafting?: Drafting,
): Promise<Writing> {
  const start = [...tokenizer.encode(new TextEncoder().encode(prompt))];
  if (start.length === 0) throw new RunError('a text needs a beginning: the prompt is empty');
  const engine = createEngine(engineSpec);
  const predictor = modelPredictor(target, engine);
  const drafter =
    drafting === undefined
      ? undefined
      : createDrafter(drafting.source, target, sampling, drafting.confidence, engine);
  const stream = streamed(tokenizer, onText);
  const { draftLength = 0 } = drafting ?? {};
  const writeOn = async () => {
    const choices = randomChoices(deriveRng(seed, 0, 'generation'));
    const settings = { sampling, maxTokens, onTokens: stream.push };
    if (drafter !== undefined)
      return speculate(predictor, drafter, start, { ...settings, draftLength }, choices);
    return { tokens: await generate(predictor, start, settings, choices) };
  };
  try {
    await warmUp(predictor, start, drafter, draftLength);
    const before = { wall: performance.now(), cpu: process.cpuUsage() };
    const written = await writeOn();
    const cpu = process.cpuUsage(before.cpu);
    const wallSeconds = (performance.now() - before.wall) / 1000;
    stream.end();
    return {
      text: new TextDecoder().decode(tokenizer.decode(written.tokens)),
      tokens: written.tokens.length,
      wallSeconds,
      cpuSeconds: (cpu.user + cpu.system) / 1e6,
      ...('counts' in written ? { counts: written.counts } : {}),
    };
  } finally {
    await predictor.release();
    await drafter?.release();
  }
}

/** The tokenizer of a run's data. */
export function tokenizerOf({ data }: TaskSettings): Tokenizer {
  return tokenizerFromJson(data.tokenizer);
}
