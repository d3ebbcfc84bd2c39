// The weights of a transformer: names, shapes, first values.
import type { Architecture } from '../../space/architecture.ts';
import type { Rng } from '../../space/random.ts';

/** One weight tensor. Matrices are stored (in, out), so that a product reads `x . W`. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** Matrices decay, norm gains do not. */
  readonly decays: boolean;
  /** Factor on the learning rate. */
  readonly rateFactor: number;
  /** Standard deviation of the first values; `undefined` = ones. */
  readonly initialDeviation: number | undefined;
}

const matrix = (
  name: string,
  rows: number,
  columns: number,
  initialDeviation: number,
  rateFactor: number,
): ParameterSpec => ({
  name,
  shape: [rows, columns],
  decays: true,
  rateFactor,
  initialDeviation,
});

/** Up to this width every weight learns at the rate that the settings name. */
const REFERENCE_WIDTH = 64;

/**
 * Matrices inside the model learn at a rate that falls with its width, so that one setting serves all widths of a
 * space (Yang et al. 2022, table 3); embeddings and gains, whose inputs do not grow with it, at the rate itself.
 */
const rateFactorOf = (dModel: number): number => Math.min(1, REFERENCE_WIDTH / dModel);

const gain = (name: string, size: number): ParameterSpec => ({
  name,
  shape: [size],
  decays: false,
  rateFactor: 1,
  initialDeviation: undefined,
});

/** Every weight of `architecture`, in a fixed order. Products into the residual stream start smaller, by depth. */
export function parameterSpecs(architecture: Architecture): readonly ParameterSpec[] {
  const { dModel, headDim, vocabSize, layers, tieEmbeddings } = architecture;
  const width = dModel ** -0.5;
  const residual = (2 * layers.length) ** -0.5;
  const inner = rateFactorOf(dModel);
  const specs: ParameterSpec[] = [matrix('embedding', vocabSize, dModel, 0.02, 1)];
  layers.forEach(({ nHeads, nKvHeads, dFf }, i) => {
    if (nHeads > 0) {
      const heads = nHeads * headDim;
      specs.push(
        gain(`layers.${i}.attention.norm`, dModel),
        matrix(`layers.${i}.attention.q`, dModel, heads, width, inner),
        matrix(`layers.${i}.attention.k`, dModel, nKvHeads * headDim, width, inner),
        matrix(`layers.${i}.attention.v`, dModel, nKvHeads * headDim, width, inner),
        matrix(`layers.${i}.attention.o`, heads, dModel, heads ** -0.5 * residual, inner),
      );
    }
    if (dFf > 0) {
      specs.push(
        gain(`layers.${i}.feedForward.norm`, dModel),
        matrix(`layers.${i}.feedForward.gate`, dModel, dFf, width, inner),
        matrix(`layers.${i}.feedForward.up`, dModel, dFf, width, inner),
        matrix(`layers.${i}.feedForward.down`, dFf, dModel, dFf ** -0.5 * residual, inner),
      );
    }
  });
  specs.push(gain('norm', dModel));
  if (!tieEmbeddings) specs.push(matrix('head', dModel, vocabSize, width, inner));
  return specs;
}

export type Weights = Readonly<Record<string, Float32Array>>;

/** First values of one weight. */
export function initialValues({ shape, initialDeviation }: ParameterSpec, rng: Rng): Float32Array {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  if (initialDeviation === undefined) data.fill(1);
  else for (let i = 0; i < data.length; i++) data[i] = initialDeviation * rng.normal();
  return data;
}

/** First values, drawn in the order of `parameterSpecs`. */
export function initialWeights(architecture: Architecture, rng: Rng): Record<string, Float32Array> {
  return Object.fromEntries(
    parameterSpecs(architecture).map((spec) => [spec.name, initialValues(spec, rng)] as const),
  );
}
