// What a model of the loss sees of a candidate: sizes as logarithms, and sums over the depth.
import {
  type Architecture,
  countLayerParameters,
  countParameters,
  type Layer,
} from '../space/architecture.ts';
import type { Candidate } from '../space/candidate.ts';
import { type Deployment, LAYER_PARTS, type LayerPart } from '../space/deployment.ts';
import { KV_CACHE_FORMATS, WEIGHT_FORMATS } from '../space/number-formats.ts';
import { hasPart } from '../space/storage-genes.ts';

/** Depth is cut into so many equal parts, so that models of different depth compare. */
const DEPTH_PARTS = 4;

function sizes(architecture: Architecture): number[] {
  const { layers, dModel, headDim } = architecture;
  const sum = (of: (layer: Layer) => number) => layers.reduce((total, layer) => total + of(layer), 0);
  const attention = sum((layer) => countLayerParameters(architecture, layer).attention);
  const feedForward = sum((layer) => countLayerParameters(architecture, layer).feedForward);
  const blocks = attention + feedForward;
  return [
    Math.log(blocks + 1),
    Math.log(attention + 1),
    Math.log(feedForward + 1),
    Math.log(countParameters(architecture)),
    blocks === 0 ? 0 : attention / blocks,
    Math.log(dModel),
    Math.log(headDim),
    Math.log(layers.length + 1),
    sum((layer) => (layer.nHeads === 0 ? 1 : 0)),
    sum((layer) => (layer.dFf === 0 ? 1 : 0)),
    architecture.tieEmbeddings ? 1 : 0,
  ];
}

/** For each part of the depth, the sum over its layers of a few numbers of a layer. */
function byDepth(nLayers: number, width: number, of: (layer: number) => readonly number[]): number[] {
  const sums = Array.from({ length: DEPTH_PARTS * width }, () => 0);
  for (let layer = 0; layer < nLayers; layer++) {
    const part = Math.floor((layer * DEPTH_PARTS) / nLayers);
    for (const [k, value] of of(layer).entries()) sums[part * width + k]! += value;
  }
  return sums;
}

function layerShapes({ layers }: Architecture): number[] {
  return byDepth(layers.length, 3, (at) => {
    const { nHeads, nKvHeads, dFf } = layers[at]!;
    return [Math.log(1 + nHeads), Math.log(1 + nKvHeads), Math.log(1 + dFf)];
  });
}

function storage(layers: Architecture['layers'], deployment: Deployment): number[] {
  const { embedding, kvCacheFormat } = deployment;
  /** How the part of each layer is stored; undefined where the layer lacks it. */
  const stored = (part: LayerPart) =>
    layers.map((layer, at) => (hasPart(layer, part) ? deployment.layers[at]![part] : undefined));
  return [
    ...LAYER_PARTS.flatMap((part) => {
      const formats = stored(part).map((each) => each?.weightFormat);
      return WEIGHT_FORMATS.map(
        (format) => formats.filter((each) => each === format).length / Math.max(1, layers.length),
      );
    }),
    ...WEIGHT_FORMATS.map((format) => (embedding.weightFormat === format ? 1 : 0)),
    ...KV_CACHE_FORMATS.map((format) => (kvCacheFormat === format ? 1 : 0)),
    ...LAYER_PARTS.flatMap((part) => {
      const sparsities = stored(part).map((each) => each?.sparsity ?? 0);
      return byDepth(layers.length, 2, (at) => [sparsities[at]!, sparsities[at]! ** 2]);
    }),
    embedding.sparsity,
  ];
}

/**
 * Features of a candidate for `guided`, always equally many: logarithms of its sizes, sums over four parts of its depth
 * of what its layers look like and how sparse they are, and the shares of the formats. What never varies in a run costs
 * nothing.
 */
export function candidateFeatures({ architecture, deployment }: Candidate): number[] {
  return [...sizes(architecture), ...layerShapes(architecture), ...storage(architecture.layers, deployment)];
}
