// The weights of a transformer: names, shapes, first values.
import type { Architecture } from '../../space/architecture.ts';
import type { Rng } from '../../space/random.ts';

/** One weight tensor. Matrices are stored (in, out), so that a product reads `x . W`. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** Matrices decay, norm gains do not. */
  readonly decays: boolean;
  /** Standard deviation of the first values; `undefined` = ones. */
  readonly initialDeviation: number | undefined;
}

const matrix = (name: string, rows: number, columns: number, initialDeviation: number): ParameterSpec => ({
  name,
  shape: [rows, columns],
  decays: true,
  initialDeviation,
});

const gain = (name: string, size: number): ParameterSpec => ({
  name,
  shape: [size],
  decays: false,
  initialDeviation: undefined,
});

/** Every weight of `architecture`, in a fixed order. Products into the residual stream start smaller, by depth. */
export function parameterSpecs(architecture: Architecture): readonly ParameterSpec[] {
  const { dModel, headDim, vocabSize, layers, tieEmbeddings } = architecture;
  const width = dModel ** -0.5;
  const residual = (2 * layers.length) ** -0.5;
  const specs: ParameterSpec[] = [matrix('embedding', vocabSize, dModel, 0.02)];
  layers.forEach(({ nHeads, nKvHeads, dFf }, i) => {
    if (nHeads > 0) {
      const inner = nHeads * headDim;
      specs.push(
        gain(`layers.${i}.attention.norm`, dModel),
        matrix(`layers.${i}.attention.q`, dModel, inner, width),
        matrix(`layers.${i}.attention.k`, dModel, nKvHeads * headDim, width),
        matrix(`layers.${i}.attention.v`, dModel, nKvHeads * headDim, width),
        matrix(`layers.${i}.attention.o`, inner, dModel, inner ** -0.5 * residual),
      );
    }
    if (dFf > 0) {
      specs.push(
        gain(`layers.${i}.feedForward.norm`, dModel),
        matrix(`layers.${i}.feedForward.gate`, dModel, dFf, width),
        matrix(`layers.${i}.feedForward.up`, dModel, dFf, width),
        matrix(`layers.${i}.feedForward.down`, dFf, dModel, dFf ** -0.5 * residual),
      );
    }
  });
  specs.push(gain('norm', dModel));
  if (!tieEmbeddings) specs.push(matrix('head', dModel, vocabSize, width));
  return specs;
}

export type Weights = Readonly<Record<string, Float32Array>>;

/** First values, drawn in the order of `parameterSpecs`. */
export function initialWeights(architecture: Architecture, rng: Rng): Record<string, Float32Array> {
  const weights: Record<string, Float32Array> = {};
  for (const { name, shape, initialDeviation } of parameterSpecs(architecture)) {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    if (initialDeviation === undefined) data.fill(1);
    else for (let i = 0; i < data.length; i++) data[i] = initialDeviation * rng.normal();
    weights[name] = data;
  }
  return weights;
}
