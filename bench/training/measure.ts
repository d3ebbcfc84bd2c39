// One shape, measured in a process of its own: training steps, forward passes and the large product in turn.

import type { Engine } from '../../evaluators/engine/program.ts';
import { type OnnxProgram, onnxEngine } from '../../evaluators/engine/session.ts';
import { initialWeights } from '../../evaluators/model/parameters.ts';
import { compileEvaluation, freshState, Trainer } from '../../evaluators/training/program.ts';
import { countParameters } from '../../space/architecture.ts';
import { deriveRng } from '../../space/random.ts';
import { type Clock, median, secondsOf, timed } from './clock.ts';
import { LARGE_PRODUCT_OPERATIONS, largeProduct } from './product.ts';
import { productOperations, SHAPES, type Shape } from './shapes.ts';

export interface Measured {
  readonly name: string;
  readonly parameters: number;
  readonly stepSeconds: number;
  readonly fastestStepSeconds: number;
  readonly tokensPerSecond: number;
  /** Operations a second of the large product, and the share of the step's time that its products take at that rate. */
  readonly productRate: number;
  readonly productShare: number;
  readonly evaluationRatio: number;
  /** Tracing and session of the training program, in a process that has made none before. */
  readonly startUpSeconds: number;
  readonly graphBytes: number;
  readonly graphNodes: number;
  readonly peakMemoryBytes: number;
}

const ADAMW = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, gradientClip: 1 };

/** An engine that keeps hold of the last program it made. */
function watched(profilePrefix?: string): { engine: Engine; last: () => OnnxProgram } {
  const inner = onnxEngine(profilePrefix === undefined ? {} : { profilePrefix });
  let program: OnnxProgram | undefined;
  return {
    engine: {
      async compile(inputs, body) {
        program = await inner.compile(inputs, body);
        return program;
      },
    },
    last: () => program!,
  };
}

function fillRandom(tokens: Int32Array, below: number, purpose: string): void {
  const rng = deriveRng(1, 0, purpose);
  for (let i = 0; i < tokens.length; i++) tokens[i] = rng.below(below);
}

export async function measure(
  shape: Shape,
  clock: Clock,
  rounds: number,
  profilePrefix?: string,
): Promise<Measured> {
  const { architecture, batch } = shape;
  const { engine, last } = watched(profilePrefix);
  const start = freshState(architecture, initialWeights(architecture, deriveRng(1, 0, 'weights')));
  const { value: trainer, seconds: startUpSeconds } = await timed(clock, () =>
    Trainer.create(architecture, ADAMW, batch, start, engine),
  );
  const program = last();
  const evaluation = await compileEvaluation(architecture, batch, trainer.state().weights);
  for (const { tokens, targets } of [trainer, evaluation]) {
    fillRandom(tokens, architecture.vocabSize, 'tokens');
    fillRandom(targets, architecture.vocabSize, 'targets');
  }
  const product = await largeProduct();
  for (let i = 0; i < 3; i++) {
    await trainer.step(1e-3);
    await evaluation.run();
    await product();
  }
  const times = { step: [] as number[], evaluation: [] as number[], product: [] as number[] };
  for (let i = 0; i < rounds; i++) {
    times.product.push(await secondsOf(clock, product));
    times.step.push(await secondsOf(clock, () => trainer.step(1e-3)));
    times.evaluation.push(await secondsOf(clock, () => evaluation.run()));
  }
  if (profilePrefix !== undefined) program.endProfiling();
  const stepSeconds = median(times.step);
  const productRate = LARGE_PRODUCT_OPERATIONS / median(times.product);
  return {
    name: shape.name,
    parameters: countParameters(architecture),
    stepSeconds,
    fastestStepSeconds: Math.min(...times.step),
    tokensPerSecond: (batch * architecture.contextLength) / stepSeconds,
    productRate,
    productShare: productOperations(shape) / productRate / stepSeconds,
    evaluationRatio: stepSeconds / median(times.evaluation),
    startUpSeconds,
    graphBytes: program.onnxBytes,
    graphNodes: program.nNodes,
    peakMemoryBytes: 1024 * process.resourceUsage().maxRSS,
  };
}

/** Run as a child of `main.ts`: the arguments are the shape's index, the clock, the rounds and a profile prefix. */
const [index, clock, rounds, profilePrefix] = process.argv.slice(2);
if (process.send !== undefined) {
  process.send(await measure(SHAPES[Number(index)]!, clock as Clock, Number(rounds), profilePrefix));
  process.disconnect();
}
