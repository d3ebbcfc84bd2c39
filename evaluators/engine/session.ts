// Runs a traced graph with ONNX Runtime on one thread.
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { type DType, type Graph, sizeOf } from './graph.ts';
import { outputName, toOnnx } from './onnx.ts';

export type FeedArray = Float32Array | Int32Array;

/** A tensor in memory that programs read as input and write as output. */
export type Buffer = Tensor;

/** `data` (one is allocated when absent) seen as a tensor of `shape`. */
export function bufferOf(
  shape: readonly number[],
  dtype: 'float32' | 'int32' = 'float32',
  data?: FeedArray,
): Buffer {
  const length = sizeOf(shape);
  if (data !== undefined && data.length !== length)
    throw new RangeError(`${data.length} values for shape [${shape}]`);
  return dtype === 'float32'
    ? new Tensor('float32', (data as Float32Array | undefined) ?? new Float32Array(length), shape)
    : new Tensor('int32', (data as Int32Array | undefined) ?? new Int32Array(length), shape);
}

export interface CompiledProgram {
  readonly onnxBytes: number;
  /**
   * Computes the outputs named in `fetches` straight into the buffers given there.
   * A buffer may be input of one call and output of the next, never both in one call.
   */
  run(feeds: Readonly<Record<string, Buffer>>, fetches: Readonly<Record<string, Buffer>>): Promise<void>;
  /** Where the time went, when the program was compiled with `profile`: the path of ONNX Runtime's trace. */
  endProfiling(): void;
  release(): Promise<void>;
}

export interface CompileOptions {
  /** File prefix for ONNX Runtime's profile; no profiling when absent. */
  readonly profilePrefix?: string;
}

/** Hands the graph to ONNX Runtime. One thread, so that workers do not crowd each other out. */
export async function compile(graph: Graph, options: CompileOptions = {}): Promise<CompiledProgram> {
  const onnx = toOnnx(graph);
  const session = await InferenceSession.create(onnx, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    ...(options.profilePrefix === undefined
      ? {}
      : { enableProfiling: true, profileFilePrefix: options.profilePrefix }),
  });
  return {
    onnxBytes: onnx.length,
    async run(feeds, fetches) {
      const named: Record<string, Buffer> = {};
      for (const [name, buffer] of Object.entries(fetches)) named[outputName(name)] = buffer;
      await session.run(feeds, named);
    },
    endProfiling: () => session.endProfiling(),
    release: () => session.release(),
  };
}

export type { DType };
