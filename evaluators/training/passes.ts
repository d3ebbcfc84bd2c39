// How many passes a step takes: a batch whose activations would not fit a worker's memory is cut into equal parts,
// whose gradients are averaged. It depends on shapes alone, so that every machine computes the same.
import type { Architecture } from '../../space/architecture.ts';

/** Activations that one pass may keep. */
const MAX_PASS_BYTES = 2 ** 29;

/** Bytes that a pass over one sequence keeps until its gradients are done: what `model/` saves and what is in flight. */
export function sequenceBytes({ dModel, headDim, vocabSize, contextLength, layers }: Architecture): number {
  let floats = contextLength * (4 * dModel + 3 * vocabSize);
  for (const { nHeads, nKvHeads, dFf } of layers) {
    const attention = 2 * dModel + headDim * (4 * nHeads + 3 * nKvHeads) + nHeads * contextLength;
    floats += contextLength * ((nHeads > 0 ? attention : 0) + (dFf > 0 ? 2 * dModel + 4 * dFf : 0));
  }
  return 4 * floats;
}

/** The fewest passes that divide `batch` and keep each within the limit; single sequences where none does. */
export function nPassesOf(architecture: Architecture, batch: number, maxBytes = MAX_PASS_BYTES): number {
  const bytes = sequenceBytes(architecture);
  for (let nPasses = 1; nPasses < batch; nPasses++) {
    if (batch % nPasses === 0 && (batch / nPasses) * bytes <= maxBytes) return nPasses;
  }
  return batch;
}
