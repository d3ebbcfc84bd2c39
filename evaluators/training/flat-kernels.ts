// The optimiser's passes over flat float32 memory, as SIMD WebAssembly: each reads and writes its operands once.
import { F32, F64, I32, V128, type WasmFunction, wasm, wasmModule } from './wasm-code.ts';

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** What is used here of WebAssembly's interface, which only the browser's type library declares. */
interface WasmInterface {
  readonly Memory: new (descriptor: { readonly initial: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: { readonly env: { readonly memory: WasmMemory } },
  ) => { readonly exports: unknown };
}

const { Memory, Module, Instance } = (globalThis as unknown as { WebAssembly: WasmInterface }).WebAssembly;

/** @throws RangeError where the machine does not have the memory. */
export const createMemory = (pages: number): WasmMemory => new Memory({ initial: pages });

/** Floats that one turn of a loop takes. Lengths are multiples of it. */
export const FLOATS_A_TURN = 16;
const BYTES_A_TURN = 4 * FLOATS_A_TURN;
const VECTOR_BYTES = 16;

/** Turns whose squares are summed in float32 before they join the float64 sum. */
const OFFSETS = [0, VECTOR_BYTES, 2 * VECTOR_BYTES, 3 * VECTOR_BYTES];

/** `sumOfSquares(pointer, end) -> f64`: four float32 partial sums a turn, added up in float64. */
function sumOfSquares(): WasmFunction {
  const [pointer, end, total, partial] = [0, 1, 2, 3];
  const { get, set, load, mul, add, lane, f64, addF64, addI32, i32, whileBelow } = wasm;
  const squares = OFFSETS.map((offset) => {
    const value = load(get(pointer), offset);
    return mul(value, load(get(pointer), offset));
  });
  const body = whileBelow(pointer, get(end), [
    set(partial, add(add(squares[0]!, squares[1]!), add(squares[2]!, squares[3]!))),
    set(
      total,
      addF64(
        get(total),
        addF64(
          addF64(f64(lane(get(partial), 0)), f64(lane(get(partial), 1))),
          addF64(f64(lane(get(partial), 2)), f64(lane(get(partial), 3))),
        ),
      ),
    ),
    set(pointer, addI32(get(pointer), i32(BYTES_A_TURN))),
  ]);
  return {
    name: 'sumOfSquares',
    parameters: [I32, I32],
    results: [F64],
    locals: [F64, V128],
    body: [body, get(total)],
  };
}

/**
 * `adamW(weights, gradients, first, second, end, beta1, g1, beta2, g2, kept, rate, correction, epsilon)`, where `end`
 * ends `weights`, `g1 = clip * (1 - beta1)`, `g2 = clip^2 * (1 - beta2)`, `kept = 1 - learningRate * weightDecay`:
 *
 *     first  <- beta1 * first + g1 * gradient
 *     second <- beta2 * second + g2 * gradient^2
 *     weight <- kept * weight - rate * first / (correction * sqrt(second) + epsilon)
 */
function adamW(): WasmFunction {
  const { get, set, load, store, splat, mul, add, sub, div, sqrt, addI32, i32, whileBelow } = wasm;
  const [weights, gradients, first, second, end] = [0, 1, 2, 3, 4];
  const nScalars = 8;
  const firstVector = 5 + nScalars;
  const [beta1, g1, beta2, g2, kept, rate, correction, epsilon] = Array.from({ length: nScalars }, (_, i) =>
    get(firstVector + i),
  );
  const [gradient, m, v] = [0, 1, 2].map((i) => firstVector + nScalars + i) as [number, number, number];
  const update = (offset: number) => [
    set(gradient, load(get(gradients), offset)),
    set(m, add(mul(load(get(first), offset), beta1!), mul(get(gradient), g1!))),
    set(v, add(mul(load(get(second), offset), beta2!), mul(mul(get(gradient), get(gradient)), g2!))),
    store(get(first), get(m), offset),
    store(get(second), get(v), offset),
    store(
      get(weights),
      sub(
        mul(load(get(weights), offset), kept!),
        div(mul(get(m), rate!), add(mul(sqrt(get(v)), correction!), epsilon!)),
      ),
      offset,
    ),
  ];
  const pointers = [weights, gradients, first, second];
  return {
    name: 'adamW',
    parameters: [I32, I32, I32, I32, I32, ...Array<number>(nScalars).fill(F32)],
    results: [],
    locals: Array<number>(nScalars + 3).fill(V128),
    body: [
      Array.from({ length: nScalars }, (_, i) => set(firstVector + i, splat(get(5 + i)))),
      whileBelow(weights, get(end), [
        OFFSETS.map(update),
        pointers.map((pointer) => set(pointer, addI32(get(pointer), i32(BYTES_A_TURN)))),
      ]),
    ],
  };
}

/** `accumulate(target, source, end, kept, scale)`: `target <- kept * target + scale * source`; `end` ends `target`. */
function accumulate(): WasmFunction {
  const { get, set, load, store, splat, mul, add, addI32, i32, whileBelow } = wasm;
  const [target, source, end, kept, scale, keptVector, scaleVector] = [0, 1, 2, 3, 4, 5, 6];
  return {
    name: 'accumulate',
    parameters: [I32, I32, I32, F32, F32],
    results: [],
    locals: [V128, V128],
    body: [
      set(keptVector, splat(get(kept))),
      set(scaleVector, splat(get(scale))),
      whileBelow(target, get(end), [
        OFFSETS.map((offset) =>
          store(
            get(target),
            add(
              mul(load(get(target), offset), get(keptVector)),
              mul(load(get(source), offset), get(scaleVector)),
            ),
            offset,
          ),
        ),
        [target, source].map((pointer) => set(pointer, addI32(get(pointer), i32(BYTES_A_TURN)))),
      ]),
    ],
  };
}

export interface FlatKernels {
  accumulate(target: number, source: number, end: number, kept: number, scale: number): void;
  sumOfSquares(pointer: number, end: number): number;
  adamW(
    weights: number,
    gradients: number,
    first: number,
    second: number,
    end: number,
    ...scalars: readonly [number, number, number, number, number, number, number, number]
  ): void;
}

let compiled: object | undefined;

/** The kernels over `memory`; pointers are byte offsets into it. */
export function flatKernels(memory: WasmMemory): FlatKernels {
  compiled ??= new Module(wasmModule([sumOfSquares(), adamW(), accumulate()]));
  return new Instance(compiled, { env: { memory } }).exports as FlatKernels;
}
