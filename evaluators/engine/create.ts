// Chooses an engine by name.
import * as tf from '@tensorflow/tfjs';
import { DEFAULT_ENGINE, type EngineSpec } from '../../space/engine-spec.ts';
import { eagerEngine, loadEagerBackend } from './eager.ts';
import { EngineError } from './engine-error.ts';
import { bufferOf, type Engine } from './program.ts';
import { onnxEngine } from './session.ts';

export function createEngine({ name, provider, threads }: EngineSpec = DEFAULT_ENGINE): Engine {
  return name === 'onnx' ? onnxEngine({ provider, threads }) : eagerEngine(name);
}

/** What ONNX Runtime says, without the place in its own code. */
function reasonOf(error: unknown): string {
  const [line] = (error as Error).message.split('\n');
  return line!.replace(/^.* was false\. /, '').slice(0, 160);
}

/** Computes one number. @throws {@link EngineError} where the engine or its provider does not work here. */
export async function checkEngine(spec: EngineSpec): Promise<void> {
  const { name, provider } = spec;
  if (name !== 'onnx') return loadEagerBackend(name);
  try {
    const shape = { shape: [1], dtype: 'float32' as const };
    const program = await createEngine(spec).compile({ x: shape }, ({ x }) => ({ y: tf.exp(x!) }));
    await program.run({ x: bufferOf([1]) }, { y: bufferOf([1]) });
    await program.release();
  } catch (error) {
    const message = `engine "onnx" does not run on provider "${provider}" here: ${reasonOf(error)}`;
    throw new EngineError(message, { cause: error });
  }
}
