// A training's numbers as flat stretches of one memory: weights, gradients, both AdamW moments and, where a step is
// several passes, the sum of their gradients, so that the optimiser is one pass over each. Programs read weights from there and write gradients to there without a copy.
import type { ParameterSpec, Weights } from '../model/parameters.ts';
import {
  createMemory,
  FLOATS_A_TURN,
  type FlatKernels,
  flatKernels,
  type WasmMemory,
} from './flat-kernels.ts';

const PAGE_BYTES = 65_536;
const PARTS = ['weights', 'gradients', 'first', 'second', 'sums'] as const;
type Part = (typeof PARTS)[number];

/** Memory is kept for the next training of this thread: fresh pages cost a fault each. */
const idle: WasmMemory[] = [];

function takeMemory(bytes: number): WasmMemory {
  const pages = Math.ceil(bytes / PAGE_BYTES);
  const memory = idle.pop() ?? createMemory(pages);
  const missing = pages - memory.buffer.byteLength / PAGE_BYTES;
  if (missing > 0) memory.grow(missing);
  return memory;
}

/** What 32-bit pointers reach. */
export const MAX_STATE_BYTES = 65_536 * PAGE_BYTES;

const roundUp = (n: number): number => Math.ceil(n / FLOATS_A_TURN) * FLOATS_A_TURN;

const sizeOf = ({ shape }: ParameterSpec): number => shape.reduce((a, b) => a * b, 1);
const partBytes = (specs: readonly ParameterSpec[]): number =>
  specs.reduce((total, spec) => total + 4 * roundUp(sizeOf(spec)), 0);

const nParts = (nPasses: number): number => (nPasses > 1 ? PARTS.length : PARTS.length - 1);

/** Bytes of all parts together, for steps of `nPasses`. */
export const flatStateBytes = (specs: readonly ParameterSpec[], nPasses = 1): number =>
  nParts(nPasses) * partBytes(specs);

export interface AdamWSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Gradients are scaled down to this global norm; 0 leaves them alone. */
  readonly gradientClip: number;
}

/** Bytes of a part that one rate updates. */
interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly decays: boolean;
  readonly rateFactor: number;
}

/** Weights with the same rate and decay lie together. */
function groupsOf(specs: readonly ParameterSpec[]) {
  const groups = new Map<string, { decays: boolean; rateFactor: number; specs: ParameterSpec[] }>();
  for (const spec of specs) {
    const { decays, rateFactor } = spec;
    const key = `${decays} ${rateFactor}`;
    const group = groups.get(key) ?? { decays, rateFactor, specs: [] };
    group.specs.push(spec);
    groups.set(key, group);
  }
  return [...groups.values()];
}

export class FlatState {
  /** Views by weight name; valid until `release`. */
  readonly weights: Readonly<Record<string, Float32Array>>;
  readonly gradients: Readonly<Record<string, Float32Array>>;
  readonly first: Readonly<Record<string, Float32Array>>;
  readonly second: Readonly<Record<string, Float32Array>>;
  readonly #memory: WasmMemory;
  readonly #kernels: FlatKernels;
  readonly #stretches: readonly Stretch[];
  readonly #partBytes: number;
  readonly #nPasses: number;

  /** Gradients start as zeros. @throws RangeError (out of memory) where the parts do not fit. */
  constructor(
    specs: readonly ParameterSpec[],
    weights: Weights,
    first: Weights,
    second: Weights,
    nPasses = 1,
  ) {
    this.#nPasses = nPasses;
    const bytes = flatStateBytes(specs, nPasses);
    const groups = groupsOf(specs);
    const ordered = groups.flatMap((group) => group.specs);
    this.#partBytes = partBytes(specs);
    let from = 0;
    this.#stretches = groups.map(({ decays, rateFactor, specs: members }) => {
      const to = from + partBytes(members);
      const stretch = { from, to, decays, rateFactor };
      from = to;
      return stretch;
    });
    this.#memory = takeMemory(bytes);
    this.#kernels = flatKernels(this.#memory);
    new Uint8Array(this.#memory.buffer, 0, bytes).fill(0);
    const views = (part: Part, values?: Weights) => {
      const entries: [string, Float32Array][] = [];
      let at = this.#pointer(part);
      for (const spec of ordered) {
        const view = new Float32Array(this.#memory.buffer, at, sizeOf(spec));
        if (values !== undefined) view.set(values[spec.name]!);
        entries.push([spec.name, view]);
        at += 4 * roundUp(sizeOf(spec));
      }
      return Object.fromEntries(entries);
    };
    this.weights = views('weights', weights);
    this.gradients = views('gradients');
    this.first = views('first', first);
    this.second = views('second', second);
  }

  /** After pass `pass` (from 0) of a step: takes its gradients into their mean over the step's passes. */
  accumulate(pass: number): void {
    if (this.#nPasses === 1) return;
    const sums = this.#pointer('sums');
    this.#kernels.accumulate(
      sums,
      this.#pointer('gradients'),
      sums + this.#partBytes,
      pass === 0 ? 0 : 1,
      1 / this.#nPasses,
    );
  }

  /** The L2 norm of the step's gradients taken as one vector. */
  gradientNorm(): number {
    const start = this.#stepGradients();
    return Math.sqrt(this.#kernels.sumOfSquares(start, start + this.#partBytes));
  }

  /**
   * One step of AdamW (Loshchilov and Hutter 2019, algorithm 2), the `step`-th (from 1), on the gradients that lie
   * here, whose norm is `gradientNorm`.
   */
  update(settings: AdamWSettings, learningRate: number, step: number, gradientNorm: number): void {
    const { beta1, beta2, epsilon, weightDecay, gradientClip } = settings;
    const clip = gradientClip > 0 ? Math.min(1, gradientClip / (gradientNorm + 1e-6)) : 1;
    const correction = 1 / Math.sqrt(1 - beta2 ** step);
    for (const { from, to, decays, rateFactor } of this.#stretches) {
      const ownRate = learningRate * rateFactor;
      const [weights, first, second] = (['weights', 'first', 'second'] as const).map(
        (part) => this.#pointer(part) + from,
      );
      this.#kernels.adamW(
        ...([weights!, this.#stepGradients() + from, first!, second!, weights! + to - from] as const),
        ...([beta1, clip * (1 - beta1), beta2, clip * clip * (1 - beta2)] as const),
        ...([
          decays ? 1 - ownRate * weightDecay : 1,
          ownRate / (1 - beta1 ** step),
          correction,
          epsilon,
        ] as const),
      );
    }
  }

  /** Gives the memory back; no view may be used after. */
  release(): void {
    idle.push(this.#memory);
  }

  #stepGradients(): number {
    return this.#pointer(this.#nPasses > 1 ? 'sums' : 'gradients');
  }

  #pointer(part: Part): number {
    return PARTS.indexOf(part) * this.#partBytes;
  }
}
