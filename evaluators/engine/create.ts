// Chooses an engine by name.
import * as tf from '@tensorflow/tfjs';
import { type EagerBackend, eagerEngine, loadEagerBackend } from './eager.ts';
import { bufferOf, type Engine } from './program.ts';
import { onnxEngine, type Provider } from './session.ts';

export interface EngineSettings {
  /** `onnx`: traced graphs in ONNX Runtime. The others run tfjs kernel by kernel. */
  readonly name: 'onnx' | EagerBackend;
  /** Where ONNX Runtime computes; `cpu` when absent. */
  readonly provider?: Provider;
  /** Threads inside one operator of ONNX Runtime; 1 when absent. */
  readonly threads?: number;
}

const DEFAULT_ENGINE: EngineSettings = { name: 'onnx' };

export function createEngine({ name, provider, threads }: EngineSettings = DEFAULT_ENGINE): Engine {
  if (name !== 'onnx') return eagerEngine(name);
  return onnxEngine({
    ...(provider === undefined ? {} : { provider }),
    ...(threads === undefined ? {} : { threads }),
  });
}

/** Computes one number. @throws Error in one line where the engine or its provider does not work here. */
export async function checkEngine(settings: EngineSettings): Promise<void> {
  const { name, provider = 'cpu' } = settings;
  if (name !== 'onnx') return loadEagerBackend(name);
  try {
    const spec = { shape: [1], dtype: 'float32' as const };
    const program = await createEngine(settings).compile({ x: spec }, ({ x }) => ({ y: tf.exp(x!) }));
    await program.run({ x: bufferOf([1]) }, { y: bufferOf([1]) });
    await program.release();
  } catch (error) {
    const reason = String((error as Error).message)
      .split('\n')[0]!
      .slice(0, 160);
    throw new Error(`engine "onnx" does not run on provider "${provider}" here: ${reason}`);
  }
}
