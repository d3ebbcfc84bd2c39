// A training step and an evaluation pass as compiled programs over buffers that live as long as one training.
import type { Architecture } from '../../space/architecture.ts';
import { type Buffer, bufferOf, type CompiledProgram, type Engine } from '../engine/program.ts';
import { onnxEngine } from '../engine/session.ts';
import { type ParameterSpec, parameterSpecs, type Weights } from '../model/parameters.ts';
import { type AdamWSettings, FlatState } from './flat-state.ts';
import { nPassesOf } from './passes.ts';
import { GRADIENT, type LossFunction, lossAndGradients, lossOf, passInputs } from './step.ts';

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

/** Fresh moments around `weights`. */
export function freshState(architecture: Architecture, weights: Weights): TrainingState {
  const zeros = () =>
    Object.fromEntries(
      parameterSpecs(architecture).map(({ name }) => [name, new Float32Array(weights[name]!.length)]),
    );
  return { weights, first: zeros(), second: zeros(), step: 0 };
}

const tensorsOver = (specs: readonly ParameterSpec[], arrays: Weights, prefix = ''): Buffers =>
  Object.fromEntries(
    specs.map(({ name, shape }) => [prefix + name, bufferOf(shape, 'float32', arrays[name]!)]),
  );

/**
 * A model being trained: the compiled program writes loss and gradients, the optimiser updates in place. A batch too
 * large for one pass is cut into several.
 */
export class Trainer {
  /** The batch of the next step, both (B, T) row-major. */
  readonly tokens: Int32Array;
  readonly targets: Int32Array;
  readonly #settings: AdamWSettings;
  readonly #program: CompiledProgram;
  readonly #memory: FlatState;
  /** One a pass. */
  readonly #feeds: readonly Buffers[];
  readonly #fetches: Buffers;
  readonly #loss = new Float32Array(1);
  #step: number;

  private constructor(
    architecture: Architecture,
    settings: AdamWSettings,
    batch: number,
    state: TrainingState,
    program: CompiledProgram,
    nPasses: number,
  ) {
    const specs = parameterSpecs(architecture);
    const shape = [batch / nPasses, architecture.contextLength];
    this.tokens = new Int32Array(batch * architecture.contextLength);
    this.targets = new Int32Array(batch * architecture.contextLength);
    this.#settings = settings;
    this.#program = program;
    this.#memory = new FlatState(specs, state.weights, state.first, state.second, nPasses);
    const weights = tensorsOver(specs, this.#memory.weights);
    const size = this.tokens.length / nPasses;
    this.#feeds = Array.from({ length: nPasses }, (_, i) => ({
      tokens: bufferOf(shape, 'int32', this.tokens.subarray(i * size, (i + 1) * size)),
      targets: bufferOf(shape, 'int32', this.targets.subarray(i * size, (i + 1) * size)),
      ...weights,
    }));
    this.#fetches = {
      loss: bufferOf([], 'float32', this.#loss),
      ...tensorsOver(specs, this.#memory.gradients, GRADIENT),
    };
    this.#step = state.step;
  }

  static async create(
    architecture: Architecture,
    settings: AdamWSettings,
    batch: number,
    state: TrainingState,
    engine: Engine = onnxEngine(),
    loss?: LossFunction,
    nPasses = nPassesOf(architecture, batch),
  ): Promise<Trainer> {
    const program = await engine.compile(passInputs(architecture, batch / nPasses), (inputs) =>
      lossAndGradients(architecture, inputs, loss),
    );
    return new Trainer(architecture, settings, batch, state, program, nPasses);
  }

  /** One step on what `tokens` and `targets` hold. Weights stay as they are where loss or gradient are no numbers. */
  async step(learningRate: number): Promise<StepResult> {
    this.#step += 1;
    let loss = 0;
    for (const [pass, feeds] of this.#feeds.entries()) {
      await this.#program.run(feeds, this.#fetches);
      this.#memory.accumulate(pass);
      loss += this.#loss[0]! / this.#feeds.length;
    }
    const gradientNorm = this.#memory.gradientNorm();
    if (Number.isFinite(loss) && Number.isFinite(gradientNorm)) {
      this.#memory.update(this.#settings, learningRate, this.#step, gradientNorm);
    }
    return { loss, gradientNorm };
  }

  /** The state after the last step. The arrays are the trainer's own: they change with the next one. */
  state(): TrainingState {
    const { weights, first, second } = this.#memory;
    return { weights, first, second, step: this.#step };
  }

  /** No array of `state` may be used after. */
  async release(): Promise<void> {
    await this.#program.release();
    this.#memory.release();
  }
}

/** A forward pass that gives the mean cross entropy of a batch, in nats a token. */
export interface EvaluationProgram {
  readonly tokens: Int32Array;
  readonly targets: Int32Array;
  run(): Promise<number>;
  release(): Promise<void>;
}

/** Reads `weights` where they lie: later changes to them count. */
export async function compileEvaluation(
  architecture: Architecture,
  batch: number,
  weights: Weights,
  engine: Engine = onnxEngine(),
): Promise<EvaluationProgram> {
  const shape = [batch, architecture.contextLength];
  const program = await engine.compile(passInputs(architecture, batch), (inputs) =>
    lossOf(architecture, inputs),
  );
  const tokens = new Int32Array(batch * architecture.contextLength);
  const targets = new Int32Array(batch * architecture.contextLength);
  const loss = new Float32Array(1);
  const feeds: Buffers = {
    tokens: bufferOf(shape, 'int32', tokens),
    targets: bufferOf(shape, 'int32', targets),
    ...tensorsOver(parameterSpecs(architecture), weights),
  };
  const fetches = { loss: bufferOf([], 'float32', loss) };
  return {
    tokens,
    targets,
    async run() {
      await program.run(feeds, fetches);
      return loss[0]!;
    },
    release: () => program.release(),
  };
}
