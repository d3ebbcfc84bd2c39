// npx tsx bench/peers/main.ts [--python python3] [--shapes 0,1,2] [--rounds 20] [--mode eager|compile] [--clock wall|cpu]
// The same model and training step here and in PyTorch, one thread each, in turn A B A B, and the ratio of medians.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { initialWeights } from '../../evaluators/model/parameters.ts';
import { freshState, Trainer } from '../../evaluators/training/program.ts';
import { countParameters } from '../../space/architecture.ts';
import { deriveRng } from '../../space/random.ts';
import { type Clock, median, secondsOf } from '../training/clock.ts';
import { SHAPES, type Shape } from '../training/shapes.ts';

const { values } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    shapes: { type: 'string', default: '0,1,2' },
    rounds: { type: 'string', default: '20' },
    mode: { type: 'string', default: 'eager' },
    clock: { type: 'string', default: 'wall' },
  },
});

/** One line out, one JSON line back. */
class Peer {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor(python: string) {
    const script = fileURLToPath(new URL('./pytorch.py', import.meta.url));
    this.#process = spawn(python, [script], { env: { ...process.env, OMP_NUM_THREADS: '1' } });
    this.#process.stderr.pipe(process.stderr);
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  async ask(line: string): Promise<Record<string, number | string>> {
    this.#process.stdin.write(`${line}\n`);
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`${values.python} with torch does not run here`);
    return JSON.parse(value);
  }

  close(): void {
    this.#process.stdin.end();
  }
}

const ADAMW = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, gradientClip: 1 };

async function trainerOf({ architecture, batch }: Shape): Promise<Trainer> {
  const rng = deriveRng(1, 0, 'weights');
  const trainer = await Trainer.create(
    architecture,
    ADAMW,
    batch,
    freshState(architecture, initialWeights(architecture, rng)),
  );
  for (const tokens of [trainer.tokens, trainer.targets])
    for (let i = 0; i < tokens.length; i++) tokens[i] = rng.below(architecture.vocabSize);
  return trainer;
}

async function compare(shape: Shape): Promise<void> {
  const clock = values.clock as Clock;
  const peer = new Peer(values.python);
  const started = await peer.ask(JSON.stringify({ ...shape, mode: values.mode, clock }));
  if (started.parameters !== countParameters(shape.architecture)) throw new Error('the two models differ');
  const trainer = await trainerOf(shape);
  for (let i = 0; i < 3; i++) await trainer.step(1e-3);
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let i = 0; i < Number(values.rounds); i++) {
    ours.push(await secondsOf(clock, () => trainer.step(1e-3)));
    theirs.push((await peer.ask('step')).seconds as number);
  }
  peer.close();
  await trainer.release();
  const ms = (seconds: number) => `${(1000 * seconds).toFixed(1)} ms`;
  console.log(
    `${shape.name}: ${ms(median(ours))} here, ${ms(median(theirs))} in PyTorch ${started.torch} ${values.mode}: ` +
      `${(median(theirs) / median(ours)).toFixed(2)} x as fast (fastest steps ${(Math.min(...theirs) / Math.min(...ours)).toFixed(2)} x)`,
  );
}

for (const index of values.shapes.split(',')) await compare(SHAPES[Number(index)]!);
