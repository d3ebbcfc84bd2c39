// npx tsx bench/peers/main.ts [--python python3] [--shapes 0,1,2] [--rounds 20] [--clock wall|cpu] [--markdown]
//                             [--variants fused,default,intel,compile]
// The same model and training step here and in PyTorch, one thread each, in turn, and the ratios of medians.
// --markdown prints the rows of the table in docs/engine.md. PyTorch: python3 -m pip install torch
import { parseArgs } from 'node:util';
import { initialWeights } from '../../evaluators/model/parameters.ts';
import { freshState, Trainer } from '../../evaluators/training/program.ts';
import { countParameters } from '../../space/architecture.ts';
import { deriveRng } from '../../space/random.ts';
import { clockOf, median, secondsOf } from '../training/clock.ts';
import type { Shape } from '../training/shapes.ts';
import { machine, milliseconds, shapesOf, tableHead, tableRow } from '../training/text.ts';
import { Peer } from './peer.ts';

/** Ways to run PyTorch, with what the tables call them. */
const VARIANTS = {
  fused: { about: 'fused AdamW', compile: false, fused: true, intel: false },
  default: { about: 'default AdamW', compile: false, fused: false, intel: false },
  intel: { about: 'fused AdamW, MKL as on Intel', compile: false, fused: true, intel: true },
  compile: { about: 'fused AdamW, torch.compile', compile: true, fused: true, intel: false },
} as const;
type Variant = keyof typeof VARIANTS;

const { values } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    shapes: { type: 'string', default: '0,1,2' },
    rounds: { type: 'string', default: '20' },
    variants: { type: 'string', default: 'fused,default,intel' },
    clock: { type: 'string', default: 'wall' },
    markdown: { type: 'boolean', default: false },
  },
});
const clock = clockOf(values.clock);
const variants = values.variants.split(',').map((name): Variant => {
  if (name in VARIANTS) return name as Variant;
  throw new Error(`--variants are ${Object.keys(VARIANTS).join(', ')}, not "${name}"`);
});

const ADAMW = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, gradientClip: 1 };
const WARM_UP = 3;

async function trainerOf({ architecture, batch }: Shape): Promise<Trainer> {
  const rng = deriveRng(1, 0, 'weights');
  const start = freshState(architecture, initialWeights(architecture, rng));
  const trainer = await Trainer.create(architecture, ADAMW, batch, start);
  for (const tokens of [trainer.tokens, trainer.targets])
    for (let i = 0; i < tokens.length; i++) tokens[i] = rng.below(architecture.vocabSize);
  for (let i = 0; i < WARM_UP; i++) await trainer.step(1e-3);
  return trainer;
}

/** Seconds of every step, here and by variant. */
async function measure(shape: Shape) {
  const peers: { variant: Variant; peer: Peer; seconds: number[] }[] = [];
  const own: number[] = [];
  let torch = '';
  try {
    for (const variant of variants) {
      const peer = new Peer(values.python);
      peers.push({ variant, peer, seconds: [] });
      const request = { ...shape, ...VARIANTS[variant], clock, warmUp: WARM_UP };
      const started = await peer.ask<{ parameters: number; torch: string }>(JSON.stringify(request));
      if (started.parameters !== countParameters(shape.architecture))
        throw new Error('the two models differ');
      torch = started.torch;
    }
    const trainer = await trainerOf(shape);
    for (let i = 0; i < Number(values.rounds); i++) {
      own.push(await secondsOf(clock, () => trainer.step(1e-3)));
      for (const { peer, seconds } of peers)
        seconds.push((await peer.ask<{ seconds: number }>('step')).seconds);
    }
    await trainer.release();
  } finally {
    for (const { peer } of peers) peer.close();
  }
  return { own, torch, peers };
}

const headings = ['shape', 'step here', ...variants.map((variant) => `PyTorch, ${VARIANTS[variant].about}`)];
let isFirst = true;
for (const { shape } of shapesOf(values.shapes)) {
  const { own, torch, peers } = await measure(shape);
  const ratios = peers.map(({ variant, seconds }) => ({
    about: VARIANTS[variant].about,
    step: milliseconds(median(seconds)),
    ratio: (median(seconds) / median(own)).toFixed(2),
    ofFastest: (Math.min(...seconds) / Math.min(...own)).toFixed(2),
  }));
  if (values.markdown) {
    if (isFirst) {
      console.log(`PyTorch ${torch}, ${machine()}; ${clock} clock, medians of ${values.rounds}\n`);
      console.log(tableHead(headings));
    }
    const cells = ratios.map(({ step, ratio }) => `${step}: ${ratio} x as fast here`);
    console.log(tableRow([shape.name, milliseconds(median(own)), ...cells]));
  } else {
    console.log(
      `${shape.name}: ${milliseconds(median(own))} here (fastest ${milliseconds(Math.min(...own))})`,
    );
    for (const { about, step, ratio, ofFastest } of ratios) {
      console.log(
        `  PyTorch ${torch}, ${about}: ${step}, ${ratio} x as fast here (fastest steps ${ofFastest} x)`,
      );
    }
  }
  isFirst = false;
}
