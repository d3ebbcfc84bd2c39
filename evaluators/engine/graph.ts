// The tensor program that a trace produces: a flat list of ONNX nodes over numbered values, every shape known.

export type DType = 'float32' | 'int32' | 'int64';
export type TypedArray = Float32Array | Int32Array | BigInt64Array;
type Attribute = number | string | readonly number[];

/** A value is named by its index into `Graph.values`. */
export interface Value {
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** Present for constants: the contents, in row-major order. */
  readonly data?: TypedArray;
}

export interface GraphNode {
  readonly op: string;
  /** `''` is the standard ONNX set, `com.microsoft` ONNX Runtime's own CPU kernels. */
  readonly domain: '' | 'com.microsoft';
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Integers are whole JavaScript numbers; floats are wrapped by `float()`. */
  readonly attributes: Readonly<Record<string, Attribute | FloatAttribute>>;
}

/** An attribute that ONNX stores as a float even when it is whole. */
export interface FloatAttribute {
  readonly float: number;
}

export const float = (value: number): FloatAttribute => ({ float: value });

export interface Graph {
  readonly values: readonly Value[];
  readonly nodes: readonly GraphNode[];
  /** Value by input name, in feeding order. */
  readonly inputs: ReadonlyMap<string, number>;
  /** Value by output name. */
  readonly outputs: ReadonlyMap<string, number>;
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((n, i) => n === b[i]);

/** A string that differs where any bit differs: 0 and -0 are two constants. */
const bytesOf = (data: TypedArray): string =>
  Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('latin1');

/** Collects values and nodes while a program is traced. */
export class GraphBuilder {
  readonly values: Value[] = [];
  readonly nodes: GraphNode[] = [];
  readonly inputs = new Map<string, number>();
  readonly #constants = new Map<string, number>();

  input(name: string, shape: readonly number[], dtype: DType): number {
    const id = this.#value({ shape, dtype });
    this.inputs.set(name, id);
    return id;
  }

  /** Equal small constants share one value. */
  constant(data: TypedArray, shape: readonly number[], dtype: DType): number {
    const key = data.length <= 64 ? `${dtype}|${shape.join(',')}|${bytesOf(data)}` : undefined;
    const known = key === undefined ? undefined : this.#constants.get(key);
    if (known !== undefined) return known;
    const id = this.#value({ shape, dtype, data });
    if (key !== undefined) this.#constants.set(key, id);
    return id;
  }

  shapeConstant(shape: readonly number[]): number {
    return this.constant(BigInt64Array.from(shape, BigInt), [shape.length], 'int64');
  }

  node(
    op: string,
    inputs: readonly number[],
    output: Value,
    attributes: GraphNode['attributes'] = {},
    domain: GraphNode['domain'] = '',
  ): number {
    return this.nodeWithOutputs(op, inputs, [output], attributes, domain)[0]!;
  }

  nodeWithOutputs(
    op: string,
    inputs: readonly number[],
    results: readonly Value[],
    attributes: GraphNode['attributes'] = {},
    domain: GraphNode['domain'] = '',
  ): number[] {
    const outputs = results.map((result) => this.#value(result));
    this.nodes.push({ op, domain, inputs, outputs, attributes });
    return outputs;
  }

  build(outputs: ReadonlyMap<string, number>): Graph {
    return { values: this.values, nodes: this.nodes, inputs: this.inputs, outputs };
  }

  #value(value: Value): number {
    this.values.push(value);
    return this.values.length - 1;
  }
}
