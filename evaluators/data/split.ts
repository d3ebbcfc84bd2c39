// Training and validation text, split by document: a tail would be another period's style, and a split inside
// a document would leak its names and phrases.
import { createHash } from 'node:crypto';
import { type Corpus, CorpusError, type TextDocument } from './corpus.ts';

export interface CorpusSplit {
  readonly train: readonly TextDocument[];
  readonly validation: readonly TextDocument[];
}

/**
 * Takes `share` of the documents for validation, spread evenly over their order, at least one for either side.
 * Identical documents count as one and stay together.
 * @throws CorpusError where there are fewer than two distinct documents.
 */
export function splitByDocument(corpus: Corpus, share: number): CorpusSplit {
  if (!(share > 0 && share < 1)) throw new RangeError(`validation share ${share} is not between 0 and 1`);
  const groups = [...groupIdentical(corpus.documents).values()];
  if (groups.length < 2) {
    throw new CorpusError(`corpus ${corpus.source}: one distinct document; validation needs a second`);
  }
  const nValidation = Math.min(groups.length - 1, Math.max(1, Math.round(share * groups.length)));
  const chosen = new Set<number>();
  for (let i = 0; i < nValidation; i++) {
    chosen.add(Math.floor(((i + 0.5) * groups.length) / nValidation));
  }
  return {
    train: groups.filter((_, i) => !chosen.has(i)).flat(),
    validation: groups.filter((_, i) => chosen.has(i)).flat(),
  };
}

/** Documents by content, in the order of each content's first appearance. */
function groupIdentical(documents: readonly TextDocument[]): Map<string, TextDocument[]> {
  const groups = new Map<string, TextDocument[]>();
  for (const document of documents) {
    const key = createHash('sha256').update(document.bytes).digest('base64');
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [document]);
    else group.push(document);
  }
  return groups;
}
