// The default engine: traces a function once and runs the graph with ONNX Runtime.
import { env, InferenceSession } from 'onnxruntime-node';
import type { Provider } from '../../space/engine-spec.ts';
import type { Graph } from './graph.ts';
import { toOnnx } from './onnx.ts';
import type { CompiledProgram, Engine, Feeds, InputSpec, TensorFunction } from './program.ts';
import { runInPlace } from './run-in-place.ts';
import { runtimeCall } from './runtime-call.ts';
import { trace } from './trace.ts';

// What fails is thrown; ONNX Runtime would print it, too.
env.logLevel = 'fatal';

export interface SessionOptions {
  /** `cpu` when absent. Memory stays the caller's: other providers copy in and out. */
  readonly provider?: Provider;
  /** Threads inside one operator. 1 by default, so that workers do not crowd each other out. */
  readonly threads?: number;
  /** File prefix for ONNX Runtime's profile; no profiling when absent. */
  readonly profilePrefix?: string;
}

export interface OnnxProgram extends CompiledProgram {
  readonly onnxBytes: number;
  readonly nNodes: number;
  /** Writes what ONNX Runtime measured, when the program was compiled with `profilePrefix`. */
  endProfiling(): void;
}

function createSession(onnx: Uint8Array, { provider = 'cpu', threads = 1, profilePrefix }: SessionOptions) {
  return InferenceSession.create(onnx, {
    executionProviders: [provider],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    // The graph arrives rewritten; what ONNX Runtime would add costs time at every start and none of it is missed.
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 4,
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
  });
}

/** Hands the graph to ONNX Runtime. */
export async function compileGraph(graph: Graph, options: SessionOptions = {}): Promise<OnnxProgram> {
  const onnx = toOnnx(graph);
  const session = await runtimeCall(() => createSession(onnx, options));
  return {
    onnxBytes: onnx.length,
    nNodes: graph.nodes.length,
    run: (feeds: Feeds, fetches: Feeds) => runInPlace(session, feeds, fetches),
    endProfiling: () => session.endProfiling(),
    release: () => session.release(),
  };
}

export interface OnnxEngine extends Engine {
  compile(inputs: Readonly<Record<string, InputSpec>>, body: TensorFunction): Promise<OnnxProgram>;
}

export function onnxEngine(options: SessionOptions = {}): OnnxEngine {
  return { compile: async (inputs, body) => compileGraph(trace(inputs, body), options) };
}
