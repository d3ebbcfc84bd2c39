import type { EngineName } from '../../space/engine-spec.ts';

/** The package that computes for an engine. */
export const ENGINE_PACKAGE: Readonly<Record<EngineName, string>> = {
  onnx: 'onnxruntime-node',
  tensorflow: '@tensorflow/tfjs-node',
  wasm: '@tensorflow/tfjs-backend-wasm',
  cpu: '@tensorflow/tfjs',
};
