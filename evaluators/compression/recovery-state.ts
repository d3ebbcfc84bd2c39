// One model in recovery: float32 masters and moments in one flat memory, and beside them the cast weights that the
// forward and backward pass run on.
import type { Architecture } from '../../space/architecture.ts';
import type { Deployment } from '../../space/deployment.ts';
import { type Buffer, bufferOf, type CompiledProgram } from '../engine/program.ts';
import { parameterSpecs, type Weights } from '../model/parameters.ts';
import { type AdamWSettings, FlatState } from '../training/flat-state.ts';
import { freshState, type TrainingState } from '../training/program.ts';
import { GRADIENT } from '../training/step.ts';
import { castMatrix } from './cast-model.ts';
import { type Mask, type Masks, maskInPlace } from './mask.ts';
import { type MatrixSpec, matrixSpecs, storageOf } from './matrices.ts';

/** Holds memory until `release`. */
export class RecoveryState {
  readonly tokens: Int32Array;
  readonly targets: Int32Array;
  castSeconds = 0;
  readonly masks: Record<string, Mask>;
  readonly #program: CompiledProgram;
  readonly #state: FlatState;
  readonly #specs: readonly MatrixSpec[];
  readonly #cast: Readonly<Record<string, Float32Array>>;
  readonly #feeds: Record<string, Buffer>;
  readonly #fetches: Record<string, Buffer>;
  readonly #loss = new Float32Array(1);

  constructor(
    architecture: Architecture,
    batch: number,
    weights: Weights,
    masks: Masks,
    program: CompiledProgram,
  ) {
    const specs = parameterSpecs(architecture);
    const { first, second } = freshState(architecture, weights);
    this.#program = program;
    this.#specs = matrixSpecs(architecture);
    this.#state = new FlatState(specs, weights, first, second);
    this.#cast = Object.fromEntries(specs.map(({ name }) => [name, weights[name]!.slice()]));
    this.masks = { ...masks };
    for (const [name, mask] of Object.entries(masks)) maskInPlace(this.#state.weights[name]!, mask);
    const shape = [batch, architecture.contextLength];
    this.tokens = new Int32Array(batch * architecture.contextLength);
    this.targets = new Int32Array(batch * architecture.contextLength);
    this.#feeds = {
      tokens: bufferOf(shape, 'int32', this.tokens),
      targets: bufferOf(shape, 'int32', this.targets),
    };
    this.#fetches = { loss: bufferOf([], 'float32', this.#loss) };
    for (const { name, shape } of specs) {
      this.#feeds[name] = bufferOf(shape, 'float32', this.#cast[name]!);
      this.#fetches[GRADIENT + name] = bufferOf(shape, 'float32', this.#state.gradients[name]!);
    }
  }

  /** Views of the masters and their moments, as long as the memory is held. */
  get masters(): Omit<TrainingState, 'step'> {
    return this.#state;
  }

  /** Makes `mask` hold from now on, for weights and moments alike. */
  setMask(name: string, mask: Mask): void {
    this.masks[name] = mask;
    for (const part of [this.#state.weights, this.#state.first, this.#state.second]) {
      maskInPlace(part[name]!, mask);
    }
  }

  /** Renews the weights that steps run on. */
  cast(deployment: Deployment): void {
    const start = performance.now();
    for (const spec of this.#specs) {
      const storage = storageOf(spec, deployment);
      this.#cast[spec.name]!.set(castMatrix(this.#state.weights[spec.name]!, spec, storage).decoded);
    }
    this.castSeconds += (performance.now() - start) / 1000;
  }

  /** Loss in nats a token; the weights move only where loss and gradient are numbers. */
  async step(settings: AdamWSettings, learningRate: number, step: number) {
    await this.#program.run(this.#feeds, this.#fetches);
    const { gradients } = this.#state;
    for (const [name, mask] of Object.entries(this.masks)) maskInPlace(gradients[name]!, mask);
    const loss = this.#loss[0]!;
    const gradientNorm = this.#state.gradientNorm();
    if (Number.isFinite(loss) && Number.isFinite(gradientNorm)) {
      this.#state.update(settings, learningRate, step, gradientNorm);
    }
    return { loss, gradientNorm };
  }

  async release(): Promise<void> {
    await this.#program.release();
    this.#state.release();
  }
}
