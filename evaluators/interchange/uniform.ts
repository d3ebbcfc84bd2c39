// The weights of a plain Llama model that computes what a model with unlike layers computes: what a layer lacks is
// filled up with zeros that multiply away, and kv heads stand as often as the common grouping needs them.
import type { Architecture, Layer } from '../../space/architecture.ts';
import { parameterSpecs, type Weights } from '../model/parameters.ts';

/** Where a layer's heads and kv heads go: by new number the old one, or -1 for none. */
function placeHeads(
  layer: Layer,
  uniform: Layer,
): { readonly heads: Int32Array; readonly kvHeads: Int32Array } {
  const heads = new Int32Array(uniform.nHeads).fill(-1);
  const kvHeads = new Int32Array(uniform.nKvHeads).fill(-1);
  if (layer.nHeads === 0) return { heads, kvHeads };
  const oldGroup = layer.nHeads / layer.nKvHeads;
  const group = uniform.nHeads / uniform.nKvHeads;
  let place = 0;
  for (let kvHead = 0; kvHead < layer.nKvHeads; kvHead++) {
    for (let first = 0; first < oldGroup; first += group, place++) {
      kvHeads[place] = kvHead;
      for (let i = 0; i < Math.min(group, oldGroup - first); i++)
        heads[place * group + i] = kvHead * oldGroup + first + i;
    }
  }
  return { heads, kvHeads };
}

/** Columns of a row-major (rows, old) matrix in new places, blocks of `size` at a time; zeros where there is none. */
function placeColumns(values: Float32Array, rows: number, places: Int32Array, size: number): Float32Array {
  const width = places.length * size;
  const old = values.length / rows;
  const placed = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++)
    for (const [to, from] of places.entries())
      if (from >= 0)
        placed.set(
          values.subarray(row * old + from * size, row * old + (from + 1) * size),
          row * width + to * size,
        );
  return placed;
}

/** The same for blocks of rows of `width` values. */
function placeRows(values: Float32Array, width: number, places: Int32Array, size: number): Float32Array {
  const block = size * width;
  const placed = new Float32Array(places.length * block);
  for (const [to, from] of places.entries())
    if (from >= 0) placed.set(values.subarray(from * block, (from + 1) * block), to * block);
  return placed;
}

/** Old places 0 .. n - 1 first, then none. */
const filledUp = (n: number, wide: number): Int32Array =>
  Int32Array.from({ length: wide }, (_, i) => (i < n ? i : -1));

const NOTHING = new Float32Array(0);

/**
 * The weights of `uniform`, an architecture from `uniformArchitecture`, that compute what `weights` compute in
 * `architecture`: new heads and channels have zeros where their results would enter.
 */
export function widenWeights(architecture: Architecture, weights: Weights, uniform: Architecture): Weights {
  const { dModel, headDim } = architecture;
  const places = architecture.layers.map((layer, i) => ({
    ...placeHeads(layer, uniform.layers[i]!),
    channels: filledUp(layer.dFf, uniform.layers[i]!.dFf),
  }));
  const widened = parameterSpecs(uniform).map(({ name, shape }) => {
    const inLayer = /^layers\.(\d+)\.(.+)$/.exec(name);
    const known = weights[name];
    if (inLayer === null) return [name, known!] as const;
    const { heads, kvHeads, channels } = places[Number(inLayer[1])]!;
    const values = known ?? NOTHING;
    switch (inLayer[2]) {
      case 'attention.q':
        return [name, placeColumns(values, dModel, heads, headDim)] as const;
      case 'attention.k':
      case 'attention.v':
        return [name, placeColumns(values, dModel, kvHeads, headDim)] as const;
      case 'attention.o':
        return [name, placeRows(values, dModel, heads, headDim)] as const;
      case 'feedForward.gate':
      case 'feedForward.up':
        return [name, placeColumns(values, dModel, channels, 1)] as const;
      case 'feedForward.down':
        return [name, placeRows(values, dModel, channels, 1)] as const;
      default:
        // A norm before a part that was left out multiplies zeros.
        return [name, known ?? new Float32Array(shape[0]!).fill(1)] as const;
    }
  });
  return Object.fromEntries(widened);
}
