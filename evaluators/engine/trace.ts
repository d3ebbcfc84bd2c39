// Traces a tfjs function: a KernelBackend that records every kernel instead of computing it, gradients
// included, because tfjs's own tape calls the same kernels.
import * as tf from '@tensorflow/tfjs';
import { type DType, type Graph, GraphBuilder, type TypedArray } from './graph.ts';
import { KERNELS, type KernelContext } from './kernels.ts';
import type { InputSpec, TensorFunction } from './program.ts';
import { rewrite } from './rewrite/index.ts';

const BACKEND = 'paretoformer-trace';

class TraceBackend extends tf.KernelBackend {
  builder = new GraphBuilder();
  readonly #valueOf = new WeakMap<object, number>();

  idOf(dataId: object): number {
    const id = this.#valueOf.get(dataId);
    if (id === undefined) throw new Error('a tensor from outside the trace was used inside it');
    return id;
  }

  /** A tfjs tensor descriptor for value `id`. */
  info(id: number, shape?: readonly number[]): tf.TensorInfo {
    const value = this.builder.values[id]!;
    const dataId = {};
    this.#valueOf.set(dataId, id);
    return {
      dataId,
      shape: [...(shape ?? value.shape)],
      dtype: value.dtype === 'float32' ? 'float32' : 'int32',
    };
  }

  override write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): object {
    const traced: DType = dtype === 'float32' ? 'float32' : 'int32';
    const data: TypedArray =
      traced === 'float32'
        ? Float32Array.from(values as ArrayLike<number>)
        : Int32Array.from(values as ArrayLike<number>);
    return this.info(this.builder.constant(data, shape, traced)).dataId;
  }

  override read(): Promise<tf.backend_util.BackendValues> {
    throw new Error('a traced tensor has no data yet');
  }
  override readSync(): tf.backend_util.BackendValues {
    throw new Error('a traced tensor has no data yet');
  }
  override disposeData(): boolean {
    return true;
  }
  override refCount(): number {
    return 1;
  }
  override incRef(): void {}
  decRef(): void {}
  override numDataIds(): number {
    return 0;
  }
  override floatPrecision(): 32 {
    return 32;
  }
  override epsilon(): number {
    return 1e-7;
  }
  override memory(): { unreliable: boolean } {
    return { unreliable: true };
  }
  override timerAvailable(): boolean {
    return false;
  }
}

let backend: TraceBackend | undefined;

function traceBackend(): TraceBackend {
  if (backend !== undefined) return backend;
  const created = new TraceBackend();
  for (const [kernelName, record] of Object.entries(KERNELS)) {
    tf.registerKernel({
      kernelName,
      backendName: BACKEND,
      kernelFunc: ({ inputs, attrs }) => {
        const context: KernelContext = {
          builder: created.builder,
          id: (name) => created.idOf((inputs[name] as tf.TensorInfo).dataId),
          shape: (name) => (inputs[name] as tf.TensorInfo).shape,
          list: () => (inputs as unknown as tf.TensorInfo[]).map((info) => created.idOf(info.dataId)),
          attributes: (attrs ?? {}) as Record<string, unknown>,
        };
        const result = record(context);
        return Array.isArray(result) ? result.map((id) => created.info(id)) : created.info(result as number);
      },
    });
  }
  tf.registerBackend(BACKEND, () => created, 0);
  backend = created;
  return created;
}

/**
 * Records `program` as a graph. Its inputs arrive as tensors without data, so it must not read values;
 * what it returns become the outputs, by name. The backend that was active before is active again after.
 * @throws Error naming the kernel when the program uses one that has no ONNX form here.
 */
export function trace(inputs: Readonly<Record<string, InputSpec>>, program: TensorFunction): Graph {
  const tracer = traceBackend();
  const previous = tf.getBackend();
  tracer.builder = new GraphBuilder();
  void tf.setBackend(BACKEND);
  try {
    let graph: Graph | undefined;
    tf.tidy(() => {
      const tensors: Record<string, tf.Tensor> = {};
      for (const [name, { shape, dtype }] of Object.entries(inputs)) {
        const info = tracer.info(tracer.builder.input(name, shape, dtype));
        tensors[name] = tf.engine().makeTensorFromTensorInfo(info);
      }
      const outputs = new Map<string, number>();
      for (const [name, tensor] of Object.entries(program(tensors)))
        outputs.set(name, tracer.idOf(tensor.dataId));
      graph = rewrite(tracer.builder.build(outputs));
    });
    return graph!;
  } finally {
    tracer.builder = new GraphBuilder();
    if (previous) void tf.setBackend(previous);
  }
}
