// Other ways of serving an architecture of the space: what "train once, deploy many" chooses from.
import type { Architecture } from './architecture.ts';
import { type Candidate, hashOf } from './candidate.ts';
import type { Space } from './compiled-space.ts';
import { withoutDraft } from './deployment.ts';
import { draftsFor } from './draft.ts';
import { type Genes, genesOf } from './genome.ts';
import type { Rng } from './random.ts';
import { repairGenes } from './repair.ts';
import { sampleStorage } from './sample.ts';
import { layerRuns, type StorageGene, storageGenes, withStorage } from './storage-genes.ts';

/** `genes` under one of the deployments that store all layers alike, by mixed radix: 0 takes the first of all choices. */
function servedAlike(space: Space, storage: readonly StorageGene[], genes: Genes, number: number): Genes {
  let rest = number;
  const next = <T>(choices: readonly T[]): T => {
    const choice = choices[rest % choices.length]!;
    rest = Math.floor(rest / choices.length);
    return choice;
  };
  let { blocks } = genes;
  for (const gene of storage) {
    const value = next(gene.choices);
    blocks = blocks.map((block) => withStorage(block, gene, value));
  }
  return {
    ...genes,
    blocks,
    headFormat: next(space.headFormat),
    headSparsity: next(space.headSparsity),
    kvCacheFormat: next(space.kvCacheFormat),
    nCards: next(space.nCards),
  };
}

/**
 * Up to `most` distinct members with the architecture of the member `candidate`: those that store all layers alike (an
 * even selection where they are too many), then, where layers choose for themselves, as many random ones. None drafts:
 * see `draftedDeployments`.
 */
export function deploymentsOf(space: Space, candidate: Candidate, most: number, rng: Rng): Candidate[] {
  const genes = { ...genesOf(candidate), draft: undefined };
  const storage = storageGenes(space);
  const found = new Map<string, Candidate>();
  const add = (served: Genes) => {
    const member = repairGenes(space, served);
    found.set(hashOf(member), member);
  };
  const { headFormat, headSparsity, kvCacheFormat, nCards } = space;
  const lists = [...storage.map(({ choices }) => choices), headFormat, headSparsity, kvCacheFormat, nCards];
  const nAlike = lists.reduce((product, { length }) => product * length, 1);
  const isMixed = storage.some(
    (gene) => gene.choices.length > 1 && layerRuns(gene, genes.blocks.length).length > 1,
  );
  const nShown = Math.min(nAlike, isMixed ? Math.ceil(most / 2) : most);
  for (let shown = 0; shown < nShown; shown++) {
    add(servedAlike(space, storage, genes, Math.floor((shown * nAlike) / nShown)));
  }
  for (let draw = 0; isMixed && draw < most - nShown; draw++) {
    const alike = servedAlike(space, storage, genes, rng.below(nAlike));
    add({ ...alike, blocks: alike.blocks.map((block) => ({ ...block, ...sampleStorage(space, rng) })) });
  }
  return [...found.values()];
}

/** `candidate` with each draft that the space allows it: look-up, its own first layers, the given models. */
export function draftedDeployments(
  space: Space,
  { architecture, deployment }: Candidate,
  models: readonly Architecture[],
): Candidate[] {
  const alone = withoutDraft(deployment);
  const drafts = draftsFor(space.draft, architecture.layers.length, models, space);
  return drafts.map((draft) => ({ architecture, deployment: { ...alone, draft } }));
}
