// The model that is trained here stands for a larger relative: widths, heads and vocabulary multiplied up,
// depth and per-layer choices kept.
import type { Architecture } from './architecture.ts';

/** `headDim` is multiplied by `width / heads`, which must be a whole number. Absent fields keep the trained value. */
export interface Scale {
  readonly width: number;
  readonly heads: number;
  readonly vocabSize?: number;
  readonly contextLength?: number;
}

/** The architecture that is deployed when `architecture` is the one that is trained. */
export function deployedArchitecture(architecture: Architecture, scale: Scale | undefined): Architecture {
  if (scale === undefined) return architecture;
  const { width, heads } = scale;
  return {
    ...architecture,
    dModel: architecture.dModel * width,
    headDim: (architecture.headDim * width) / heads,
    vocabSize: scale.vocabSize ?? architecture.vocabSize,
    contextLength: scale.contextLength ?? architecture.contextLength,
    layers: architecture.layers.map((layer) => ({
      nHeads: layer.nHeads * heads,
      nKvHeads: layer.nKvHeads * heads,
      dFf: layer.dFf * width,
    })),
  };
}
