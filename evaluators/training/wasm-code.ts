// Just enough of a WebAssembly assembler for loops over flat float32 memory (binary format, core specification 2.0).

/** WebAssembly value types. */
export const I32 = 0x7f;
export const F32 = 0x7d;
export const F64 = 0x7c;
export const V128 = 0x7b;

type Code = readonly (number | Code)[];

const flat = (code: Code): number[] => (code as number[]).flat(Number.POSITIVE_INFINITY);

/** Unsigned LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest === 0 ? low : low + 128);
  } while (rest > 0);
  return bytes;
}

/** `i32.const` of a number below 64 would do with one byte; this takes any that fits in 31 bits. */
function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
    bytes.push(done ? low : low | 0x80);
    if (done) return bytes;
  }
}

const simd = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];
const memory = (opcode: number, offset: number): Code => [simd(opcode), 2, unsigned(offset)];

/** Instructions; arguments are the code that leaves the operands on the stack. */
export const wasm = {
  get: (local: number): Code => [0x20, unsigned(local)],
  set: (local: number, value: Code): Code => [value, 0x21, unsigned(local)],
  i32: (value: number): Code => [0x41, signed(value)],
  addI32: (a: Code, b: Code): Code => [a, b, 0x6a],
  addF64: (a: Code, b: Code): Code => [a, b, 0xa0],
  f64: (f32: Code): Code => [f32, 0xbb],
  load: (pointer: Code, offset: number): Code => [pointer, memory(0, offset)],
  store: (pointer: Code, value: Code, offset: number): Code => [pointer, value, memory(11, offset)],
  splat: (f32: Code): Code => [f32, simd(0x13)],
  lane: (vector: Code, lane: number): Code => [vector, simd(0x1f), lane],
  zero: (): Code => [simd(12), Array<number>(16).fill(0)],
  sqrt: (a: Code): Code => [a, simd(0xe3)],
  add: (a: Code, b: Code): Code => [a, b, simd(0xe4)],
  sub: (a: Code, b: Code): Code => [a, b, simd(0xe5)],
  mul: (a: Code, b: Code): Code => [a, b, simd(0xe6)],
  div: (a: Code, b: Code): Code => [a, b, simd(0xe7)],
  /** Repeats `body` while the counter in `local` is below `end`; `body` must raise it. */
  whileBelow: (local: number, end: Code, body: Code): Code => [
    [0x02, 0x40, 0x03, 0x40],
    [0x20, unsigned(local), end, 0x4f, 0x0d, 1], // leave when local >= end
    body,
    [0x0c, 0, 0x0b, 0x0b],
  ],
};

export interface WasmFunction {
  readonly name: string;
  readonly parameters: readonly number[];
  readonly results: readonly number[];
  /** Types of the locals that follow the parameters. */
  readonly locals: readonly number[];
  readonly body: Code;
}

const vector = (items: readonly Code[]): Code => [unsigned(items.length), items];
const sized = (code: Code): Code => {
  const bytes = flat(code);
  return [unsigned(bytes.length), bytes];
};
const section = (id: number, content: Code): Code => [id, sized(content)];
const text = (value: string): Code => vector([...Buffer.from(value, 'utf8')].map((byte) => [byte]));

/** The bytes of a module that imports its memory as `env.memory` and exports `functions` by name. */
export function wasmModule(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameters, results }) => [
    0x60,
    vector(parameters.map((type) => [type])),
    vector(results.map((type) => [type])),
  ]);
  const bodies = functions.map(({ locals, body }) =>
    sized([vector(locals.map((type) => [1, type])), body, 0x0b]),
  );
  return Uint8Array.from(
    flat([
      [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      section(1, vector(types)),
      section(2, vector([[text('env'), text('memory'), 2, 0, 1]])),
      section(3, vector(functions.map((_, i) => unsigned(i)))),
      section(7, vector(functions.map(({ name }, i) => [text(name), 0, unsigned(i)]))),
      section(10, vector(bodies)),
    ]),
  );
}
