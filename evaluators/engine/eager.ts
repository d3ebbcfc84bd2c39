// The reference engine: runs a function kernel by kernel on one of tfjs's own backends.
import * as tf from '@tensorflow/tfjs';
import { registerComposites } from './fused.ts';
import type { Engine, FeedArray, Feeds } from './program.ts';

/** `tensorflow` needs `@tensorflow/tfjs-node`, `wasm` needs `@tensorflow/tfjs-backend-wasm`; `cpu` is always there. */
export type EagerBackend = 'tensorflow' | 'wasm' | 'cpu';

const PACKAGE: Readonly<Record<Exclude<EagerBackend, 'cpu'>, string>> = {
  tensorflow: '@tensorflow/tfjs-node',
  wasm: '@tensorflow/tfjs-backend-wasm',
};

/** The gradient of a row look-up as a product with a one-hot matrix, for backends that lack the kernel. */
export function segmentSumByProduct(x: tf.Tensor, segmentIds: tf.Tensor1D, nSegments: number): tf.Tensor {
  const rows = tf.reshape(x, [segmentIds.size, -1]) as tf.Tensor2D;
  const hot = tf.oneHot(segmentIds, nSegments, 1, 0, 'float32') as tf.Tensor2D;
  return tf.reshape(tf.matMul(hot, rows, true), [nSegments, ...x.shape.slice(segmentIds.rank)]);
}

function fillGaps(backendName: EagerBackend): void {
  registerComposites(backendName);
  if (tf.getKernel('UnsortedSegmentSum', backendName) !== undefined) return;
  tf.registerKernel({
    kernelName: 'UnsortedSegmentSum',
    backendName,
    kernelFunc: ({ inputs, attrs }) => {
      const asTensor = (info: unknown) => tf.engine().makeTensorFromTensorInfo(info as tf.TensorInfo);
      const { numSegments } = attrs as unknown as { numSegments: number };
      return segmentSumByProduct(asTensor(inputs.x), asTensor(inputs.segmentIds) as tf.Tensor1D, numSegments);
    },
  });
}

/** Makes a backend ready. @throws Error in one line where its package is not installed or does not work. */
export async function loadEagerBackend(name: EagerBackend): Promise<void> {
  if (name !== 'cpu') {
    try {
      await import(PACKAGE[name]);
    } catch {
      throw new Error(`engine "${name}" needs the package ${PACKAGE[name]}, which does not load here`);
    }
  }
  fillGaps(name);
  if (!(await tf.setBackend(name))) throw new Error(`engine "${name}" does not start here`);
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
