// A training step and an evaluation pass as compiled programs over buffers that live as long as one training.
import type { Architecture } from '../../space/architecture.ts';
import { type Buffer, bufferOf, type CompiledProgram, type Engine } from '../engine/program.ts';
import { onnxEngine } from '../engine/session.ts';
import { parameterSpecs, type Weights } from '../model/parameters.ts';
import type { AdamWSettings } from './adamw.ts';
import { FIRST, lossOf, SECOND, STEP_SCALARS, stepInputs, trainingStep } from './step.ts';

/** Weights and both AdamW moments by name, and the steps taken so far. */
export interface TrainingState {
  readonly weights: Weights;
  readonly first: Weights;
  readonly second: Weights;
  readonly step: number;
}

export interface StepResult {
  /** Mean cross entropy in nats a token, before this step's update. */
  readonly loss: number;
  readonly gradientNorm: number;
}

/** Buffers by name. */
type Buffers = Record<string, Buffer>;

const floats = (buffer: Buffer): Float32Array => buffer.data as Float32Array;

/** Fresh moments around `weights`. */
export function freshState(architecture: Architecture, weights: Weights): TrainingState {
  const zeros = () =>
    Object.fromEntries(
      parameterSpecs(architecture).map(({ name }) => [name, new Float32Array(weights[name]!.length)]),
    );
  return { weights, first: zeros(), second: zeros(), step: 0 };
}

function stateBuffers(architecture: Architecture, state?: TrainingState): Buffers {
  const buffers: Buffers = {};
  for (const { name, shape } of parameterSpecs(architecture)) {
    buffers[name] = bufferOf(shape, 'float32', state?.weights[name]?.slice());
    buffers[FIRST + name] = bufferOf(shape, 'float32', state?.first[name]?.slice());
    buffers[SECOND + name] = bufferOf(shape, 'float32', state?.second[name]?.slice());
  }
  return buffers;
}

/** A model being trained. Two sets of state buffers take turns as input and output, so no step copies any. */
export class Trainer {
  readonly tokens: Int32Array;
  readonly targets: Int32Array;
  readonly #architecture: Architecture;
  readonly #settings: AdamWSettings;
  readonly #program: CompiledProgram;
  readonly #batchBuffers: Buffers;
  readonly #scalars: Buffers;
  readonly #results: Buffers = { loss: bufferOf([]), gradientNorm: bufferOf([]) };
  #current: Buffers;
  #next: Buffers;
  #step: number;

  private constructor(
    architecture: Architecture,
    settings: AdamWSettings,
    batch: number,
    state: TrainingState,
    program: CompiledProgram,
  ) {
    this.#architecture = architecture;
    this.#settings = settings;
    this.#program = program;
    const shape = [batch, architecture.contextLength];
    this.#batchBuffers = { tokens: bufferOf(shape, 'int32'), targets: bufferOf(shape, 'int32') };
    this.tokens = this.#batchBuffers.tokens!.data as Int32Array;
    this.targets = this.#batchBuffers.targets!.data as Int32Array;
    this.#scalars = Object.fromEntries(STEP_SCALARS.map((name) => [name, bufferOf([])]));
    this.#current = stateBuffers(architecture, state);
    this.#next = stateBuffers(architecture);
    this.#step = state.step;
  }

  static async create(
    architecture: Architecture,
    settings: AdamWSettings,
    batch: number,
    state: TrainingState,
    engine: Engine = onnxEngine(),
  ): Promise<Trainer> {
    const program = await engine.compile(stepInputs(architecture, batch), (inputs) =>
      trainingStep(architecture, settings, inputs),
    );
    return new Trainer(architecture, settings, batch, state, program);
  }

  /** One step on what `tokens` and `targets` hold, both (B, T) row-major. */
  async step(learningRate: number): Promise<StepResult> {
    this.#step += 1;
    const { beta1, beta2 } = this.#settings;
    floats(this.#scalars.learningRate!)[0] = learningRate;
    floats(this.#scalars.firstCorrection!)[0] = 1 / (1 - beta1 ** this.#step);
    floats(this.#scalars.secondCorrection!)[0] = 1 / Math.sqrt(1 - beta2 ** this.#step);
    const feeds = { ...this.#batchBuffers, ...this.#scalars, ...this.#current };
    await this.#program.run(feeds, { ...this.#results, ...this.#next });
    [this.#current, this.#next] = [this.#next, this.#current];
    return {
      loss: floats(this.#results.loss!)[0]!,
      gradientNorm: floats(this.#results.gradientNorm!)[0]!,
    };
  }

  /** The state after the last step. The arrays are the trainer's own: they change with the next one. */
  state(): TrainingState {
    const take = (prefix: string) =>
      Object.fromEntries(
        parameterSpecs(this.#architecture).map(({ name }) => [name, floats(this.#current[prefix + name]!)]),
      );
    return { weights: take(''), first: take(FIRST), second: take(SECOND), step: this.#step };
  }

  release(): Promise<void> {
    return this.#program.release();
  }
}

/** A forward pass that gives the mean cross entropy of a batch, in nats a token. */
export interface EvaluationProgram {
  readonly tokens: Int32Array;
  readonly targets: Int32Array;
  run(): Promise<number>;
  release(): Promise<void>;
}

export async function compileEvaluation(
  architecture: Architecture,
  batch: number,
  weights: Weights,
  engine: Engine = onnxEngine(),
): Promise<EvaluationProgram> {
  const specs = parameterSpecs(architecture);
  const shape = [batch, architecture.contextLength];
  const ids = { shape, dtype: 'int32' as const };
  const program = await engine.compile(
    {
      tokens: ids,
      targets: ids,
      ...Object.fromEntries(specs.map(({ name, shape }) => [name, { shape, dtype: 'float32' as const }])),
    },
    (inputs) => ({ loss: lossOf(architecture, inputs, inputs.tokens!, inputs.targets!) }),
  );
  const loss = bufferOf([]);
  const feeds: Buffers = { tokens: bufferOf(shape, 'int32'), targets: bufferOf(shape, 'int32') };
  for (const { name, shape } of specs) feeds[name] = bufferOf(shape, 'float32', weights[name]!);
  return {
    tokens: feeds.tokens!.data as Int32Array,
    targets: feeds.targets!.data as Int32Array,
    async run() {
      await program.run(feeds, { loss });
      return floats(loss)[0]!;
    },
    release: () => program.release(),
  };
}
