// What computes a run: names as the YAML file and the command line write them.

/** `onnx`: compiled by ONNX Runtime. The others run tfjs kernel by kernel. */
export const ENGINE_NAMES = ['onnx', 'tensorflow', 'wasm', 'cpu'] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];

/** Where ONNX Runtime computes. */
export const PROVIDERS = ['cpu', 'cuda', 'webgpu'] as const;
export type Provider = (typeof PROVIDERS)[number];

/** Each part decides in which order sums are taken, and so the last digits of every loss. */
export interface EngineSpec {
  readonly name: EngineName;
  readonly provider: Provider;
  /** Threads inside one operator. */
  readonly threads: number;
}

/** What a spec without engine means. */
export const DEFAULT_ENGINE: EngineSpec = { name: 'onnx', provider: 'cpu', threads: 1 };

/** The key that does not go with the engine's name, and why; `undefined` where all do. */
export function engineProblem({ name, provider, threads }: EngineSpec) {
  if (name === 'onnx') return undefined;
  if (provider !== 'cpu') {
    return {
      key: 'provider',
      message: `provider "${provider}" is of engine "onnx", not of "${name}"`,
    } as const;
  }
  if (threads === 1) return undefined;
  return {
    key: 'threads',
    message: `engine "${name}" chooses its threads itself; "onnx" takes a number`,
  } as const;
}
