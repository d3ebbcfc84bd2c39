// Byte-pair encoding of one word: the pair of lowest rank first, the leftmost among equals, until none is left.
import { pairKey, type Vocabulary } from './bpe-vocabulary.ts';
import { createHeap } from './heap.ts';

/** Ranks and positions share one number in the heap; positions are below this. */
const POSITIONS = 2 ** 32;

/** The token ids of one word; O(n log n) in its bytes, because a word may be as long as a text without blanks. */
export function encodeWord({ ranks }: Vocabulary, word: Uint8Array): Uint16Array {
  const ids = Uint16Array.from(word);
  // A linked list over the positions; -1 ends it, a removed position has `next` -2.
  const next = Int32Array.from(word, (_, i) => (i + 1 < word.length ? i + 1 : -1));
  const previous = Int32Array.from(word, (_, i) => i - 1);
  const heap = createHeap<number>((a, b) => a < b);
  const mergeAt = (at: number) => {
    const after = next[at]!;
    return after < 0 ? undefined : ranks.get(pairKey(ids[at]!, ids[after]!));
  };
  const offer = (at: number) => {
    const merge = at < 0 ? undefined : mergeAt(at);
    if (merge !== undefined) heap.push(merge.rank * POSITIONS + at);
  };
  for (let at = 0; at < word.length; at++) offer(at);
  for (let top = heap.pop(); top !== undefined; top = heap.pop()) {
    const at = top % POSITIONS;
    const merge = mergeAt(at);
    if (merge === undefined || merge.rank !== Math.floor(top / POSITIONS)) continue;
    const removed = next[at]!;
    ids[at] = merge.id;
    next[at] = next[removed]!;
    if (next[at]! >= 0) previous[next[at]!] = at;
    next[removed] = -2;
    offer(previous[at]!);
    offer(at);
  }
  return ids.filter((_, i) => next[i] !== -2);
}
