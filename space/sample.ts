// Random members of a space.
import type { Layer } from './architecture.ts';
import type { Candidate } from './candidate.ts';
import type { Space } from './compiled-space.ts';
import { alikeLayer, type LayerDeployment } from './deployment.ts';
import { sampleDraft } from './draft.ts';
import type { Block } from './genome.ts';
import type { Rng } from './random.ts';
import { repairGenes } from './repair.ts';
import { storageGenes, withStorage } from './storage-genes.ts';

/**
 * A random member; every member can be drawn. Each gene is uniform over its choices, depth too (drawn uniformly
 * over members, nearly all would have the greatest depth).
 */
export function sampleCandidate(space: Space, rng: Rng): Candidate {
  const nLayers = rng.pick(space.depth);
  return repairGenes(space, {
    dModel: rng.pick(space.dModel),
    headDim: rng.pick(space.headDim),
    tieEmbeddings: rng.pick(space.tieEmbeddings),
    blocks: Array.from({ length: nLayers }, () => sampleBlock(space, rng)),
    headFormat: rng.pick(space.headFormat),
    headSparsity: rng.pick(space.headSparsity),
    kvCacheFormat: rng.pick(space.kvCacheFormat),
    nCards: rng.pick(space.nCards),
    draft: sampleDraft(space.draft, nLayers, space, rng),
  });
}

/** A random layer with its storage. */
export function sampleBlock(space: Space, rng: Rng): Block {
  return { ...sampleLayer(space, rng), ...sampleStorage(space, rng) };
}

/** A random way of storing one layer. */
export function sampleStorage(space: Space, rng: Rng): LayerDeployment {
  const anything = alikeLayer({ weightFormat: 'fp16', sparsity: 0 });
  return storageGenes(space).reduce(
    (stored, gene) => withStorage(stored, gene, rng.pick(gene.choices)),
    anything,
  );
}

function sampleLayer(space: Space, rng: Rng): Layer {
  while (true) {
    const { nHeads, nKvHeads } = rng.pick(space.attention);
    const layer = { nHeads, nKvHeads: rng.pick(nKvHeads), dFf: rng.pick(space.dFf) };
    // A space has layers that are not empty, and at most one in two of these draws is.
    if (layer.nHeads + layer.dFf > 0) return layer;
  }
}
