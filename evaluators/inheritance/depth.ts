// Depth: layers are taken over in their order, left out, or made anew so that they add nothing at first.
import type { Architecture, Layer } from '../../space/architecture.ts';
import type { Rng } from '../../space/random.ts';
import type { LanguageModel } from '../generation/language-model.ts';
import { initialValues, parameterSpecs, type Weights } from '../model/parameters.ts';

/** Matrices whose products join the residual stream: where they are zero, their part adds nothing. */
const isOutput = (name: string): boolean => name.endsWith('.o') || name.endsWith('.down');

/** First values of the weights whose names begin with `prefix`, with outputs of zero, so that they add nothing yet. */
export function silentWeights(architecture: Architecture, prefix: string, rng: Rng): Weights {
  const specs = parameterSpecs(architecture).filter(({ name }) => name.startsWith(prefix));
  return Object.fromEntries(
    specs.map((spec) => {
      const values = initialValues(spec, rng);
      return [spec.name, isOutput(spec.name) ? values.fill(0) : values] as const;
    }),
  );
}

/**
 * The model whose layer i is the old layer `sources[i]`, or a new one in the shape of `shapes[i]` that adds nothing.
 * Inserting preserves the function; leaving a layer out does not.
 */
export function withDepth(
  { architecture, weights }: LanguageModel,
  sources: readonly (number | undefined)[],
  shapes: readonly Layer[],
  rng: Rng,
): LanguageModel {
  const layers = sources.map((source, at) =>
    source === undefined ? shapes[at]! : architecture.layers[source]!,
  );
  const next = { ...architecture, layers };
  const renamed: Record<string, Float32Array> = {};
  for (const [name, values] of Object.entries(weights)) {
    const [, layer, rest] = /^layers\.(\d+)\.(.*)$/.exec(name) ?? [];
    if (layer === undefined) renamed[name] = values;
    for (const [at, source] of sources.entries()) {
      if (String(source) === layer) renamed[`layers.${at}.${rest}`] = values;
    }
  }
  for (const [at, source] of sources.entries()) {
    if (source === undefined) Object.assign(renamed, silentWeights(next, `layers.${at}.`, rng));
  }
  return { architecture: next, weights: renamed };
}
