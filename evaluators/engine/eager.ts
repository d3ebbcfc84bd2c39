// The reference engine: runs a function kernel by kernel on one of tfjs's own backends.
import * as tf from '@tensorflow/tfjs';
import type { EngineName } from '../../space/engine-spec.ts';
import { EngineError } from './engine-error.ts';
import { registerComposites } from './fused.ts';
import { ENGINE_PACKAGE } from './packages.ts';
import type { Engine, FeedArray, Feeds } from './program.ts';

/** `tensorflow` needs `@tensorflow/tfjs-node`, `wasm` needs `@tensorflow/tfjs-backend-wasm`; `cpu` is always there. */
export type EagerBackend = Exclude<EngineName, 'onnx'>;

/** The gradient of a row look-up as a product with a one-hot matrix. */
export function segmentSumByProduct(x: tf.Tensor, segmentIds: tf.Tensor1D, nSegments: number): tf.Tensor {
  const rows = tf.reshape(x, [segmentIds.size, -1]) as tf.Tensor2D;
  const hot = oneHotByComparison(segmentIds, nSegments, 1, 0) as tf.Tensor2D;
  return tf.reshape(tf.matMul(hot, rows, true), [nSegments, ...x.shape.slice(segmentIds.rank)]);
}

/** `tf.oneHot` in floats. */
export function oneHotByComparison(indices: tf.Tensor, depth: number, on: number, off: number): tf.Tensor {
  const isHot = tf.equal(tf.expandDims(indices, -1), tf.range(0, depth, 1, 'int32'));
  return tf.add(tf.mul(tf.cast(isHot, 'float32'), on - off), off);
}

type Attributes = Readonly<Record<string, number>>;
type Substitute = (inputs: Record<string, tf.Tensor>, attributes: Attributes) => tf.Tensor;

/** The wasm backend has no sum of rows by number, and writes integers where one-hot floats are asked for. */
const SUBSTITUTES: Readonly<Record<string, Substitute>> = {
  UnsortedSegmentSum: ({ x, segmentIds }, { numSegments }) =>
    segmentSumByProduct(x!, segmentIds as tf.Tensor1D, numSegments!),
  OneHot: ({ indices }, { depth, onValue = 1, offValue = 0 }) =>
    oneHotByComparison(indices!, depth!, onValue, offValue),
};

function fillGaps(backendName: EagerBackend): void {
  registerComposites(backendName);
  if (backendName !== 'wasm') return;
  for (const [kernelName, substitute] of Object.entries(SUBSTITUTES)) {
    if (tf.getKernel(kernelName, backendName) !== undefined) tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel({
      kernelName,
      backendName,
      // What tfjs hands over are the tensors themselves; as descriptors they would be counted twice.
      kernelFunc: ({ inputs, attrs }) =>
        substitute(inputs as unknown as Record<string, tf.Tensor>, attrs as unknown as Attributes),
    });
  }
}

/** Makes a backend ready. @throws {@link EngineError} where its package is not installed or does not work. */
export async function loadEagerBackend(name: EagerBackend): Promise<void> {
  // Without its advice to install another backend.
  tf.enableProdMode();
  if (name !== 'cpu') {
    try {
      await import(ENGINE_PACKAGE[name]);
    } catch {
      throw new EngineError(
        `engine "${name}" needs the package ${ENGINE_PACKAGE[name]}, which does not load here: npm install ${ENGINE_PACKAGE[name]}`,
      );
    }
  }
  fillGaps(name);
  if (!(await tf.setBackend(name))) throw new EngineError(`engine "${name}" does not start here`);
}

/** The fastest eager backend that works here: `tensorflow`, else `cpu`. */
export async function bestEagerBackend(): Promise<EagerBackend> {
  try {
    await loadEagerBackend('tensorflow');
    return 'tensorflow';
  } catch {
    return 'cpu';
  }
}

function tensorOf({ data, dims, type }: Feeds[string]): tf.Tensor {
  // A copy: tfjs may keep the array, and the caller writes into it later.
  const values = (data as FeedArray).slice();
  return tf.tensor(values, [...dims], type === 'int32' ? 'int32' : 'float32');
}

export function eagerEngine(backend: EagerBackend): Engine {
  return {
    async compile(inputs, body) {
      await loadEagerBackend(backend);
      return {
        async run(feeds, fetches) {
          await tf.setBackend(backend);
          tf.tidy(() => {
            const tensors: Record<string, tf.Tensor> = {};
            for (const name of Object.keys(inputs)) tensors[name] = tensorOf(feeds[name]!);
            const outputs = body(tensors);
            for (const [name, buffer] of Object.entries(fetches)) {
              (buffer.data as FeedArray).set(outputs[name]!.dataSync() as FeedArray);
            }
          });
        },
        async release() {},
      };
    },
  };
}
